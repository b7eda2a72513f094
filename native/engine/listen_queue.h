// How many connections wait in a listen queue: the first sign of too few workers.
#ifndef POSTERN_ENGINE_LISTEN_QUEUE_H_
#define POSTERN_ENGINE_LISTEN_QUEUE_H_

#include <cstdint>

namespace postern {

struct ListenQueue {
  uint32_t waiting = 0;
  uint32_t capacity = 0;
};

// Asks the kernel about a listening socket: TCP by TCP_INFO, unix sockets by sock_diag(7), which
// knows what /proc does not. False: it is not listening, or the kernel does not tell.
bool ReadListenQueue(int fd, ListenQueue* out);

}  // namespace postern

#endif  // POSTERN_ENGINE_LISTEN_QUEUE_H_
