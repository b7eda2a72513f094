#include "protocols/percent.h"

#include <string>

#include "check.h"
#include "guard_page.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

// False: not decodable.
bool Decode(std::string_view text, std::string* out) {
  Guarded in(text);
  Guarded room(std::string(text.size(), '\xee'));
  size_t size = 0;
  if (!PercentDecode(in.View(), room.data(), &size)) return false;
  *out = Text({room.data(), size});
  return true;
}

}  // namespace

TEST("an escape is '%' and two hexadecimal digits, and is decoded once") {
  const struct {
    std::string_view text;
    const char* decoded;  // nullptr: refused
  } rows[] = {
      {"", ""},
      {"/", "/"},
      {"/a%20b", "/a b"},
      {"%41", "A"},
      {"%2f%2F", "//"},
      {"%2541", "%41"},
      {"%c3%a4", "\xc3\xa4"},
      {"%ff%80%7f%01", "\xff\x80\x7f\x01"},
      {"a+b", "a+b"},
      {"\xff", "\xff"},
      {"%", nullptr},
      {"%4", nullptr},
      {"a%", nullptr},
      {"%%41", nullptr},
      {"%4g", nullptr},
      {"%g4", nullptr},
      {"% 4", nullptr},
      {"%-1", nullptr},
      {"%+1", nullptr},
      {"%0x", nullptr},
      {"%u0041", nullptr},
      {"%00", nullptr},
      {"/etc/passwd%00.png", nullptr},
  };
  for (const auto& one : rows) {
    std::string out;
    Row(one.text);
    const bool decoded = Decode(one.text, &out);
    CHECK_EQ(decoded, one.decoded != nullptr);
    if (decoded) CHECK(out == one.decoded);
  }
}

TEST("every byte but NUL can be written as an escape, in either case") {
  for (int c = 1; c < 256; ++c) {
    char text[8];
    std::string out;
    Row(std::to_string(c));
    for (const char* form : {"%%%02x", "%%%02X"}) {
      snprintf(text, sizeof(text), form, c);
      CHECK(Decode(text, &out) && out == std::string(1, static_cast<char>(c)));
    }
  }
}

TEST("what is decoded is never longer than the text, and may be decoded in place") {
  std::string text = "%41%42c%44";
  auto* const data = reinterpret_cast<uint8_t*>(text.data());
  size_t size = 0;
  CHECK(PercentDecode({data, text.size()}, data, &size));
  CHECK_TEXT(ByteView(data, size), "ABcD");
}
