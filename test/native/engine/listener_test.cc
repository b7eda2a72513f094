#include "engine/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "check.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

ListenOptions Options(ListenAddress::Kind kind, const std::string& host, uint16_t port = 0) {
  ListenOptions options;
  options.address.kind = kind;
  options.address.host = host;
  options.address.port = port;
  return options;
}

using Kind = ListenAddress::Kind;

std::string TemporaryPath(const char* name) {
  return "/tmp/postern-listener-" + std::to_string(getpid()) + "-" + name;
}

bool Connects(const Listener& listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const UniqueFd client(socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect(client.get(), reinterpret_cast<sockaddr*>(&address), size) == 0;
}

}  // namespace

TEST("a TCP listener on port 0 knows its real port, and its descriptor stays here") {
  for (const char* host : {"127.0.0.1", "::1"}) {
    Listener listener;
    ListenError error;
    Row(host);
    if (!OpenListener(Options(Kind::kTcp, host), &listener, &error)) {
      CHECK(error.error == EADDRNOTAVAIL || error.error == EAFNOSUPPORT);  // a machine without IPv6
      continue;
    }
    CHECK_EQ(listener.host, host);
    CHECK(listener.port != 0 && Connects(listener));
    CHECK((fcntl(listener.fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((fcntl(listener.fd.get(), F_GETFL) & O_NONBLOCK) != 0);
  }
}

TEST("an address that is none is refused with the call that failed") {
  const struct {
    ListenOptions options;
    std::string_view call;
    int error;
  } rows[] = {
      {Options(Kind::kTcp, "localhost"), "address", EINVAL},
      {Options(Kind::kTcp, ""), "address", EINVAL},
      {Options(Kind::kTcp, "[::1]"), "address", EINVAL},
      {Options(Kind::kTcp, "192.0.2.1"), "bind", EADDRNOTAVAIL},
      {Options(Kind::kUnix, ""), "address", EINVAL},
      {Options(Kind::kUnix, std::string(108, 'x')), "address", EINVAL},
      {Options(Kind::kAbstract, std::string(108, 'x')), "address", EINVAL},
      {Options(Kind::kUnix, "/nonexistent/socket"), "bind", ENOENT},
  };
  for (const auto& one : rows) {
    Listener listener;
    ListenError error;
    Row(one.options.address.host);
    CHECK(!OpenListener(one.options, &listener, &error));
    CHECK(error.call == one.call && error.error == one.error);
  }
}

TEST("a second listener on the same port is EADDRINUSE, unless both share it") {
  Listener first;
  ListenError error;
  ListenOptions options = Options(Kind::kTcp, "127.0.0.1");
  options.reuse_port = true;
  CHECK(OpenListener(options, &first, &error));
  options.address.port = first.port;
  Listener shared;
  CHECK(OpenListener(options, &shared, &error));
  options.reuse_port = false;
  Listener second;
  CHECK(!OpenListener(options, &second, &error));
  CHECK(error.error == EADDRINUSE);
}

TEST("a stale unix socket file is replaced, one that somebody answers on is EADDRINUSE") {
  const std::string path = TemporaryPath("stale");
  unlink(path.c_str());
  ListenOptions options = Options(Kind::kUnix, path);
  options.address.mode = 0600;
  ListenError error;
  {
    Listener first;
    CHECK(OpenListener(options, &first, &error));
    CHECK(first.host == path && Connects(first));
    struct stat info {};
    CHECK(stat(path.c_str(), &info) == 0 && (info.st_mode & 0777) == 0600);
    Listener second;
    CHECK(!OpenListener(options, &second, &error) && error.error == EADDRINUSE);
  }
  Listener again;
  CHECK(OpenListener(options, &again, &error));
  CHECK(Connects(again));
  unlink(path.c_str());
}

TEST("a file that is no socket is never replaced") {
  const std::string path = TemporaryPath("file");
  const UniqueFd file(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  Listener listener;
  ListenError error;
  CHECK(!OpenListener(Options(Kind::kUnix, path), &listener, &error));
  CHECK_EQ(error.error, EADDRINUSE);
  CHECK_EQ(access(path.c_str(), F_OK), 0);
  unlink(path.c_str());
}

TEST("an abstract socket has a name with '@', and the longest name fits") {
  Listener listener;
  ListenError error;
  const std::string name = "postern-test-" + std::to_string(getpid());
  CHECK(OpenListener(Options(Kind::kAbstract, name), &listener, &error));
  CHECK_EQ(listener.host, "@" + name);
  CHECK(Connects(listener));
  Listener longest;
  const std::string full = name + std::string(107 - name.size(), 'x');
  CHECK(OpenListener(Options(Kind::kAbstract, full), &longest, &error));
  CHECK_EQ(longest.host, "@" + full);
  Listener path;
  const std::string long_path =
      TemporaryPath("long") + std::string(107 - TemporaryPath("long").size(), 'y');
  CHECK(OpenListener(Options(Kind::kUnix, long_path), &path, &error));
  CHECK_EQ(path.host, long_path);
  unlink(long_path.c_str());
}

TEST("an inherited descriptor must be a listening socket") {
  Listener original;
  ListenError error;
  CHECK(OpenListener(Options(Kind::kTcp, "127.0.0.1"), &original, &error));
  ListenOptions options;
  options.address.kind = Kind::kInherited;
  options.address.fd = dup(original.fd.get());
  Listener inherited;
  CHECK(OpenListener(options, &inherited, &error));
  CHECK(inherited.port == original.port && inherited.host == "127.0.0.1");
  const UniqueFd plain(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const UniqueFd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (int fd : {plain.get(), file.get(), 9999}) {
    options.address.fd = fd;
    Listener refused;
    CHECK(!OpenListener(options, &refused, &error));
    CHECK(error.error != 0);
  }
  CHECK(fcntl(plain.get(), F_GETFD) != -1);  // what is refused still belongs to its owner
}

TEST("a peer is an address and a port, and of a unix socket nothing") {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(4711);
  v6.sin6_addr = in6addr_loopback;
  CHECK_EQ(FormatIp(ToPeer(v6).address), "::1");
  CHECK_EQ(ToPeer(v6).port, 4711);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(80);
  v4.sin_addr.s_addr = htonl(0xc0000201);
  sockaddr_in6 storage{};
  memcpy(&storage, &v4, sizeof(v4));
  CHECK_EQ(FormatIp(ToPeer(storage).address), "192.0.2.1");
  sockaddr_in6 none{};
  none.sin6_family = AF_UNIX;
  CHECK(!ToPeer(none).address.known());
}

TEST("the default backlog is at most 1024, and something") {
  CHECK(DefaultBacklog() >= 1 && DefaultBacklog() <= 1024);
}
