// Which descriptors are ready? The only thing that differs between operating systems.
//
// Level-triggered unless kInterestEdge is asked for. The poller is itself a descriptor that becomes
// readable when anything in it is ready, so it can be nested in any other loop (architecture law
// 4).
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
  bool ended = false;   // with kInterestEdge: the peer sends no more; read until that is seen
};

enum Interest : uint8_t {
  kInterestNone = 0,
  kInterestRead = 1,
  kInterestWrite = 2,
  kInterestExclusive = 4,  // wake one of the processes that share the descriptor, not all
  // Report a change once. Level-triggered, the kernel looks at a socket once more after each event,
  // to see that it is empty now: 3 % of the server's CPU a keep-alive request (bench:ladder).
  // Whoever stops reading before the socket is empty has to remember that it did. Add and Modify
  // report what is ready at that moment.
  kInterestEdge = 8,
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
