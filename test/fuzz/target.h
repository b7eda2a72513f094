// What the fuzz targets share. A target is a function of bytes that aborts when something that
// must always hold does not; libfuzzer_main.cc gives it invented bytes, replay_main.cc known ones.
//
//   input := flags:u8 cuts:u32le bytes
//
// `flags` choose options, `cuts` is the seed of where the bytes are cut: so that what comes in
// pieces is found again from the input alone.
#ifndef POSTERN_FUZZ_TARGET_H_
#define POSTERN_FUZZ_TARGET_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace postern::fuzz {

struct Input {
  uint8_t flags = 0;
  uint32_t cuts = 0;
  ByteView bytes;

  bool Flag(int bit) const { return (flags >> bit & 1) != 0; }
  std::string_view text() const { return {bytes.chars(), bytes.size}; }
};

struct Target {
  Target(const char* target_name, void (*function)(const Input&))
      : name(target_name), run(function), next(first) {
    first = this;
  }
  void Run(ByteView raw) const {
    constexpr size_t kOptionBytes = 5;
    Input input;
    if (raw.size >= kOptionBytes) {
      input.flags = raw[0];
      for (size_t i = 0; i < 4; ++i) input.cuts |= static_cast<uint32_t>(raw[1 + i]) << 8 * i;
      input.bytes = raw.From(kOptionBytes);
    }
    run(input);
  }

  const char* const name;
  void (*const run)(const Input&);
  Target* const next;
  static inline Target* first = nullptr;
};

// A copy that ends where its memory ends: AddressSanitizer sees a byte that is read behind it.
class Exact {
 public:
  explicit Exact(ByteView bytes) : data_(new uint8_t[bytes.size]), size_(bytes.size) {
    if (size_ != 0) memcpy(data_.get(), bytes.data, size_);
  }
  uint8_t* data() { return data_.get(); }
  size_t size() const { return size_; }
  ByteView View() const { return {data_.get(), size_}; }
  // Empty views may point anywhere.
  bool Holds(ByteView part) const {
    return part.empty() || (part.begin() >= data_.get() && part.end() <= data_.get() + size_);
  }

 private:
  std::unique_ptr<uint8_t[]> data_;
  size_t size_;
};

// Numbers that follow from the seed of an input.
class Cuts {
 public:
  explicit Cuts(uint32_t seed) : state_(seed) {}
  // In [low, high].
  size_t Next(size_t low, size_t high) {
    state_ = state_ * 1664525 + 1013904223;
    return low + (state_ >> 8) % (high - low + 1);
  }
  // The size of the next piece of what is left: mostly short ones.
  size_t Piece(size_t left) {
    const size_t most = Next(0, 3) == 0 ? left : Next(1, 16);
    return most < 1 ? 1 : (most < left ? most : left);
  }

 private:
  uint32_t state_;
};

[[noreturn]] inline void Broken(const char* file, int line, const char* condition) {
  fprintf(stderr, "%s:%d: must hold: %s\n", file, line, condition);
  abort();
}

inline std::string Text(ByteView bytes) {
  return {bytes.chars(), bytes.size};
}
inline ByteView Bytes(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace postern::fuzz

#define FUZZ_TARGET(name)                                               \
  static void Fuzz_##name(const postern::fuzz::Input& input);           \
  static const postern::fuzz::Target target_##name(#name, Fuzz_##name); \
  static void Fuzz_##name(const postern::fuzz::Input& input)

// On in every build.
#define MUST(condition) \
  ((condition) ? void() : postern::fuzz::Broken(__FILE__, __LINE__, #condition))

#endif  // POSTERN_FUZZ_TARGET_H_
