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

// What almost every value is: bytes above `low` (0x1f, or a space) that mean themselves, in text
// and in JSON. Copies all of it and returns the end, or nullptr: then nothing counts that was
// written.
#if defined(__SSE2__)
bool IsPlainBlock(__m128i block, uint8_t low) {
  // Signed: bytes of 0x80 and above are negative, hence not above it.
  const __m128i above = _mm_cmpgt_epi8(block, _mm_set1_epi8(static_cast<char>(low)));
  const __m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f));
  const __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
  const __m128i slash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
  const __m128i marked = _mm_or_si128(del, _mm_or_si128(quote, slash));
  return _mm_movemask_epi8(_mm_andnot_si128(marked, above)) == 0xffff;
}

// Two parts that overlap, unless the value is twice as long.
template <typename Word>
bool CopyTwoParts(const uint8_t* p, size_t size, uint8_t low, uint8_t* out) {
  Word parts[2];
  memcpy(&parts[0], p, sizeof(Word));
  memcpy(&parts[1], p + size - sizeof(Word), sizeof(Word));
  __m128i block = _mm_set1_epi8('x');
  memcpy(&block, parts, sizeof(parts));
  if (!IsPlainBlock(block, low)) return false;
  memcpy(out, &parts[0], sizeof(Word));
  memcpy(out + size - sizeof(Word), &parts[1], sizeof(Word));
  return true;
}

bool CopyPlain(ByteView value, uint8_t low, uint8_t* out) {
  const uint8_t* const p = value.data;
  const size_t size = value.size;
  if (size >= 16) {
    for (size_t at = 0;; at += 16) {
      at = std::min(at, size - 16);
      const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + at));
      if (!IsPlainBlock(block, low)) return false;
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + at), block);
      if (at + 16 == size) return true;
    }
  }
  if (size >= 8) return CopyTwoParts<uint64_t>(p, size, low, out);
  if (size >= 4) return CopyTwoParts<uint32_t>(p, size, low, out);
  for (size_t i = 0; i < size; ++i) {
    if (!IsPlain(p[i]) || p[i] <= low) return false;
    out[i] = p[i];
  }
  return true;
}
#else
bool CopyPlain(ByteView value, uint8_t low, uint8_t* out) {
  for (const uint8_t c : value) {
    if (!IsPlain(c) || c <= low) return false;
    *out++ = c;
  }
  return true;
}
#endif

uint8_t* PutHex(uint8_t c, uint8_t* out) {
  *out++ = static_cast<uint8_t>(kHex[c >> 4]);
  *out++ = static_cast<uint8_t>(kHex[c & 15]);
  return out;
}

uint8_t* PutUnicode(uint8_t c, uint8_t* out) {
  for (const char prefix : {'\\', 'u', '0', '0'}) *out++ = static_cast<uint8_t>(prefix);
  return PutHex(c, out);
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
  const uint8_t low = spaces ? ' ' : 0x1f;
  if (CopyPlain(value, low, out)) return out + value.size;
  for (const uint8_t c : value) {
    if (IsPlain(c) && c > low) {
      *out++ = c;
      continue;
    }
    *out++ = '\\';
    *out++ = 'x';
    out = PutHex(c, out);
  }
  return out;
}

uint8_t* EscapeJson(ByteView value, uint8_t* out) {
  if (CopyPlain(value, 0x1f, out)) return out + value.size;
  const bool utf8 = IsUtf8(value);
  for (const uint8_t* p = value.begin(); p < value.end(); ++p) {
    const uint8_t c = *p;
    if (c == '"' || c == '\\') {
      *out++ = '\\';
      *out++ = c;
    } else if (utf8 && c == 0xc2 && p[1] < 0xa0) {
      // U+0080 to U+009F are control characters as well, to some terminals.
      out = PutUnicode(*++p, out);
    } else if (IsPlain(c) || (c >= 0x80 && utf8)) {
      *out++ = c;
    } else {
      out = PutUnicode(c, out);
    }
  }
  return out;
}

}  // namespace postern
