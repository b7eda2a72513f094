// Where log lines go: a file, a pipe, a terminal or a socket, which other processes write to as
// well. Whole lines only, and never waits for a reader.
//
//   file            one write(2) for all lines; O_APPEND keeps those of several processes apart
//   pipe, terminal  opened once more, because O_NONBLOCK is shared with everybody who has inherited
//                   the description; writes of at most PIPE_BUF bytes, which stay whole
//                   Where that is not allowed: RWF_NOWAIT (Linux 6.4), or poll(2) before each write
//   socket          send(2) with MSG_DONTWAIT
#ifndef POSTERN_ENGINE_LOG_SINK_H_
#define POSTERN_ENGINE_LOG_SINK_H_

#include <cstdint>

#include "base/buffer.h"
#include "base/unique_fd.h"

namespace postern {

class LogSink {
 public:
  enum class Result : uint8_t { kDone, kBlocked, kFailed };

  // False: errno. `fd` stays the caller's, and may be closed after this. The standard streams are
  // used by their number, so that whoever replaces them replaces this too. Without `again`, as if a
  // pipe could not be opened once more.
  bool Open(int fd, bool again = true);
  bool open() const { return fd_ >= 0; }

  // REQUIRES: the process ignores SIGPIPE, as Node does.
  // Writes whole lines off the front of `lines`. kBlocked: the rest has to wait until fd() is
  // writable. kFailed: errno; what could not be written stays.
  Result Write(Buffer* lines);
  int fd() const { return fd_; }

 private:
  enum class Kind : uint8_t { kFile, kPipe, kSharedPipe, kSocket };

  int64_t WriteSome(uint8_t* bytes, size_t size) const;
  int64_t WriteShared(uint8_t* bytes, size_t size) const;
  size_t PieceOf(ByteView lines) const;

  Kind kind_ = Kind::kFile;
  UniqueFd own_;
  int fd_ = -1;
};

}  // namespace postern

#endif  // POSTERN_ENGINE_LOG_SINK_H_
