// See escape.h.
#include "base/escape.h"

#include <algorithm>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace postern {
namespace {

constexpr char kHex[] = "0123456789abcdef";

constexpr bool IsPlain(uint8_t c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

// Copies bytes that mean themselves in text and in JSON alike; `p` stands at the first other one
// then, or at `end`. May write up to 16 bytes from `out` on, within the room for [p, end).
uint8_t* CopyPlain(const uint8_t** p, const uint8_t* end, uint8_t* out) {
  const uint8_t* in = *p;
#if defined(__SSE2__)
  while (end - in >= 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), block);
    // Signed: bytes of 0x80 and above are negative, hence less than a space.
    const __m128i low = _mm_cmplt_epi8(block, _mm_set1_epi8(0x20));
    const __m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f));
    const __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    const __m128i slash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    const int mask =
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low, del), _mm_or_si128(quote, slash)));
    const int plain = mask == 0 ? 16 : __builtin_ctz(mask);
    in += plain;
    out += plain;
    if (plain < 16) {
      *p = in;
      return out;
    }
  }
#endif
  while (in < end && IsPlain(*in)) *out++ = *in++;
  *p = in;
  return out;
}

uint8_t* PutHex(uint8_t c, uint8_t* out) {
  *out++ = static_cast<uint8_t>(kHex[c >> 4]);
  *out++ = static_cast<uint8_t>(kHex[c & 15]);
  return out;
}

uint8_t* PutUnicode(uint8_t c, uint8_t* out) {
  memcpy(out, "\\u00", 4);
  return PutHex(c, out + 4);
}

// The length of the character at `p`, 0: it is none.
size_t CharacterSize(const uint8_t* p, const uint8_t* end) {
  const uint8_t c = *p;
  if (c < 0x80) return 1;
  const size_t size = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
  if (c < 0xc2 || c > 0xf4 || static_cast<size_t>(end - p) < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((p[i] & 0xc0) != 0x80) return 0;
  }
  if (c == 0xe0 && p[1] < 0xa0) return 0;
  if (c == 0xed && p[1] > 0x9f) return 0;
  if (c == 0xf0 && p[1] < 0x90) return 0;
  if (c == 0xf4 && p[1] > 0x8f) return 0;
  return size;
}

}  // namespace

bool IsUtf8(ByteView bytes) {
  for (const uint8_t* p = bytes.begin(); p < bytes.end();) {
    const size_t size = CharacterSize(p, bytes.end());
    if (size == 0) return false;
    p += size;
  }
  return true;
}

uint8_t* EscapeText(ByteView value, bool spaces, uint8_t* out) {
  const uint8_t* p = value.begin();
  uint8_t* const start = out;
  for (;;) {
    out = CopyPlain(&p, value.end(), out);
    if (p == value.end()) break;
    *out++ = '\\';
    *out++ = 'x';
    out = PutHex(*p++, out);
  }
  if (!spaces || std::find(start, out, uint8_t{' '}) == out) return out;
  // Seldom: from the back, into the room that is there for it.
  const size_t count = static_cast<size_t>(std::count(start, out, uint8_t{' '}));
  uint8_t* const end = out + 3 * count;
  uint8_t* to = end;
  for (const uint8_t* from = out; from != start;) {
    const uint8_t c = *--from;
    if (c != ' ') {
      *--to = c;
      continue;
    }
    to -= 4;
    memcpy(to, "\\x20", 4);
  }
  return end;
}

uint8_t* EscapeJson(ByteView value, uint8_t* out) {
  const uint8_t* p = value.begin();
  // Asked for only when there is something beyond ASCII.
  bool asked = false;
  bool utf8 = true;
  for (;;) {
    out = CopyPlain(&p, value.end(), out);
    if (p == value.end()) return out;
    const uint8_t c = *p;
    if (c == '"' || c == '\\') {
      *out++ = '\\';
      *out++ = c;
      ++p;
    } else if (c < 0x80) {
      out = PutUnicode(c, out);
      ++p;
    } else {
      if (!asked) utf8 = IsUtf8(value);
      asked = true;
      if (!utf8) {
        out = PutUnicode(c, out);
        ++p;
        continue;
      }
      const size_t size = CharacterSize(p, value.end());
      // U+0080 to U+009F are control characters as well, to some terminals.
      if (c == 0xc2 && p[1] < 0xa0) {
        out = PutUnicode(p[1], out);
      } else {
        memcpy(out, p, size);
        out += size;
      }
      p += size;
    }
  }
}

}  // namespace postern
