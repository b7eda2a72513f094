#include "engine/poller.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

struct Fixture {
  Fixture() {
    int fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    ours.Reset(fds[0]);
    theirs.Reset(fds[1]);
    CHECK(poller.Open());
  }
  int Wait() { return poller.Wait(events, Poller::kMaxEvents); }
  UniqueFd ours;
  UniqueFd theirs;
  Poller poller;
  PollEvent events[Poller::kMaxEvents];
};

}  // namespace

TEST("a poller tells what is ready, by the tag that was given, for as long as it is") {
  Fixture f;
  CHECK(f.poller.Add(f.ours.get(), kInterestRead, 0xfedcba9876543210ull));
  CHECK_EQ(f.Wait(), 0);
  CHECK(write(f.theirs.get(), "x", 1) == 1);
  for (int i = 0; i < 2; ++i) {
    CHECK_EQ(f.Wait(), 1);
    CHECK(f.events[0].tag == 0xfedcba9876543210ull && f.events[0].readable);
    CHECK(!f.events[0].writable && !f.events[0].failed);
  }
  CHECK(f.poller.Modify(f.ours.get(), kInterestWrite, 7));
  CHECK_EQ(f.Wait(), 1);
  CHECK(f.events[0].tag == 7 && f.events[0].writable && !f.events[0].readable);
  CHECK(f.poller.Modify(f.ours.get(), kInterestNone, 7));
  CHECK_EQ(f.Wait(), 0);
  CHECK(f.poller.Modify(f.ours.get(), kInterestRead | kInterestWrite, 7));
  CHECK_EQ(f.Wait(), 1);
  f.poller.Remove(f.ours.get());
  CHECK_EQ(f.Wait(), 0);
}

TEST("a poller is itself readable while something in it is ready") {
  Fixture f;
  CHECK(f.poller.Add(f.ours.get(), kInterestRead, 1));
  pollfd outer{f.poller.fd(), POLLIN, 0};
  CHECK_EQ(poll(&outer, 1, 0), 0);
  CHECK(write(f.theirs.get(), "x", 1) == 1);
  CHECK_EQ(poll(&outer, 1, 0), 1);
}

TEST("a peer that hangs up is told even without interest") {
  Fixture f;
  CHECK(f.poller.Add(f.ours.get(), kInterestNone, 1));
  f.theirs.Reset();
  CHECK_EQ(f.Wait(), 1);
  CHECK(f.events[0].failed && !f.events[0].readable);
}

TEST("a descriptor that is not open, or is there already, cannot be added") {
  Fixture f;
  CHECK(!f.poller.Add(-1, kInterestRead, 1));
  CHECK(f.poller.Add(f.ours.get(), kInterestRead, 1));
  CHECK(!f.poller.Add(f.ours.get(), kInterestRead, 1));
}
