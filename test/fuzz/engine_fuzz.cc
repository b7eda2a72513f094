// The whole engine on a real socket: a client sends the bytes at once, and again in pieces. Both
// times the application must see the same requests and the client as many answers; with an
// application at random the engine must neither crash nor spin nor keep a connection for ever. Each
// exchange has a line in the access log, which is JSON whatever the bytes were.
//
//   flags: 0 uwsgi · 1 post-buffering · 2 PROXY · 3 tight limits · 4 application at random
//          5 host with room for one · 6 the client does not read until its end
//          7 the application answers late; with 4, the client resets
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>

#include "engine_app.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::fuzz;  // NOLINT(build/namespaces)

namespace {

EngineOptions OptionsOf(const Input& input) {
  EngineOptions options;
  Limits& limits = options.limits;
  limits.max_head_bytes = 2048;
  if (input.Flag(1)) limits.post_buffering_bytes = 16;
  if (input.Flag(2)) options.proxy = ProxyMode::kAllow;
  options.forwarded.trusted.unix_peers = true;
  options.log.all = true;
  std::string error;
  MUST(options.log.format.Compile(ByteView("json"), {}, &error));
  if (!input.Flag(3)) return options;
  limits.max_head_bytes = 300;
  limits.max_fields = 6;
  limits.max_body_bytes = 200;
  limits.body_high_water_bytes = 64;
  limits.max_drain_bytes = 40;
  limits.max_linger_bytes = 100;
  return options;
}

Manner MannerOf(const Input& input) {
  if (input.Flag(4)) return Manner::kWild;
  return input.Flag(7) ? Manner::kLate : Manner::kPrompt;
}

struct Outcome {
  std::vector<std::string> requests;
  std::vector<bool> answers;  // for each final response: is it a good one?
};

// The same for all sessions: to make it anew would be most of their work.
InputMemory Memory(const Limits& limits) {
  static std::vector<uint8_t> memory;
  memory.resize(InputMemory::MinBytes(limits));
  return {memory.data(), memory.size()};
}

class Session {
 public:
  Session(const Input& input, bool cut)
      : input_(input),
        cut_(cut),
        app_(MannerOf(input), input.cuts, input.Flag(5) ? 1 : SIZE_MAX),
        cuts_(input.cuts),
        engine_(OptionsOf(input), &app_, Memory(OptionsOf(input).limits)) {
    app_.engine = &engine_;
    MUST(engine_.Open() && engine_.OpenLog(log_.get()));
    Connect();
  }
  Outcome Run();

 private:
  void Connect();
  void Send(ByteView bytes);
  void Stir();
  void Pump();
  bool Receive();
  std::vector<bool> Answers() const;
  void CheckLog();

