// Views of bytes, and the only functions that read integers out of them.
//
// A view owns nothing: it dies with the buffer that it points into. Readers look at bytes in
// [data, data + size) only; they advance the view or return false and leave it alone.
#ifndef POSTERN_BASE_BYTES_H_
#define POSTERN_BASE_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace postern {

struct ByteView {
  const uint8_t* data = nullptr;
  size_t size = 0;

  constexpr ByteView() = default;
  constexpr ByteView(const uint8_t* bytes, size_t count) : data(bytes), size(count) {}
  explicit ByteView(const char* text) : ByteView(text, strlen(text)) {}
  ByteView(const char* text, size_t count)
      : data(reinterpret_cast<const uint8_t*>(text)), size(count) {}

  bool empty() const { return size == 0; }
  const uint8_t* begin() const { return data; }
  const uint8_t* end() const { return data + size; }
  uint8_t operator[](size_t i) const { return data[i]; }
  const char* chars() const { return reinterpret_cast<const char*>(data); }
  ByteView Sub(size_t from, size_t count) const { return {data + from, count}; }
  ByteView From(size_t from) const { return {data + from, size - from}; }
};

inline bool Equals(ByteView a, ByteView b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

template <size_t N>
bool Equals(ByteView a, const char (&literal)[N]) {
  return a.size == N - 1 && memcmp(a.data, literal, N - 1) == 0;
}

template <size_t N>
bool StartsWith(ByteView a, const char (&literal)[N]) {
  return a.size >= N - 1 && memcmp(a.data, literal, N - 1) == 0;
}

inline bool ReadU8(ByteView* in, uint8_t* out) {
  if (in->size < 1) return false;
  *out = in->data[0];
  *in = in->From(1);
  return true;
}

inline bool ReadU16Le(ByteView* in, uint16_t* out) {
  if (in->size < 2) return false;
  *out = static_cast<uint16_t>(in->data[0] | in->data[1] << 8);
  *in = in->From(2);
  return true;
}

inline bool ReadU16Be(ByteView* in, uint16_t* out) {
  if (in->size < 2) return false;
  *out = static_cast<uint16_t>(in->data[0] << 8 | in->data[1]);
  *in = in->From(2);
  return true;
}

// Takes the first `count` bytes off the front of `in`.
inline bool ReadBytes(ByteView* in, size_t count, ByteView* out) {
  if (in->size < count) return false;
  *out = in->Sub(0, count);
  *in = in->From(count);
  return true;
}

}  // namespace postern

#endif  // POSTERN_BASE_BYTES_H_
