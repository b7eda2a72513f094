// Scanning for the byte that ends a span, 16 bytes at a time (SSE2, which every x86-64 has) or
// 8 (SWAR, elsewhere). No function reads at or past `end`: the tail goes byte by byte.
#ifndef POSTERN_BASE_SCAN_H_
#define POSTERN_BASE_SCAN_H_

#include <cstdint>
#include <cstring>

#include "base/ascii.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace postern {

namespace internal {

constexpr bool EndsFieldValue(uint8_t c) {
  return !IsFieldByte(c);
}
// Everything that may not stand in a request-target; '#' would be a fragment (RFC 9112 §3.2).
constexpr bool EndsTarget(uint8_t c) {
  return c <= 0x20 || c >= kDel || c == '#';
}

inline constexpr uint64_t kOnes = 0x0101010101010101ull;
inline constexpr uint64_t kHighs = 0x8080808080808080ull;

// High bit of each byte that is less than `n` (n <= 128): the classic SWAR test, which may mark
// bytes above a true one, never below, so the lowest mark is right.
constexpr uint64_t LessThan(uint64_t word, uint8_t n) {
  return (word - kOnes * n) & ~word & kHighs;
}
constexpr uint64_t EqualTo(uint64_t word, uint8_t c) {
  return LessThan(word ^ (kOnes * c), 1);
}

}  // namespace internal

// The first byte that may not stand in a field value (CR, most often), or `end`.
inline const uint8_t* FindFieldValueEnd(const uint8_t* p, const uint8_t* end) {
#if defined(__SSE2__)
  const __m128i kUnit = _mm_set1_epi8(0x1f);
  for (; end - p >= 16; p += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, kUnit), block);
    const __m128i tab = _mm_cmpeq_epi8(block, _mm_set1_epi8(kHtab));
    const __m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(kDel));
    const int mask = _mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del));
    if (mask != 0) return p + __builtin_ctz(mask);
  }
#else
  for (; end - p >= 8; p += 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    if ((internal::LessThan(word, 0x20) | internal::EqualTo(word, kDel)) != 0) break;
  }
#endif
  while (p < end && !internal::EndsFieldValue(*p)) ++p;
  return p;
}

// The first byte that may not stand in a request-target (SP, most often), or `end`.
inline const uint8_t* FindTargetEnd(const uint8_t* p, const uint8_t* end) {
#if defined(__SSE2__)
  for (; end - p >= 16; p += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    // Signed comparison: bytes of 0x80 and above are negative, hence also "not above SP".
    const __m128i visible = _mm_cmpgt_epi8(block, _mm_set1_epi8(0x20));
    const __m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(kDel));
    const __m128i hash = _mm_cmpeq_epi8(block, _mm_set1_epi8('#'));
    const int mask =
        _mm_movemask_epi8(_mm_or_si128(del, hash)) | (_mm_movemask_epi8(visible) ^ 0xffff);
    if (mask != 0) return p + __builtin_ctz(mask);
  }
#else
  for (; end - p >= 8; p += 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    const uint64_t stop = internal::LessThan(word, 0x21) | internal::EqualTo(word, kDel) |
                          internal::EqualTo(word, '#') | (word & internal::kHighs);
    if (stop != 0) break;
  }
#endif
  while (p < end && !internal::EndsTarget(*p)) ++p;
  return p;
}

// memchr that gives `end` where there is none.
inline const uint8_t* FindByte(const uint8_t* p, const uint8_t* end, uint8_t wanted) {
#if defined(__SSE2__)
  // Field names are short: one or two blocks beat a call of memchr.
  for (; end - p >= 16; p += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const int mask =
        _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(static_cast<char>(wanted))));
    if (mask != 0) return p + __builtin_ctz(mask);
  }
#endif
  while (p < end && *p != wanted) ++p;
  return p;
}

}  // namespace postern

#endif  // POSTERN_BASE_SCAN_H_
