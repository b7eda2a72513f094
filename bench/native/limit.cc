// L0 and L1 of the ladder: how fast can this machine answer at all?
//
//   L0  recv, count the ends of heads, send fixed bytes as often
//   L1  L0 with Postern's own parser in the place of the count
//
// Usage: limit PORT 0|1. Prints "listening" when it is. One thread, one epoll, no timeouts, no
// errors handled: this is a limit, not a server.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/native/fixed_reply.h"
#include "protocols/http1.h"

namespace {

constexpr int kMaxEvents = 256;
constexpr size_t kReadBytes = 64 * 1024;

int Listen(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return -1;
  return listen(fd, 1024) == 0 ? fd : -1;
}

void Watch(int poller, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

void AcceptAll(int poller, int listener) {
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0) return;
    Watch(poller, fd);
  }
}

size_t CountHeads(uint8_t* data, size_t size, bool parse) {
  return parse ? postern::bench::ParseHeads(data, size) : postern::bench::FindHeads(data, size);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int listener = Listen(static_cast<uint16_t>(atoi(argv[1])));
  const bool parse = atoi(argv[2]) == 1;
  if (listener < 0) return 1;
  const int poller = epoll_create1(0);
  Watch(poller, listener);
  puts("listening");
  fflush(stdout);
  static uint8_t input[kReadBytes];
  epoll_event events[kMaxEvents];
  for (;;) {
    const int count = epoll_wait(poller, events, kMaxEvents, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        AcceptAll(poller, listener);
        continue;
      }
      const ssize_t got = recv(fd, input, sizeof(input), 0);
      if (got <= 0) {
        close(fd);
        continue;
      }
      const size_t heads = CountHeads(input, static_cast<size_t>(got), parse);
      if (heads > 0) {
        send(fd, postern::bench::Replies(), heads * postern::bench::kReplyBytes, MSG_NOSIGNAL);
      }
    }
  }
}
