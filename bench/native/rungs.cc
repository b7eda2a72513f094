// L2 and L3 of the ladder, as a Node addon so that they run in the same uv_run as the product.
//
//   L2  L1 nested in libuv by one uv_poll_t: epoll_wait(0), recv, parse, send
//   L3  the whole engine, with a host that answers fixed bytes without JavaScript
//
// exports: nested(port), engine(port). L4 needs nothing of its own: it is the product with the
// smallest possible JavaScript.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <node_api.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <memory>
#include <vector>

#include "bench/native/fixed_reply.h"
#include "engine/engine.h"

namespace postern::bench {
namespace {

uint16_t PortArgument(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  double port = 0;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  napi_get_value_double(env, argument, &port);
  return static_cast<uint16_t>(port);
}

// --- L2 ---

struct Nested {
  int listener;
  int poller;
  uv_poll_t poll;
  uint8_t input[64 * 1024];
};

void WatchNested(Nested* self, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(self->poller, EPOLL_CTL_ADD, fd, &event);
}

void ServeNested(Nested* self, int fd) {
  const ssize_t got = recv(fd, self->input, sizeof(self->input), 0);
  if (got <= 0) {
    close(fd);
    return;
  }
  const size_t heads = ParseHeads(self->input, static_cast<size_t>(got));
  if (heads > 0) send(fd, Replies(), heads * kReplyBytes, MSG_NOSIGNAL);
}

void OnNested(uv_poll_t* handle, int, int) {
  auto* self = static_cast<Nested*>(handle->data);
  epoll_event events[256];
  const int count = epoll_wait(self->poller, events, 256, 0);
  for (int i = 0; i < count; ++i) {
    const int fd = events[i].data.fd;
    if (fd != self->listener) {
      ServeNested(self, fd);
      continue;
    }
    for (int next; (next = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
      WatchNested(self, next);
    }
  }
}

napi_value StartNested(napi_env env, napi_callback_info info) {
  auto* self = new Nested;
  self->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(self->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  setsockopt(self->listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(PortArgument(env, info));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(self->listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(self->listener, 1024) != 0) {
    napi_throw_error(env, nullptr, "bind failed");
    return nullptr;
  }
  self->poller = epoll_create1(EPOLL_CLOEXEC);
  WatchNested(self, self->listener);
  uv_loop_t* loop;
  napi_get_uv_event_loop(env, &loop);
  self->poll.data = self;
  uv_poll_init(loop, &self->poll, self->poller);
  uv_poll_start(&self->poll, UV_READABLE, OnNested);
  return nullptr;
}

// --- L3 ---

class FixedHost : public AppHost {
 public:
  void Attach(Engine* engine) { engine_ = engine; }
  bool HasRoom(uint32_t) override { return ids_.size() < 128; }
  void Accept(const Request& request) override { ids_.push_back(request.id); }
  void Notify(ExchangeId, Notice) override {}
  void Deliver() override {
    ResponseHead head;
    head.status = ByteView("200 OK");
    head.lines = ByteView("Content-Type: text/plain\r\n");
    for (ExchangeId id : ids_) engine_->Respond(id, head, 13, ByteView("Hello, world!"));
    ids_.clear();
  }
  void Drained() override {}
  void Log(LogLevel, const char*) override {}

 private:
  Engine* engine_ = nullptr;
  std::vector<ExchangeId> ids_;
};

struct Rung {
  FixedHost host;
  std::unique_ptr<uint8_t[]> memory;
  std::unique_ptr<Engine> engine;
  uv_poll_t poll;
};

napi_value StartEngine(napi_env env, napi_callback_info info) {
  auto* self = new Rung;
  EngineOptions options;
  options.server_header = false;
  const size_t bytes = InputMemory::MinBytes(options.limits);
  self->memory = std::make_unique<uint8_t[]>(bytes);
  self->engine =
      std::make_unique<Engine>(options, &self->host, InputMemory{self->memory.get(), bytes});
  self->host.Attach(self->engine.get());
  ListenOptions listen;
  listen.address.host = "127.0.0.1";
  listen.address.port = PortArgument(env, info);
  ListenError error;
  if (!self->engine->Open() || self->engine->Listen(listen, &error) < 0 || !self->engine->Start()) {
    napi_throw_error(env, nullptr, "listen failed");
    return nullptr;
  }
  uv_loop_t* loop;
  napi_get_uv_event_loop(env, &loop);
  self->poll.data = self->engine.get();
  uv_poll_init(loop, &self->poll, self->engine->pollable_fd());
  uv_poll_start(&self->poll, UV_READABLE,
                [](uv_poll_t* h, int, int) { static_cast<Engine*>(h->data)->Turn(); });
  return nullptr;
}

napi_value Init(napi_env env, napi_value exports) {
  const std::pair<const char*, napi_callback> functions[] = {{"nested", StartNested},
                                                             {"engine", StartEngine}};
  for (const auto& [name, callback] : functions) {
    napi_value function;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
    napi_set_named_property(env, exports, name, function);
  }
  return exports;
}

}  // namespace
}  // namespace postern::bench

NAPI_MODULE_INIT() {
  return postern::bench::Init(env, exports);
}
