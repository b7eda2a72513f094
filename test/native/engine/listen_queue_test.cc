// The listen queue of sockets that nobody accepts on.
#include "engine/listen_queue.h"

#include <unistd.h>

#include "check.h"
#include "engine/listener.h"

using namespace postern;  // NOLINT(build/namespaces)

namespace {

// Three clients that wait at a socket with a queue of seven.
void CheckQueue(const ListenAddress& address) {
  ListenOptions options;
  options.address = address;
  options.backlog = 7;
  Listener listener;
  ListenError error;
  CHECK(OpenListener(options, &listener, &error));
  ListenQueue queue;
  CHECK(ReadListenQueue(listener.fd.get(), &queue));
  CHECK_EQ(queue.waiting, 0u);
  CHECK_EQ(queue.capacity, 7u);

  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  CHECK_EQ(getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&bound), &size), 0);
  UniqueFd clients[3];
  for (UniqueFd& client : clients) {
    client.Reset(socket(bound.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK_EQ(connect(client.get(), reinterpret_cast<sockaddr*>(&bound), size), 0);
  }
  CHECK(ReadListenQueue(listener.fd.get(), &queue));
  CHECK_EQ(queue.waiting, 3u);
  ListenQueue untouched{1, 2};
  CHECK(!ReadListenQueue(clients[0].get(), &untouched));
  CHECK_EQ(untouched.capacity, 2u);
}

}  // namespace

TEST("the listen queue of a TCP socket is known") {
  ListenAddress address;
  address.host = "127.0.0.1";
  CheckQueue(address);
}

TEST("the listen queue of a unix socket is known") {
  ListenAddress address;
  address.kind = ListenAddress::Kind::kAbstract;
  address.host = "postern-queue-" + std::to_string(getpid());
  CheckQueue(address);
}

TEST("what is no listening socket has no queue") {
  ListenQueue queue;
  CHECK(!ReadListenQueue(-1, &queue));
  CHECK(!ReadListenQueue(0, &queue));
}
