// See engine_rig.h.
#include "engine/engine_rig.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "check.h"

namespace postern::test {
namespace {

int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

}  // namespace

// --- Host ---

Host::Host() {
  answer = [this](const Seen& seen) { Respond(seen.id, seen.target); };
}

size_t Host::Count(Notice notice) const {
  return static_cast<size_t>(std::count_if(notices.begin(), notices.end(),
                                           [&](const auto& one) { return one.second == notice; }));
}

void Host::Respond(ExchangeId id, std::string_view body, std::string_view status,
                   std::string_view lines) {
  ResponseHead head;
  head.status = Bytes(status);
  head.lines = Bytes(lines);
  CHECK(ValidateStatus(head.status) && ValidateFieldLines(head.lines));
  engine->Respond(id, head, body.size(), Bytes(body));
}

void Host::Start(ExchangeId id, uint64_t length, std::string_view status) {
  ResponseHead head;
  head.status = Bytes(status);
  engine->StartResponse(id, head, length);
}

std::string Host::ReadBody(ExchangeId id, BodyState* state, ParseError* error, size_t step) {
  std::string out;
  std::string buffer(step, '\0');
  ParseError ignored;
  for (;;) {
    size_t size;
    *state = engine->ReadBody(id, reinterpret_cast<uint8_t*>(buffer.data()), step, &size,
                              error == nullptr ? &ignored : error);
    if (*state != BodyState::kData) return out;
    CHECK(size > 0 && size <= step);
    out.append(buffer, 0, size);
  }
}

bool Host::HasRoom(uint32_t) {
  return accepted_.size() < room;
}

void Host::Accept(const Request& request) {
  Seen seen;
  seen.id = request.id;
  seen.method = Text(request.head->method);
  seen.target = Text(request.head->target);
  seen.body = Text(request.body);
  seen.trailers = Text(request.trailers);
  for (uint32_t i = 0; i < request.variable_count; ++i) {
    const MetaVariable& one = request.variables[i];
    const ByteView name = one.key == Key::kNone ? one.name : VariableName(one.key);
    seen.variables[std::string(Text(name))] = Text(one.value);
  }
  seen.complete = request.body_complete;
  seen.follows = request.follows;
  seen.first = request.first;
  seen.listener = request.listener;
  accepted_.push_back(std::move(seen));
}

void Host::Notify(ExchangeId id, Notice notice) {
  notified_.emplace_back(id, notice);
}

void Host::Deliver() {
  std::vector<std::pair<ExchangeId, Notice>> notified;
  notified.swap(notified_);
  for (const auto& [id, notice] : notified) {
    notices.emplace_back(id, notice);
    if (noticed) noticed(id, notice);
  }
  std::vector<Seen> accepted;
  accepted.swap(accepted_);
  uint32_t waiting = UINT32_MAX;  // a connection whose request is not answered yet
  for (const Seen& one : accepted) {
    if (one.follows && (waiting == one.id.connection || !engine->IsOpen(one.id))) {
      waiting = one.id.connection;
      ++deferred;
      engine->Defer(one.id);
      continue;
    }
    waiting = UINT32_MAX;
    seen.push_back(one);
    answer(one);
  }
}

void Host::Log(LogLevel, const char* text) {
  log.emplace_back(text);
}

// --- Client ---

Client::~Client() {
  Close();
}

void Client::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void Client::Reset() {
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  Close();
}

void Client::ShutdownWrite() {
  shut_ = true;
  Pump();
}

void Client::Pump() {
  if (fd_ < 0) return;
  while (!unsent_.empty()) {
    const ssize_t sent = send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) unsent_.clear();
    if (sent <= 0) break;
    unsent_.erase(0, static_cast<size_t>(sent));
  }
  if (unsent_.empty() && shut_) {
    shutdown(fd_, SHUT_WR);
    shut_ = false;
  }
  char buffer[65536];
  while (reads && !ended && !was_reset) {
    const ssize_t got = recv(fd_, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) break;
    if (got < 0) was_reset = true;
    if (got == 0) ended = true;
    if (got > 0) received.append(buffer, static_cast<size_t>(got));
  }
}

std::string Response::Field(const std::string& name) const {
  const size_t at = head.find("\r\n" + name + ": ");
  if (at == head.npos) return "(absent)";
  const size_t from = at + name.size() + 4;
  return head.substr(from, head.find("\r\n", from) - from);
}

// Takes the chunks of `rest` apart. The bytes that were used, or npos: not whole.
static size_t TakeChunks(std::string_view rest, std::string* body) {
  for (size_t at = 0;;) {
    const size_t line = rest.find("\r\n", at);
    if (line == rest.npos) return rest.npos;
    const size_t size = strtoul(std::string(rest.substr(at, line - at)).c_str(), nullptr, 16);
    at = line + 2;
    if (rest.size() - at < size + 2) {
      *body += rest.substr(at, size);
      return rest.npos;
    }
    *body += rest.substr(at, size);
    at += size + 2;
    if (size == 0) return at;
  }
}

