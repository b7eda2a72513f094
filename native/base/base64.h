// Base64 (RFC 4648 §4), as far as Basic credentials need it.
#ifndef POSTERN_BASE_BASE64_H_
#define POSTERN_BASE_BASE64_H_

#include "base/bytes.h"

namespace postern {

// Decodes from the front until `capacity` bytes are full, the text ends, or a byte is no base64.
// Returns the number of decoded bytes.
inline size_t DecodeBase64(ByteView text, uint8_t* out, size_t capacity) {
  uint32_t bits = 0;
  int held = 0;
  size_t size = 0;
  for (const uint8_t c : text) {
    uint32_t value;
    if (c >= 'A' && c <= 'Z') {
      value = c - 'A';
    } else if (c >= 'a' && c <= 'z') {
      value = c - 'a' + 26;
    } else if (c >= '0' && c <= '9') {
      value = c - '0' + 52;
    } else if (c == '+' || c == '/') {
      value = c == '+' ? 62 : 63;
    } else {
      break;
    }
    bits = bits << 6 | value;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    if (size == capacity) break;
    out[size++] = static_cast<uint8_t>(bits >> held);
  }
  return size;
}

}  // namespace postern

#endif  // POSTERN_BASE_BASE64_H_
