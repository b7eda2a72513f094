// The poller of Linux. See poller.h.
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "engine/fast_calls.h"
#include "engine/poller.h"

namespace postern {
namespace {

uint32_t EpollMask(uint8_t interest) {
  uint32_t mask = 0;
  if ((interest & kInterestRead) != 0) mask |= EPOLLIN;
  if ((interest & kInterestWrite) != 0) mask |= EPOLLOUT;
  if ((interest & kInterestExclusive) != 0) mask |= EPOLLEXCLUSIVE;
  if ((interest & kInterestEdge) != 0) {
    mask |= EPOLLET;
    if ((interest & kInterestRead) != 0) mask |= EPOLLRDHUP;
  }
  return mask;
}

bool Control(int epoll, int operation, int fd, uint8_t interest, uint64_t tag) {
  epoll_event event{};
  event.events = EpollMask(interest);
  event.data.u64 = tag;
  return epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

bool Poller::Open() {
  fd_.Reset(epoll_create1(EPOLL_CLOEXEC));
  return fd_.valid();
}

bool Poller::Add(int fd, uint8_t interest, uint64_t tag) {
  return Control(fd_.get(), EPOLL_CTL_ADD, fd, interest, tag);
}

bool Poller::Modify(int fd, uint8_t interest, uint64_t tag) {
  return Control(fd_.get(), EPOLL_CTL_MOD, fd, interest, tag);
}

void Poller::Remove(int fd) {
  epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

int Poller::Wait(PollEvent* events, int capacity) {
  epoll_event ready[kMaxEvents];
  const int count = FastEpollPoll(fd_.get(), ready, std::min(capacity, kMaxEvents));
  for (int i = 0; i < count; ++i) {
    events[i].tag = ready[i].data.u64;
    events[i].readable = (ready[i].events & EPOLLIN) != 0;
    events[i].writable = (ready[i].events & EPOLLOUT) != 0;
    events[i].failed = (ready[i].events & (EPOLLERR | EPOLLHUP)) != 0;
    events[i].ended = (ready[i].events & EPOLLRDHUP) != 0;
  }
  return count < 0 ? 0 : count;  // EINTR: as good as nothing ready
}

}  // namespace postern
