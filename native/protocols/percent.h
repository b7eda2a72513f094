// Percent-encoding, RFC 3986 §2.1, on bytes. A path is decoded exactly once.
#ifndef POSTERN_PROTOCOLS_PERCENT_H_
#define POSTERN_PROTOCOLS_PERCENT_H_

#include <cstdint>

#include "base/ascii.h"
#include "base/bytes.h"

namespace postern {

// Decodes `text` into `out`, which has room for text.size bytes. False: an escape is cut short,
// is not hexadecimal, or is %00 (no path may hold a NUL: file systems would cut it there).
inline bool PercentDecode(ByteView text, uint8_t* out, size_t* size) {
  uint8_t* const start = out;
  for (size_t i = 0; i < text.size; ++i) {
    if (text[i] != '%') {
      *out++ = text[i];
      continue;
    }
    if (text.size - i < 3) return false;
    const int high = HexValue(text[i + 1]);
    const int low = HexValue(text[i + 2]);
    if (high < 0 || low < 0 || (high | low) == 0) return false;
    *out++ = static_cast<uint8_t>(high << 4 | low);
    i += 2;
  }
  *size = static_cast<size_t>(out - start);
  return true;
}

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_PERCENT_H_
