// Bytes that end exactly at a page nobody may touch: reading one byte too far is a SIGSEGV, in any
// build, with any instruction (AddressSanitizer does not see what intrinsics and memory shared
// with the kernel do).
//
//   | … slack … | bytes | PROT_NONE |
#ifndef POSTERN_TEST_GUARD_PAGE_H_
#define POSTERN_TEST_GUARD_PAGE_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/bytes.h"

namespace postern::test {

// A region that ends at a guard page. Place may be called again and again; each call invalidates
// what the one before gave.
class GuardedMemory {
 public:
  explicit GuardedMemory(size_t capacity) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    capacity_ = (capacity + page - 1) / page * page;
    mapped_ = capacity_ + page;
    void* const memory =
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    begin_ = static_cast<uint8_t*>(memory);
    if (mprotect(begin_ + capacity_, page, PROT_NONE) != 0) abort();
  }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  ~GuardedMemory() { munmap(begin_, mapped_); }

  // Room for `size` bytes that ends at the guard.
  uint8_t* Room(size_t size) {
    if (size > capacity_) abort();
    return begin_ + capacity_ - size;
  }

  // The bytes of `carry` and then of `fresh`, moved so that they end at the guard. Both may be
  // views of what an earlier call gave.
  ByteView Place(ByteView carry, ByteView fresh = {}) {
    uint8_t* const to = Room(carry.size + fresh.size);
    const bool inside = fresh.data >= begin_ && fresh.data < begin_ + capacity_;
    if (inside) abort();
    if (carry.size != 0) memmove(to, carry.data, carry.size);
    if (fresh.size != 0) memcpy(to + carry.size, fresh.data, fresh.size);
    return {to, carry.size + fresh.size};
  }

  size_t capacity() const { return capacity_; }

 private:
  uint8_t* begin_ = nullptr;
  size_t capacity_ = 0;
  size_t mapped_ = 0;
};

// A copy of `text` of its own that ends at a guard page.
class Guarded {
 public:
  explicit Guarded(std::string_view text) : memory_(text.size()), size_(text.size()) {
    memory_.Place({text.data(), text.size()});
  }
  uint8_t* data() { return memory_.Room(size_); }
  size_t size() const { return size_; }
  ByteView View() { return {data(), size_}; }

 private:
  GuardedMemory memory_;
  size_t size_;
};

}  // namespace postern::test

#endif  // POSTERN_TEST_GUARD_PAGE_H_
