// A growable run of bytes on the heap, for what has to outlive a turn of the loop: half a head,
// pipelined requests, output that the socket did not take. It grows by doubling and reports
// failure instead of aborting: one hungry connection must not take the process down.
#ifndef POSTERN_BASE_BUFFER_H_
#define POSTERN_BASE_BUFFER_H_

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/bytes.h"

namespace postern {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : data_(other.data_), begin_(other.begin_), end_(other.end_), capacity_(other.capacity_) {
    other.data_ = nullptr;
    other.begin_ = other.end_ = other.capacity_ = 0;
  }
  Buffer& operator=(Buffer&& other) noexcept {
    if (this == &other) return *this;
    free(data_);
    data_ = other.data_;
    begin_ = other.begin_;
    end_ = other.end_;
    capacity_ = other.capacity_;
    other.data_ = nullptr;
    other.begin_ = other.end_ = other.capacity_ = 0;
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { free(data_); }

  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  ByteView View() const { return {data_ + begin_, size()}; }
  uint8_t* data() { return data_ + begin_; }

  // Copies `bytes` to the end. False, and nothing changed, when there is no memory.
  // `bytes` may not point into this buffer.
  bool Append(ByteView bytes) {
    if (bytes.empty()) return true;
    if (!Reserve(bytes.size)) return false;
    memcpy(data_ + end_, bytes.data, bytes.size);
    end_ += bytes.size;
    return true;
  }

  // Room for `more` bytes at the end, to be written and then taken by Grow; nullptr: no memory.
  uint8_t* Room(size_t more) { return Reserve(more) ? data_ + end_ : nullptr; }
  size_t room() const { return capacity_ - end_; }
  void Grow(const uint8_t* end) { end_ = static_cast<size_t>(end - data_); }

  // Forgets what is in it, keeps the memory.
  void Clear() { begin_ = end_ = 0; }

  // Drops `count` bytes from the front.
  void Consume(size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // Gives the memory back: an idle connection owns no buffer.
  void Free() {
    free(data_);
    data_ = nullptr;
    begin_ = end_ = capacity_ = 0;
  }

 private:
  bool Reserve(size_t more) {
    if (capacity_ - end_ >= more) return true;
    if (begin_ > 0) {
      memmove(data_, data_ + begin_, size());
      end_ -= begin_;
      begin_ = 0;
      if (capacity_ - end_ >= more) return true;
    }
    size_t capacity = capacity_ < 256 ? 256 : capacity_ * 2;
    while (capacity - end_ < more) capacity *= 2;
    auto* grown = static_cast<uint8_t*>(realloc(data_, capacity));
    if (grown == nullptr) return false;
    data_ = grown;
    capacity_ = capacity;
    return true;
  }

  uint8_t* data_ = nullptr;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};

}  // namespace postern

#endif  // POSTERN_BASE_BUFFER_H_
