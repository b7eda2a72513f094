// See body_store.h.
#include "engine/body_store.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace postern {
namespace {

// O_TMPFILE has no name that could be found or left behind; where a file system does not know it,
// a name lives for two system calls.
int OpenUnlinked() {
  const char* directory = getenv("TMPDIR");
  if (directory == nullptr || directory[0] == '\0') directory = "/tmp";
  const int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
  char path[4096];
  const int size = snprintf(path, sizeof(path), "%s/postern-body-XXXXXX", directory);
  if (size < 0 || static_cast<size_t>(size) >= sizeof(path)) return -1;
  const int named = mkostemp(path, O_CLOEXEC);
  if (named >= 0) unlink(path);
  return named;
}

bool WriteAll(int fd, ByteView bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd, bytes.data, bytes.size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.From(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return true;
}

}  // namespace

bool BodyStore::Spool() {
  file_.Reset(OpenUnlinked());
  if (!file_.valid() || !WriteAll(file_.get(), memory_.View(), 0)) return false;
  write_offset_ = memory_.size();
  memory_.Free();
  return true;
}

bool BodyStore::Append(ByteView bytes) {
  if (!spooled() && memory_limit_ != 0 && size_ + bytes.size > memory_limit_ && !Spool()) {
    return false;
  }
  if (spooled()) {
    if (!WriteAll(file_.get(), bytes, write_offset_)) return false;
    write_offset_ += bytes.size;
  } else if (!memory_.Append(bytes)) {
    return false;
  }
  size_ += bytes.size;
  return true;
}

int64_t BodyStore::Read(uint8_t* out, size_t capacity) {
  const size_t wanted = static_cast<size_t>(std::min<uint64_t>(capacity, size_));
  if (wanted == 0) return 0;
  if (!spooled()) {
    memcpy(out, memory_.View().data, wanted);
    memory_.Consume(wanted);
    size_ -= wanted;
    return static_cast<int64_t>(wanted);
  }
  ssize_t got;
  do {
    got = pread(file_.get(), out, wanted, static_cast<off_t>(read_offset_));
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return -1;
  read_offset_ += static_cast<uint64_t>(got);
  size_ -= static_cast<uint64_t>(got);
  return got;
}

}  // namespace postern
