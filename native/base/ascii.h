// Character classes of RFC 9110 and RFC 3986, and case-insensitive comparison, on bytes.
// Never the C locale: `isalpha` and friends depend on it.
#ifndef POSTERN_BASE_ASCII_H_
#define POSTERN_BASE_ASCII_H_

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace postern {

inline constexpr uint8_t kCr = '\r';
inline constexpr uint8_t kLf = '\n';
inline constexpr uint8_t kHtab = '\t';
inline constexpr uint8_t kDel = 0x7f;

constexpr bool IsDigit(uint8_t c) {
  return c >= '0' && c <= '9';
}
constexpr bool IsAlpha(uint8_t c) {
  return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}
constexpr bool IsAlnum(uint8_t c) {
  return IsAlpha(c) || IsDigit(c);
}
constexpr uint8_t ToLower(uint8_t c) {
  return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}
constexpr uint8_t ToUpper(uint8_t c) {
  return c >= 'a' && c <= 'z' ? static_cast<uint8_t>(c & 0xdf) : c;
}
constexpr bool IsOws(uint8_t c) {
  return c == ' ' || c == kHtab;
}

// The value of a hexadecimal digit, or -1.
constexpr int HexValue(uint8_t c) {
  if (IsDigit(c)) return c - '0';
  if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') return (c | 0x20) - 'a' + 10;
  return -1;
}

namespace internal {
constexpr std::array<bool, 256> MakeTokenTable() {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) table[c] = IsAlnum(static_cast<uint8_t>(c));
  for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    table[static_cast<uint8_t>(c)] = true;
  }
  return table;
}
inline constexpr std::array<bool, 256> kTokenTable = MakeTokenTable();
}  // namespace internal

// tchar of RFC 9110 §5.6.2.
constexpr bool IsToken(uint8_t c) {
  return internal::kTokenTable[c];
}

// A byte that may stand in a field value: VCHAR, SP, HTAB or obs-text (RFC 9110 §5.5).
constexpr bool IsFieldByte(uint8_t c) {
  return (c >= 0x20 && c != kDel) || c == kHtab;
}

inline bool IsToken(ByteView text) {
  for (uint8_t c : text) {
    if (!IsToken(c)) return false;
  }
  return !text.empty();
}

// `lower` must be lower case.
inline bool EqualsIgnoreCase(ByteView text, ByteView lower) {
  if (text.size != lower.size) return false;
  for (size_t i = 0; i < text.size; ++i) {
    if (ToLower(text[i]) != lower[i]) return false;
  }
  return true;
}

template <size_t N>
bool EqualsIgnoreCase(ByteView text, const char (&lower)[N]) {
  return EqualsIgnoreCase(text, ByteView(lower, N - 1));
}

// Strips SP and HTAB only: other white space is data, and stripping it has smuggled requests
// (CVE-2019-16789, CVE-2022-24801).
inline ByteView TrimOws(ByteView text) {
  while (text.size > 0 && IsOws(text[0])) text = text.From(1);
  while (text.size > 0 && IsOws(text[text.size - 1])) text.size -= 1;
  return text;
}

// 1*DIGIT that fits 63 bits (RFC 9110 §8.6): no sign, no space, no underscore, no overflow.
inline bool ParseDecimal(ByteView text, uint64_t* out) {
  constexpr uint64_t kMax = INT64_MAX;
  if (text.empty()) return false;
  uint64_t value = 0;
  for (uint8_t c : text) {
    if (!IsDigit(c)) return false;
    const uint64_t digit = c - uint64_t{'0'};
    if (value > (kMax - digit) / 10) return false;
    value = value * 10 + digit;
  }
  *out = value;
  return true;
}

}  // namespace postern

#endif  // POSTERN_BASE_ASCII_H_
