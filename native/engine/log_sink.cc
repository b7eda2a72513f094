// See log_sink.h.
#include "engine/log_sink.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace postern {
namespace {

UniqueFd OpenAgain(int fd) {
  char path[32];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  return UniqueFd(open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

bool IsWritable(int fd) {
  pollfd one{fd, POLLOUT, 0};
  return poll(&one, 1, 0) == 1 && (one.revents & (POLLOUT | POLLERR)) != 0;
}

}  // namespace

bool LogSink::Open(int fd, bool again) {
  struct stat status;
  if (fstat(fd, &status) != 0) return false;
  UniqueFd own;
  Kind kind = Kind::kFile;
  if (S_ISSOCK(status.st_mode)) {
    kind = Kind::kSocket;
  } else if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
    // Not allowed after a change of the user, for instance.
    if (again) own = OpenAgain(fd);
    kind = own.valid() ? Kind::kPipe : Kind::kSharedPipe;
  }
  if (!own.valid() && fd > STDERR_FILENO) {
    own.Reset(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!own.valid()) return false;
  }
  own_ = std::move(own);
  kind_ = kind;
  fd_ = own_.valid() ? own_.get() : fd;
  return true;
}

// Whole lines that may be written in one go.
size_t LogSink::PieceOf(ByteView lines) const {
  if (kind_ == Kind::kFile || lines.size <= PIPE_BUF) return lines.size;
  size_t size = 0;
  while (size < lines.size) {
    const void* const end = memchr(lines.data + size, '\n', lines.size - size);
    const size_t with_next =
        end == nullptr ? lines.size
                       : static_cast<size_t>(static_cast<const uint8_t*>(end) + 1 - lines.data);
    if (with_next > PIPE_BUF && size > 0) break;
    size = with_next;
    if (size > PIPE_BUF) break;  // one that is longer than that goes alone
  }
  return size;
}

// Between poll(2) and the write another process can take the room: then it waits after all.
int64_t LogSink::WriteShared(uint8_t* bytes, size_t size) const {
  const iovec part{bytes, size};
  const ssize_t written = pwritev2(fd_, &part, 1, -1, RWF_NOWAIT);
  if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) return written;
  if (IsWritable(fd_)) return write(fd_, bytes, size);
  errno = EAGAIN;
  return -1;
}

int64_t LogSink::WriteSome(uint8_t* bytes, size_t size) const {
  if (kind_ == Kind::kSocket) return send(fd_, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (kind_ == Kind::kSharedPipe) return WriteShared(bytes, size);
  return write(fd_, bytes, size);
}

LogSink::Result LogSink::Write(Buffer* lines) {
  while (!lines->empty()) {
    const int64_t written = WriteSome(lines->data(), PieceOf(lines->View()));
    if (written >= 0) {
      lines->Consume(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      return Result::kBlocked;
    } else if (errno != EINTR) {
      return Result::kFailed;
    }
  }
  return Result::kDone;
}

}  // namespace postern
