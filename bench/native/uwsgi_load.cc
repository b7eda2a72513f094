// A load generator for uwsgi sockets: one connection a request, as nginx does it.
//
// Usage: uwsgi_load SOCKET CONNECTIONS SECONDS. Keeps that many connections in flight over one
// epoll, checks that every reply is a 200 with the expected body, and prints
// "REQUESTS ERRORS MICROSECONDS".
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "protocols/uwsgi.h"

namespace {

using postern::Buffer;
using postern::ByteView;
using postern::UwsgiVar;

// What nginx sends with its uwsgi_params for a browser-like GET.
Buffer MakePacket() {
  const char* pairs[][2] = {
      {"QUERY_STRING", ""},
      {"REQUEST_METHOD", "GET"},
      {"CONTENT_TYPE", ""},
      {"CONTENT_LENGTH", ""},
      {"REQUEST_URI", "/"},
      {"PATH_INFO", "/"},
      {"DOCUMENT_ROOT", "/usr/share/nginx/html"},
      {"SERVER_PROTOCOL", "HTTP/1.1"},
      {"REQUEST_SCHEME", "http"},
      {"REMOTE_ADDR", "127.0.0.1"},
      {"REMOTE_PORT", "51234"},
      {"SERVER_PORT", "8080"},
      {"SERVER_NAME", "localhost"},
      {"HTTP_HOST", "localhost:8080"},
      {"HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
      {"HTTP_ACCEPT", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
      {"HTTP_ACCEPT_LANGUAGE", "en-US,en;q=0.5"},
      {"HTTP_ACCEPT_ENCODING", "gzip, deflate"},
  };
  std::vector<UwsgiVar> vars;
  for (const auto& [key, value] : pairs) vars.push_back({ByteView(key), ByteView(value)});
  Buffer packet;
  postern::EncodeUwsgiPacket(0, 0, vars, &packet);
  return packet;
}

int Connect(const char* path, const Buffer& packet) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    close(fd);
    return -1;
  }
  send(fd, packet.View().data, packet.size(), MSG_NOSIGNAL);
  return fd;
}

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int connections = atoi(argv[2]);
  const Buffer packet = MakePacket();
  const int poller = epoll_create1(0);
  long requests = 0;
  long errors = 0;
  const auto open_one = [&] {
    const int fd = Connect(argv[1], packet);
    if (fd < 0) {
      ++errors;
      return;
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.fd = fd;
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  };
  const int64_t start = Now();
  const int64_t end = start + static_cast<int64_t>(atof(argv[3]) * 1e6);
  for (int i = 0; i < connections; ++i) open_one();
  while (Now() < end) {
    epoll_event events[256];
    const int count = epoll_wait(poller, events, 256, 100);
    for (int i = 0; i < count; ++i) {
      char reply[4096];
      const ssize_t got = recv(events[i].data.fd, reply, sizeof(reply), 0);
      const bool good = got > 15 && memcmp(reply, "HTTP/1.1 200 OK", 15) == 0 &&
                        memmem(reply, static_cast<size_t>(got), "Hello, world!", 13) != nullptr;
      good ? ++requests : ++errors;
      close(events[i].data.fd);
      open_one();
    }
  }
  printf("%ld %ld %lld\n", requests, errors, static_cast<long long>(Now() - start));
  return 0;
}
