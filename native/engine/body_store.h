// The part of a request body that has arrived and was not read yet: in memory, or, beyond a limit,
// in an unlinked temporary file, so that neither a slow client nor a slow application costs memory.
#ifndef POSTERN_ENGINE_BODY_STORE_H_
#define POSTERN_ENGINE_BODY_STORE_H_

#include <cstdint>

#include "base/buffer.h"
#include "base/unique_fd.h"

namespace postern {

class BodyStore {
 public:
  // Bytes above `memory_limit` go to a file; 0: never.
  explicit BodyStore(uint64_t memory_limit) : memory_limit_(memory_limit) {}
  BodyStore(BodyStore&&) = default;
  BodyStore& operator=(BodyStore&&) = default;

  // False: no memory, or no space for the file (errno).
  bool Append(ByteView bytes);

  uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool spooled() const { return file_.valid(); }

  // Takes up to `capacity` bytes off the front into `out`: the count, or -1 if the file fails.
  int64_t Read(uint8_t* out, size_t capacity);

 private:
  bool Spool();

  uint64_t memory_limit_;
  uint64_t size_ = 0;
  Buffer memory_;
  UniqueFd file_;
  uint64_t read_offset_ = 0;
  uint64_t write_offset_ = 0;
};

}  // namespace postern

#endif  // POSTERN_ENGINE_BODY_STORE_H_
