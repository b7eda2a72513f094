// Output that the socket did not take yet, in order: copied bytes, borrowed bytes, parts of files.
//
// Only connections that are behind own one. The queue knows sockets (Send) but no protocol.
#ifndef POSTERN_ENGINE_OUT_QUEUE_H_
#define POSTERN_ENGINE_OUT_QUEUE_H_

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/unique_fd.h"

namespace postern {

// Bytes that belong to somebody else until release(context) is called, exactly once.
struct BorrowedBytes {
  ByteView bytes;
  void (*release)(void* context) = nullptr;
  void* context = nullptr;
};

enum class SendResult : uint8_t {
  kDone,     // everything was taken by the kernel
  kBlocked,  // wait until the socket is writable
  kMore,     // the socket may take more: it is the turn of others first
  kFailed,   // the peer is gone, or a file became shorter while it was sent
};

class OutQueue {
 public:
  OutQueue() = default;
  ~OutQueue();
  OutQueue(const OutQueue&) = delete;
  OutQueue& operator=(const OutQueue&) = delete;

  // False: no memory.
  bool Copy(ByteView bytes);
  void Borrow(const BorrowedBytes& borrowed);
  // Copies what is borrowed and still waits, and releases it. False: no memory.
  bool Own();
  // REQUIRES: the process ignores SIGPIPE, as Node does; sendfile(2) knows no MSG_NOSIGNAL.
  void File(UniqueFd file, uint64_t offset, uint64_t size);

  bool empty() const { return head_ == nullptr; }
  // Send has failed because a file became shorter while it was sent.
  bool file_ended() const { return file_ended_; }
  // Bytes that wait, those of files included.
  uint64_t size() const { return size_; }

  SendResult Send(int socket);

 private:
  struct Segment;

  void Push(std::unique_ptr<Segment> segment);
  void Pop();
  SendResult SendMemory(int socket);
  SendResult SendFile(int socket);
  void Consume(size_t count);

  Segment* head_ = nullptr;
  Segment* tail_ = nullptr;
  uint64_t size_ = 0;
  bool file_ended_ = false;
};

}  // namespace postern

#endif  // POSTERN_ENGINE_OUT_QUEUE_H_
