// An engine without Node: a host that records what it gets and answers by a function of the test,
// clients on real sockets, and a loop that calls Turn only when the engine asks for it.
#ifndef POSTERN_TEST_ENGINE_ENGINE_RIG_H_
#define POSTERN_TEST_ENGINE_ENGINE_RIG_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace postern::test {

// A request as the host got it.
struct Seen {
  ExchangeId id;
  std::string method, target, body, trailers;
  std::map<std::string, std::string> variables;
  bool complete = true;
  bool follows = false;
  bool first = false;
  uint32_t listener = 0;
};

class Host : public AppHost {
 public:
  Host();

  // What the application does with a request; the default echoes the target.
  std::function<void(const Seen&)> answer;
  std::function<void(ExchangeId, Notice)> noticed;
  // Requests for one delivery.
  size_t room = SIZE_MAX;

  Engine* engine = nullptr;
  std::vector<Seen> seen;  // those that were started
  std::vector<std::pair<ExchangeId, Notice>> notices;
  std::vector<std::string> log;
  int deferred = 0;
  int drained = 0;

  size_t Count(Notice notice) const;

  // Shorthands for answers. `lines` are whole, with their CRLFs.
  void Respond(ExchangeId id, std::string_view body, std::string_view status = "200 OK",
               std::string_view lines = {});
  void Start(ExchangeId id, uint64_t length, std::string_view status = "200 OK");
  // Everything of the body that is there, and how it ended.
  std::string ReadBody(ExchangeId id, BodyState* state, ParseError* error = nullptr,
                       size_t step = 65536);

  bool HasRoom(uint32_t variable_count) override;
  void Accept(const Request& request) override;
  void Notify(ExchangeId id, Notice notice) override;
  void Deliver() override;
  void Drained() override { ++drained; }
  void Log(LogLevel level, const char* text) override;

 private:
  std::vector<Seen> accepted_;
  std::vector<std::pair<ExchangeId, Notice>> notified_;
};

struct Response {
  int status = 0;
  std::string head;  // from the status line to the empty line
  std::string body;  // without chunks
  bool whole = false;

  std::string Field(const std::string& name) const;
};

class Client {
 public:
  explicit Client(int fd) : fd_(fd) {}
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void Send(std::string_view text) {
    unsent_ += text;
    Pump();
  }
  void Pump();  // sends and receives what can be without waiting
  void ShutdownWrite();
  void Close();
  void Reset();  // so that the server gets a reset

  // The responses received so far; those to HEAD are listed in `heads` by their place.
  std::vector<Response> Responses(std::vector<size_t> heads = {}) const;

  int fd() const { return fd_; }
  size_t unsent() const { return unsent_.size(); }
  std::string received;
  bool ended = false;      // the server has closed, in good order
  bool was_reset = false;  // or in bad
  bool reads = true;       // false: a slow reader

 private:
  int fd_;
  std::string unsent_;
  bool shut_ = false;
};

struct RigOptions {
  EngineOptions engine;
  WireProtocol protocol = WireProtocol::kHttp1;
  bool unix_socket = false;
  int send_buffer = 0;     // SO_SNDBUF of accepted TCP sockets
  int receive_buffer = 0;  // SO_RCVBUF of clients
};

class Rig {
 public:
  explicit Rig(const RigOptions& options = {});
  ~Rig();

  Client* Connect();
  // Runs the loop until `done` is true, or that many milliseconds have passed: false.
  bool Until(const std::function<bool()>& done, int milliseconds = 5000);
  // Runs the loop until nothing has happened for a while.
  void Settle(int milliseconds = 40);
  // Until the client has that many whole responses.
  bool Answered(Client* client, size_t count, int milliseconds = 5000);

  std::vector<std::unique_ptr<Client>> clients;
  std::vector<uint8_t> memory;
  Host host;
  std::unique_ptr<Engine> engine;
  uint64_t turns = 0;

 private:
  // One poll, and a turn if the engine asked for it. False: nothing happened in that time.
  bool Step(int milliseconds);
  RigOptions options_;
};

std::string Get(std::string_view target, std::string_view lines = {});
std::string Post(std::string_view target, std::string_view body, std::string_view lines = {});

}  // namespace postern::test

#endif  // POSTERN_TEST_ENGINE_ENGINE_RIG_H_