  const Input& input_;
  const bool cut_;
  App app_;
  Cuts cuts_;
  Engine engine_;
  UniqueFd client_;
  UniqueFd log_{memfd_create("log", MFD_CLOEXEC)};
  bool reads_ = true;
  bool gone_ = false;
  std::string received_;
};

void Session::Connect() {
  static int number = 0;
  ListenOptions listen;
  listen.protocol = input_.Flag(0) ? WireProtocol::kUwsgi : WireProtocol::kHttp1;
  listen.address.kind = ListenAddress::Kind::kAbstract;
  listen.address.host = "postern-fuzz-" + std::to_string(getpid()) + "-" + std::to_string(++number);
  ListenError error;
  MUST(engine_.Listen(listen, &error) == 0 && engine_.Start());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path + 1, listen.address.host.data(), listen.address.host.size());
  const auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + listen.address.host.size());
  client_.Reset(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  MUST(connect(client_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  reads_ = !input_.Flag(6);
}

bool Session::Receive() {
  char buffer[65536];
  bool some = false;
  while (reads_ && !gone_) {
    const ssize_t got = recv(client_.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EAGAIN) break;
    some = true;
    if (got <= 0) {
      gone_ = true;
    } else {
      received_.append(buffer, static_cast<size_t>(got));
    }
  }
  return some;
}

// Turns as long as there is something to do. That has an end.
void Session::Pump() {
  for (int turns = 0;; ++turns) {
    MUST(turns < 3000);
    pollfd ready{engine_.pollable_fd(), POLLIN, 0};
    if (engine_.HasWork() || poll(&ready, 1, 0) > 0) {
      engine_.Turn();
      Receive();
    } else if (!Receive()) {
      return;
    }
  }
}

void Session::Send(ByteView bytes) {
  const ssize_t sent = send(client_.get(), bytes.data, bytes.size, MSG_NOSIGNAL);
  MUST(sent == static_cast<ssize_t>(bytes.size) || (sent < 0 && errno != EAGAIN));
  Pump();
  if (cuts_.Next(0, 1) == 0) Stir();
  if (cuts_.Next(0, 1) == 0) Pump();
}

// What an answer from outside of a turn sets free waits for the next one.
void Session::Stir() {
  if (MannerOf(input_) == Manner::kPrompt) return;
  if (MannerOf(input_) == Manner::kWild && cuts_.Next(0, 15) == 0) engine_.Drain();
  app_.Stir();
  engine_.Flush();
}

std::vector<bool> Session::Answers() const {
  std::vector<bool> out;
  for (size_t at = 0; received_.compare(at, 9, "HTTP/1.1 ") == 0;) {
    const char kind = received_[at + 9];
    if (kind != '1') out.push_back(kind == '2');
    if (kind == '4' || kind == '5') break;  // its body comes behind it, and then nothing
    const size_t end = received_.find("\r\n\r\n", at);
    MUST(end != std::string::npos);
    at = end + 4;
  }
  return out;
}

// One object a line: braces around it, strings that end, and nothing in them that JSON does not
// have.
void CheckLine(std::string_view line) {
  MUST(line.substr(0, 9) == "{\"time\":\"" && line.back() == '}');
  bool string = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const auto c = static_cast<uint8_t>(line[i]);
    MUST(c >= 0x20 && c != 0x7f);
    MUST(string || c < 0x80);
    if (c == '"') {
      string = !string;
    } else if (c == '\\') {
      MUST(string && i + 1 < line.size());
      const char next = line[++i];
      MUST(next == '"' || next == '\\' || next == 'u');
      for (int digit = 0; next == 'u' && digit < 4; ++digit) {
        MUST(++i < line.size() && isxdigit(static_cast<uint8_t>(line[i])) != 0);
      }
    }
  }
  MUST(!string);
}

void Session::CheckLog() {
  engine_.WriteLog();
  const auto size = static_cast<size_t>(lseek(log_.get(), 0, SEEK_END));
  std::string all(size, '\0');
  MUST(pread(log_.get(), all.data(), size, 0) == static_cast<ssize_t>(size));
  MUST(all.empty() || all.back() == '\n');
  size_t lines = 0;
  for (size_t at = 0; at < size; ++lines) {
    const size_t end = all.find('\n', at);
    CheckLine(std::string_view(all).substr(at, end - at));
    at = end + 1;
  }
  MUST(lines >= app_.whole.size());
}

Outcome Session::Run() {
  Pump();
  for (ByteView rest = input_.bytes; !rest.empty() && !gone_;) {
    const size_t size = cut_ ? cuts_.Piece(rest.size) : rest.size;
    Send(rest.Sub(0, size));
    rest = rest.From(size);
  }
  Stir();
  if (input_.Flag(7) && MannerOf(input_) == Manner::kWild) {
    client_.Reset();
  } else {
    shutdown(client_.get(), SHUT_WR);
  }
  Pump();
  reads_ = client_.valid();
  for (int i = 0; i < 200 && engine_.open_connections() > 0; ++i) {
    app_.Finish();
    engine_.Flush();
    Pump();
  }
  MUST(engine_.open_connections() == 0 && app_.idle());
  MUST(app_.whole.size() <= app_.started);
  CheckLog();
  return {app_.whole, MannerOf(input_) == Manner::kWild ? std::vector<bool>() : Answers()};
}

}  // namespace

FUZZ_TARGET(engine) {
  const Outcome cut = Session(input, true).Run();
  if (MannerOf(input) == Manner::kWild) return;
  const Outcome whole = Session(input, false).Run();
  MUST(whole.requests == cut.requests);
  MUST(whole.answers == cut.answers);
}