std::vector<Response> Client::Responses(std::vector<size_t> heads) const {
  std::vector<Response> out;
  std::string_view rest = received;
  while (!rest.empty()) {
    Response& one = out.emplace_back();
    const size_t end = rest.find("\r\n\r\n");
    if (end == rest.npos || !rest.starts_with("HTTP/1.1 ")) return out;
    one.head = rest.substr(0, end + 4);
    one.status = atoi(one.head.c_str() + 9);
    rest.remove_prefix(end + 4);
    const bool no_body = one.status / 100 == 1 || one.status == 204 || one.status == 304 ||
                         std::find(heads.begin(), heads.end(), out.size() - 1) != heads.end();
    const std::string length = one.Field("Content-Length");
    size_t used = 0;
    if (no_body) {
      one.whole = true;
    } else if (one.Field("Transfer-Encoding") == "chunked") {
      used = TakeChunks(rest, &one.body);
      one.whole = used != rest.npos;
    } else {
      const size_t size = length == "(absent)" ? rest.size() : strtoul(length.c_str(), nullptr, 10);
      used = std::min(size, rest.size());
      one.whole = used == size && (length != "(absent)" || ended);
      one.body = rest.substr(0, used);
    }
    if (!one.whole) return out;
    rest.remove_prefix(used);
  }
  return out;
}

// --- Rig ---

Rig::Rig(const RigOptions& options) : options_(options) {
  signal(SIGPIPE, SIG_IGN);
  memory.resize(InputMemory::MinBytes(options.engine.limits));
  engine =
      std::make_unique<Engine>(options.engine, &host, InputMemory{memory.data(), memory.size()});
  host.engine = engine.get();
  CHECK(engine->Open());
  static int number = 0;
  ListenOptions listen;
  listen.protocol = options.protocol;
  listen.address.kind =
      options.unix_socket ? ListenAddress::Kind::kAbstract : ListenAddress::Kind::kTcp;
  listen.address.host = options.unix_socket ? "postern-rig-" + std::to_string(getpid()) + "-" +
                                                  std::to_string(++number)
                                            : "127.0.0.1";
  ListenError error;
  CHECK_EQ(engine->Listen(listen, &error), 0);
  if (options.send_buffer != 0) {
    setsockopt(engine->listener(0).fd.get(), SOL_SOCKET, SO_SNDBUF, &options.send_buffer,
               sizeof(options.send_buffer));
  }
  CHECK(engine->Start());
}

Rig::~Rig() {
  clients.clear();
  engine.reset();
}

Client* Rig::Connect() {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  getsockname(engine->listener(0).fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (options_.receive_buffer != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options_.receive_buffer,
               sizeof(options_.receive_buffer));
  }
  CHECK(connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  clients.push_back(std::make_unique<Client>(fd));
  return clients.back().get();
}

bool Rig::Step(int milliseconds) {
  std::vector<pollfd> fds = {{engine->pollable_fd(), POLLIN, 0}};
  for (const auto& client : clients) {
    short events = client->reads && !client->ended && !client->was_reset ? POLLIN : 0;
    if (client->unsent() != 0) events |= POLLOUT;
    // A reset is told even without interest, and has been seen.
    if (client->fd() >= 0 && events != 0) fds.push_back({client->fd(), events, 0});
  }
  const bool work = engine->HasWork();
  const int ready = poll(fds.data(), fds.size(), work ? 0 : milliseconds);
  if (work || (fds[0].revents & POLLIN) != 0) {
    ++turns;
    engine->Turn();
  }
  for (const auto& client : clients) client->Pump();
  return ready > 0 || work;
}

bool Rig::Until(const std::function<bool()>& done, int milliseconds) {
  const int64_t end = NowMs() + milliseconds;
  for (int64_t now = NowMs(); !done(); now = NowMs()) {
    if (now >= end) return false;
    Step(static_cast<int>(std::min<int64_t>(end - now, 100)));
  }
  return true;
}

void Rig::Settle(int milliseconds) {
  while (Step(milliseconds)) {
  }
}

bool Rig::Answered(Client* client, size_t count, int milliseconds) {
  return Until(
      [&] {
        const std::vector<Response> responses = client->Responses();
        return responses.size() >= count && responses[count - 1].whole;
      },
      milliseconds);
}

std::string Get(std::string_view target, std::string_view lines) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}

std::string Post(std::string_view target, std::string_view body, std::string_view lines) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(lines) + "\r\n" + std::string(body);
}

}  // namespace postern::test
