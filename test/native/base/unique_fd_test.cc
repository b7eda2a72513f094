#include "base/unique_fd.h"

#include <fcntl.h>

#include <utility>

#include "check.h"

using postern::UniqueFd;

namespace {
bool IsOpen(int fd) {
  return fcntl(fd, F_GETFD) != -1;
}
int OpenSomething() {
  return open("/dev/null", O_RDONLY | O_CLOEXEC);
}
}  // namespace

TEST("a descriptor is closed exactly when its owner goes") {
  const int fd = OpenSomething();
  {
    const UniqueFd owner(fd);
    CHECK(owner.valid() && owner.get() == fd && IsOpen(fd));
  }
  CHECK(!IsOpen(fd));
}

TEST("moving hands the descriptor on, Release gives it away, Reset closes it") {
  const int fd = OpenSomething();
  UniqueFd a(fd);
  UniqueFd b(std::move(a));
  CHECK(!a.valid() && b.get() == fd);  // NOLINT(bugprone-use-after-move): this is the promise
  UniqueFd& self = b;
  b = std::move(self);
  CHECK(IsOpen(fd));
  a = std::move(b);
  CHECK_EQ(a.Release(), fd);
  CHECK(!a.valid() && IsOpen(fd));
  a.Reset(fd);
  a.Reset();
  CHECK(!IsOpen(fd));
  a.Reset();
  CHECK(!a.valid());
}
