// See listener.h.
#include "engine/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace postern {
namespace {

bool Fail(ListenError* error, const char* call, int code = errno) {
  *error = {call, code};
  return false;
}

void SetOption(int fd, int level, int name) {
  const int on = 1;
  setsockopt(fd, level, name, &on, sizeof(on));
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

bool MakeTcpAddress(const ListenAddress& address, SocketAddress* out) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out->storage);
  if (inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    out->size = sizeof(sockaddr_in);
    return true;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out->storage);
  if (inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) != 1) return false;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(address.port);
  out->size = sizeof(sockaddr_in6);
  return true;
}

bool MakeUnixAddress(const ListenAddress& address, SocketAddress* out) {
  auto* un = reinterpret_cast<sockaddr_un*>(&out->storage);
  const bool abstract = address.kind == ListenAddress::Kind::kAbstract;
  // A path needs room for its NUL, an abstract name for the NUL in front.
  if (address.host.empty() || address.host.size() + 1 > sizeof(un->sun_path)) return false;
  un->sun_family = AF_UNIX;
  memcpy(un->sun_path + (abstract ? 1 : 0), address.host.data(), address.host.size());
  out->size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.host.size() + 1);
  return true;
}

// True when it is a socket file and nobody listens on it any more. To connect to any other kind of
// file is ECONNREFUSED too, and that one is somebody's data.
bool IsStale(const char* path, SocketAddress address) {
  struct stat info {};
  if (lstat(path, &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) return false;
  return connect(probe.get(), address.get(), address.size) != 0 && errno == ECONNREFUSED;
}

bool Bind(const ListenOptions& options, SocketAddress address, Listener* out, ListenError* error) {
  const int family = address.storage.ss_family;
  out->fd.Reset(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int fd = out->fd.get();
  if (fd < 0) return Fail(error, "socket");
  if (family != AF_UNIX) SetOption(fd, SOL_SOCKET, SO_REUSEADDR);
  if (family == AF_INET6) SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  if (options.reuse_port) SetOption(fd, SOL_SOCKET, SO_REUSEPORT);
  int bound = bind(fd, address.get(), address.size);
  if (bound != 0 && errno == EADDRINUSE && options.address.kind == ListenAddress::Kind::kUnix &&
      IsStale(options.address.host.c_str(), address)) {
    unlink(options.address.host.c_str());
    bound = bind(fd, address.get(), address.size);
  }
  if (bound != 0) return Fail(error, "bind");
  if (options.address.kind == ListenAddress::Kind::kUnix && options.address.mode >= 0 &&
      chmod(options.address.host.c_str(), static_cast<mode_t>(options.address.mode)) != 0) {
    return Fail(error, "chmod");
  }
  return true;
}

bool Adopt(const ListenOptions& options, Listener* out, ListenError* error) {
  const int fd = options.address.fd;
  int listening = 0;
  socklen_t size = sizeof(listening);
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) {
    return Fail(error, "getsockopt");
  }
  if (listening == 0) return Fail(error, "accept", EINVAL);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  out->fd.Reset(fd);
  return true;
}

// The address that was really bound: port 0 has become a number.
bool Describe(Listener* listener, ListenError* error) {
  SocketAddress address;
  address.size = sizeof(address.storage);
  if (getsockname(listener->fd.get(), address.get(), &address.size) != 0) {
    return Fail(error, "getsockname");
  }
  listener->family = address.storage.ss_family;
  if (listener->family == AF_UNIX) {
    const auto* un = reinterpret_cast<const sockaddr_un*>(&address.storage);
    const size_t size = address.size - offsetof(sockaddr_un, sun_path);
    listener->host.assign(un->sun_path, size);
    if (!listener->host.empty() && listener->host[0] == '\0') {
      listener->host[0] = '@';
      listener->host.resize(strlen(listener->host.c_str()));
    } else {
      listener->host.resize(strnlen(listener->host.c_str(), listener->host.size()));
    }
    return true;
  }
  sockaddr_in6 bound;
  memcpy(&bound, &address.storage, sizeof(bound));
  const Peer name = ToPeer(bound);
  listener->host = FormatIp(name.address);
  listener->port = name.port;
  return true;
}

}  // namespace

uint32_t DefaultBacklog() {
  constexpr unsigned long kWanted = 1024;
  char text[16] = "";
  if (FILE* file = fopen("/proc/sys/net/core/somaxconn", "re"); file != nullptr) {
    if (fgets(text, sizeof(text), file) == nullptr) text[0] = '\0';
    fclose(file);
  }
  const unsigned long somaxconn = strtoul(text, nullptr, 10);
  return static_cast<uint32_t>(somaxconn == 0 ? kWanted : std::min(kWanted, somaxconn));
}

bool OpenListener(const ListenOptions& options, Listener* out, ListenError* error) {
  const ListenAddress& address = options.address;
  if (address.kind == ListenAddress::Kind::kInherited) {
    if (!Adopt(options, out, error)) return false;
  } else {
    SocketAddress target;
    const bool made = address.kind == ListenAddress::Kind::kTcp ? MakeTcpAddress(address, &target)
                                                                : MakeUnixAddress(address, &target);
    if (!made) return Fail(error, "address", EINVAL);
    if (!Bind(options, target, out, error)) return false;
    const uint32_t backlog = options.backlog != 0 ? options.backlog : DefaultBacklog();
    if (listen(out->fd.get(), static_cast<int>(backlog)) != 0) return Fail(error, "listen");
  }
  if (!Describe(out, error)) return false;
  // Accepted sockets inherit it: one call here instead of one for each connection.
  if (out->family != AF_UNIX) SetOption(out->fd.get(), IPPROTO_TCP, TCP_NODELAY);
  out->protocol = options.protocol;
  return true;
}

Peer ToPeer(const sockaddr_in6& address) {
  Peer peer;
  if (address.sin6_family == AF_INET) {
    sockaddr_in v4;
    memcpy(&v4, &address, sizeof(v4));
    peer.address.family = IpAddress::Family::kV4;
    memcpy(peer.address.bytes, &v4.sin_addr, 4);
    peer.port = ntohs(v4.sin_port);
  } else if (address.sin6_family == AF_INET6) {
    peer.address.family = IpAddress::Family::kV6;
    memcpy(peer.address.bytes, &address.sin6_addr, 16);
    peer.port = ntohs(address.sin6_port);
  }
  return peer;
}

}  // namespace postern
