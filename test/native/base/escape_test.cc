#include "base/escape.h"

#include <random>
#include <string>

#include "base/base64.h"
#include "check.h"
#include "guard_page.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

// Into room that is as long as it has to be at most, and ends at a guard page.
template <typename Escape>
std::string Escaped(std::string_view value, size_t factor, Escape escape) {
  Guarded in(value);
  Guarded out(std::string(value.size() * factor, '\xee'));
  uint8_t* const end = escape(in.View(), out.data());
  return std::string(Text({out.data(), static_cast<size_t>(end - out.data())}));
}

std::string AsText(std::string_view value, bool spaces = false) {
  return Escaped(value, kMaxEscapeText,
                 [spaces](ByteView in, uint8_t* out) { return EscapeText(in, spaces, out); });
}

std::string AsJson(std::string_view value) {
  return Escaped(value, kMaxEscapeJson, EscapeJson);
}

bool Utf8(std::string_view bytes) {
  Guarded in(bytes);
  return IsUtf8(in.View());
}

// As the comment of the header says it, byte by byte.
std::string TextModel(std::string_view value) {
  std::string out;
  for (const unsigned char c : value) {
    char hex[8];
    snprintf(hex, sizeof(hex), "\\x%02x", c);
    if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') {
      out += hex;
    } else {
      out += static_cast<char>(c);
    }
  }
  return out;
}

}  // namespace

TEST("text: quotes, backslashes, control bytes and what is not ASCII are written in hexadecimal") {
  CHECK_EQ(AsText(""), "");
  CHECK_EQ(AsText("/a?b=c d"), "/a?b=c d");
  CHECK_EQ(AsText("a\"b\\c"), "a\\x22b\\x5cc");
  CHECK_EQ(AsText(std::string_view("\0\n\r\t\x1b\x7f", 6)), "\\x00\\x0a\\x0d\\x09\\x1b\\x7f");
  CHECK_EQ(AsText("\xc3\xa4\xff"), "\\xc3\\xa4\\xff");
}

TEST("text: a word stays one, also if it is nothing but spaces") {
  CHECK_EQ(AsText("a b", true), "a\\x20b");
  CHECK_EQ(AsText("    ", true), "\\x20\\x20\\x20\\x20");
  CHECK_EQ(AsText(" \" ", true), "\\x20\\x22\\x20");
  CHECK_EQ(AsText("0123456789abcdef 0123456789abcdef", true),
           "0123456789abcdef\\x200123456789abcdef");
}

TEST("text: every byte at every place of a block") {
  for (int c = 0; c < 256; ++c) {
    for (size_t at = 0; at < 20; ++at) {
      std::string value(20, 'x');
      value[at] = static_cast<char>(c);
      CHECK_EQ(AsText(value), TextModel(value));
    }
  }
}

TEST("JSON: the inside of a string") {
  CHECK_EQ(AsJson(""), "");
  CHECK_EQ(AsJson("a\"b\\c/"), "a\\\"b\\\\c/");
  CHECK_EQ(AsJson(std::string_view("\0\n\x1f\x7f", 4)), "\\u0000\\u000a\\u001f\\u007f");
  CHECK_EQ(AsJson("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  CHECK_EQ(AsJson("\xc2\x9b"
                  "x\xc2\xa0"),
           "\\u009bx\xc2\xa0");  // CSI steers a terminal
}

TEST("JSON: a value that is not UTF-8 is Latin-1, all of it") {
  CHECK_EQ(AsJson("\xff"), "\\u00ff");
  CHECK_EQ(AsJson("\xc3\xa4\xff\""), "\\u00c3\\u00a4\\u00ff\\\"");
  CHECK_EQ(AsJson("a\xc3"), "a\\u00c3");
}

TEST("UTF-8 has no overlong forms, no surrogates and an end") {
  for (const char* good : {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    Row(good);
    CHECK(Utf8(good));
  }
  for (const char* bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2x", "\xe0\x9f\xbf",
                          "\xed\xa0\x80", "\xe2\x82", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80", "\xf0\x9f\x98", "\xff"}) {
    Row(bad);
    CHECK(!Utf8(bad));
  }
}

TEST("whatever comes, nothing ends the line or the string") {
  std::mt19937 random(7);
  const std::string_view alphabet = "ab \"\\\n\r\x1b\x7f\x80\xc2\x9b\xc3\xa4\xe2\x82\xac\xff";
  for (int i = 0; i < 20000; ++i) {
    std::string value(random() % 70, '\0');
    for (char& c : value) c = alphabet[random() % alphabet.size()];
    CHECK_EQ(AsText(value), TextModel(value));
    const std::string json = AsJson(value);
    bool escaped = false;
    bool clean = Utf8(json);
    for (const unsigned char c : json) {
      clean &= c >= 0x20 && c != 0x7f && (escaped || c != '"');
      escaped = !escaped && c == '\\';
    }
    CHECK(clean && !escaped);
  }
}

TEST("base64 of credentials is decoded as far as it goes") {
  const struct {
    std::string_view text, decoded;
  } rows[] = {{"", ""},         {"YQ==", "a"},        {"am9lOnB3", "joe:pw"},
              {"am9l!", "joe"}, {"/+8=", "\xff\xef"}, {"YQ", "a"},
              {"Y", ""}};
  for (const auto& one : rows) {
    Row(one.text);
    Guarded in(one.text);
    uint8_t out[16];
    CHECK_TEXT((ByteView{out, DecodeBase64(in.View(), out, sizeof(out))}), one.decoded);
  }
  uint8_t two[2];
  CHECK_EQ(DecodeBase64(ByteView("am9lOnB3"), two, 2), 2u);
}
