// See out_queue.h.
#include "engine/out_queue.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "base/buffer.h"

namespace postern {

struct OutQueue::Segment {
  Buffer owned;
  BorrowedBytes borrowed;  // its `bytes` shrink as they are sent
  UniqueFd file;
  uint64_t file_offset = 0;
  uint64_t file_left = 0;
  Segment* next = nullptr;

  ~Segment() {
    if (borrowed.release != nullptr) borrowed.release(borrowed.context);
  }
  bool IsFile() const { return file.valid(); }
  ByteView Bytes() const { return borrowed.release != nullptr ? borrowed.bytes : owned.View(); }
};

OutQueue::~OutQueue() {
  while (head_ != nullptr) Pop();
}

void OutQueue::Push(std::unique_ptr<Segment> segment) {
  Segment* const raw = segment.release();
  if (tail_ == nullptr) {
    head_ = raw;
  } else {
    tail_->next = raw;
  }
  tail_ = raw;
}

void OutQueue::Pop() {
  Segment* const first = head_;
  head_ = first->next;
  if (head_ == nullptr) tail_ = nullptr;
  delete first;
}

bool OutQueue::Copy(ByteView bytes) {
  if (bytes.empty()) return true;
  // Small writes gather in one segment; a segment never grows beyond a few socket buffers.
  constexpr size_t kGather = 64 * 1024;
  const bool gather = tail_ != nullptr && !tail_->IsFile() && tail_->borrowed.release == nullptr &&
                      tail_->owned.size() < kGather;
  if (!gather) {
    std::unique_ptr<Segment> segment(new (std::nothrow) Segment);
    if (segment == nullptr) return false;
    Push(std::move(segment));
  }
  if (!tail_->owned.Append(bytes)) return false;
  size_ += bytes.size;
  return true;
}

void OutQueue::Borrow(const BorrowedBytes& borrowed) {
  auto segment = std::make_unique<Segment>();
  segment->borrowed = borrowed;
  size_ += borrowed.bytes.size;
  Push(std::move(segment));
}

bool OutQueue::Own() {
  for (Segment* s = head_; s != nullptr; s = s->next) {
    if (s->borrowed.release == nullptr) continue;
    if (!s->owned.Append(s->borrowed.bytes)) return false;
    s->borrowed.release(s->borrowed.context);
    s->borrowed = {};
  }
  return true;
}

void OutQueue::File(UniqueFd file, uint64_t offset, uint64_t size) {
  auto segment = std::make_unique<Segment>();
  segment->file = std::move(file);
  segment->file_offset = offset;
  segment->file_left = size;
  size_ += size;
  Push(std::move(segment));
}

SendResult OutQueue::Send(int socket) {
  while (head_ != nullptr) {
    const SendResult result = head_->IsFile() ? SendFile(socket) : SendMemory(socket);
    if (result != SendResult::kDone) return result;
  }
  return SendResult::kDone;
}

SendResult OutQueue::SendMemory(int socket) {
  constexpr int kMaxParts = 16;
  iovec parts[kMaxParts];
  int count = 0;
  size_t total = 0;
  for (Segment* s = head_; s != nullptr && !s->IsFile() && count < kMaxParts; s = s->next) {
    const ByteView bytes = s->Bytes();
    parts[count++] = {const_cast<uint8_t*>(bytes.data), bytes.size};
    total += bytes.size;
  }
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = static_cast<size_t>(count);
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return errno == EAGAIN ? SendResult::kBlocked : SendResult::kFailed;
  Consume(static_cast<size_t>(sent));
  return static_cast<size_t>(sent) == total ? SendResult::kDone : SendResult::kBlocked;
}

void OutQueue::Consume(size_t count) {
  size_ -= count;
  while (head_ != nullptr && !head_->IsFile()) {
    const size_t here = std::min(count, head_->Bytes().size);
    if (here < head_->Bytes().size) {
      if (head_->borrowed.release != nullptr) {
        head_->borrowed.bytes = head_->borrowed.bytes.From(here);
      } else {
        head_->owned.Consume(here);
      }
      return;
    }
    count -= here;
    Pop();
  }
}

SendResult OutQueue::SendFile(int socket) {
  constexpr uint64_t kStep = 1024 * 1024;
  // A client that takes everything at once must not have the thread for a whole file.
  constexpr int kMostSteps = 4;
  for (int steps = 0; head_->file_left > 0; ++steps) {
    if (steps == kMostSteps) return SendResult::kMore;
    auto offset = static_cast<off_t>(head_->file_offset);
    const ssize_t sent = sendfile(socket, head_->file.get(), &offset,
                                  static_cast<size_t>(std::min(head_->file_left, kStep)));
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN ? SendResult::kBlocked : SendResult::kFailed;
    if (sent == 0) {
      file_ended_ = true;
      return SendResult::kFailed;
    }
    head_->file_offset += static_cast<uint64_t>(sent);
    head_->file_left -= static_cast<uint64_t>(sent);
    size_ -= static_cast<uint64_t>(sent);
  }
  Pop();
  return SendResult::kDone;
}

}  // namespace postern
