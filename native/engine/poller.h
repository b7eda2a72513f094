// Which descriptors are ready? The only thing that differs between operating systems.
//
// Level-triggered. The poller is itself a descriptor that becomes readable when anything in it is
// ready, so it can be nested in any other loop (architecture law 4).
#ifndef POSTERN_ENGINE_POLLER_H_
#define POSTERN_ENGINE_POLLER_H_

#include <cstdint>

#include "base/unique_fd.h"

namespace postern {

struct PollEvent {
  uint64_t tag = 0;  // as given to Add
  bool readable = false;
  bool writable = false;
  bool failed = false;  // error or both directions hung up
};

enum Interest : uint8_t {
  kInterestNone = 0,
  kInterestRead = 1,
  kInterestWrite = 2,
  kInterestExclusive = 4,  // wake one of the processes that share the descriptor, not all
};

class Poller {
 public:
  // False: errno says why.
  bool Open();
  int fd() const { return fd_.get(); }

  bool Add(int fd, uint8_t interest, uint64_t tag);
  bool Modify(int fd, uint8_t interest, uint64_t tag);
  void Remove(int fd);

  // What is ready now, without waiting: the count, at most `capacity`.
  int Wait(PollEvent* events, int capacity);

  static constexpr int kMaxEvents = 256;

 private:
  UniqueFd fd_;
};

}  // namespace postern

#endif  // POSTERN_ENGINE_POLLER_H_
