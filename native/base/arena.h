// A bump allocator over memory that somebody else owns: everything that is made for one turn of
// the loop (decoded paths, joined fields) and dropped at its end by one store.
#ifndef POSTERN_BASE_ARENA_H_
#define POSTERN_BASE_ARENA_H_

#include <cstddef>
#include <cstdint>

namespace postern {

class Arena {
 public:
  Arena() = default;
  Arena(uint8_t* memory, size_t size) : memory_(memory), size_(size) {}

  // `count` bytes, or nullptr when they do not fit: the caller empties the turn and asks again.
  uint8_t* Allocate(size_t count) {
    if (size_ - used_ < count) return nullptr;
    uint8_t* result = memory_ + used_;
    used_ += count;
    return result;
  }
  // Returns the tail of the last allocation.
  void GiveBack(size_t count) { used_ -= count; }
  void Clear() { used_ = 0; }
  size_t available() const { return size_ - used_; }

 private:
  uint8_t* memory_ = nullptr;
  size_t size_ = 0;
  size_t used_ = 0;
};

}  // namespace postern

#endif  // POSTERN_BASE_ARENA_H_
