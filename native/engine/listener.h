// Listening sockets: TCP over IPv4 and IPv6, unix, abstract, inherited. The only file with bind(2).
#ifndef POSTERN_ENGINE_LISTENER_H_
#define POSTERN_ENGINE_LISTENER_H_

#include <netinet/in.h>

#include <cstdint>
#include <string>

#include "base/ip_address.h"
#include "base/unique_fd.h"

namespace postern {

enum class WireProtocol : uint8_t { kHttp1, kUwsgi };

struct ListenAddress {
  enum class Kind : uint8_t { kTcp, kUnix, kAbstract, kInherited };
  Kind kind = Kind::kTcp;
  std::string host;  // a numeric address, without brackets; or the path or name of a unix socket
  uint16_t port = 0;
  int fd = -1;    // kInherited
  int mode = -1;  // of a unix socket file, as chmod(2); -1: as umask gives it
};

struct ListenOptions {
  ListenAddress address;
  WireProtocol protocol = WireProtocol::kHttp1;
  uint32_t backlog = 0;  // 0: min(1024, somaxconn)
  bool reuse_port = false;
};

// What went wrong: the call that failed and its errno.
struct ListenError {
  const char* call = "";
  int error = 0;
};

struct Listener {
  UniqueFd fd;
  uint32_t index = 0;
  WireProtocol protocol = WireProtocol::kHttp1;
  int family = 0;
  std::string host;  // of the bound address; of a unix socket its path
  uint16_t port = 0;
  bool polled = false;
  uint32_t expected_accepts = 1;  // how many connections waited last time
};

// Binds and listens. A stale unix socket file, one that nobody answers on, is replaced; one that
// somebody answers on is EADDRINUSE.
bool OpenListener(const ListenOptions& options, Listener* out, ListenError* error);

// min(1024, net.core.somaxconn): a longer queue would be cut silently by the kernel.
uint32_t DefaultBacklog();

// What accept(2) and getsockname(2) give; of a unix socket nothing.
Peer ToPeer(const sockaddr_in6& address);

}  // namespace postern

#endif  // POSTERN_ENGINE_LISTENER_H_
