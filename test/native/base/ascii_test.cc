#include "base/ascii.h"

#include <string>

#include "check.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

TEST("token characters are those of RFC 9110 5.6.2 and no others") {
  const std::string_view others = "!#$%&'*+-.^_`|~";
  for (int c = 0; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool wanted = alnum || (c != 0 && others.find(static_cast<char>(c)) != others.npos);
    Row(std::to_string(c));
    CHECK_EQ(IsToken(static_cast<uint8_t>(c)), wanted);
  }
}

TEST("a field value may hold HTAB, printable bytes and obs-text, but no other control byte") {
  for (int c = 0; c < 256; ++c) {
    Row(std::to_string(c));
    CHECK_EQ(IsFieldByte(static_cast<uint8_t>(c)), c == '\t' || (c >= 0x20 && c != 0x7f));
  }
}

TEST("letters change case, and nothing else does") {
  for (int c = 0; c < 256; ++c) {
    const auto byte = static_cast<uint8_t>(c);
    Row(std::to_string(c));
    CHECK_EQ(ToLower(byte), c >= 'A' && c <= 'Z' ? c + 32 : c);
    CHECK_EQ(ToUpper(byte), c >= 'a' && c <= 'z' ? c - 32 : c);
  }
}

TEST("hexadecimal digits have a value, other bytes have none") {
  for (int c = 0; c < 256; ++c) {
    int wanted = -1;
    if (c >= '0' && c <= '9') wanted = c - '0';
    if (c >= 'a' && c <= 'f') wanted = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') wanted = c - 'A' + 10;
    Row(std::to_string(c));
    CHECK_EQ(HexValue(static_cast<uint8_t>(c)), wanted);
  }
}

TEST("a token has at least one character, all of them token characters") {
  CHECK(!IsToken(ByteView("")));
  CHECK(IsToken(ByteView("a")));
  CHECK(!IsToken(ByteView("a b")));
  CHECK(!IsToken(ByteView("a\0", 2)));
  CHECK(!IsToken(ByteView("\xff")));
}

TEST("names compare in any case, byte for byte and length for length") {
  CHECK(EqualsIgnoreCase(ByteView("ChUnKeD"), "chunked"));
  CHECK(!EqualsIgnoreCase(ByteView("chunke"), "chunked"));
  CHECK(!EqualsIgnoreCase(ByteView("chunked "), "chunked"));
  CHECK(EqualsIgnoreCase(ByteView(""), ""));
  CHECK(!EqualsIgnoreCase(ByteView("K"), "\x0b"));  // 'K' & 0x1f is 0x0b: no folding by bits
  CHECK(!EqualsIgnoreCase(ByteView("@"), "`"));     // 0x40 and 0x60 differ in the case bit alone
}

TEST("only SP and HTAB are trimmed: other white space is data") {
  const struct {
    std::string_view text;
    std::string_view trimmed;
  } rows[] = {
      {"", ""},
      {" ", ""},
      {" \t a b\t ", "a b"},
      {"\va\v", "\va\v"},
      {"\x85"
       "a",
       "\x85"
       "a"},
      {"\xa0"
       "a\xa0",
       "\xa0"
       "a\xa0"},
      {"\r a", "\r a"},
      {"\f", "\f"},
  };
  for (const auto& one : rows) {
    Row(one.text);
    CHECK_TEXT(TrimOws(Bytes(one.text)), one.trimmed);
  }
}

TEST("a decimal number is 1*DIGIT below 2^63") {
  const struct {
    std::string_view text;
    bool valid;
    uint64_t value;
  } rows[] = {
      {"0", true, 0},
      {"007", true, 7},
      {"9223372036854775807", true, INT64_MAX},
      {"00000000000000000000000000000001", true, 1},
      {"9223372036854775808", false, 0},
      {"9223372036854775810", false, 0},
      {"18446744073709551616", false, 0},
      {"18446744073709551621", false, 0},
      {"99999999999999999999", false, 0},
      {"", false, 0},
      {"+1", false, 0},
      {"-1", false, 0},
      {" 1", false, 0},
      {"1 ", false, 0},
      {"1_0", false, 0},
      {"1.0", false, 0},
      {"0x5", false, 0},
      {"1,1", false, 0},
      {"\xb2", false, 0},
      {std::string_view("1\0", 2), false, 0},
  };
  for (const auto& one : rows) {
    uint64_t value = 4711;
    Row(one.text);
    CHECK_EQ(ParseDecimal(Bytes(one.text), &value), one.valid);
    CHECK_EQ(value, one.valid ? one.value : 4711);
  }
}
