// An application for the engine under a fuzzer. It reads every body to its end and then answers, at
// once or when it is stirred; or it does what applications do when nobody looks: answers early,
// late, in parts, too little, not at all. It watches that the engine keeps the contract of
// app_host.h.
#ifndef POSTERN_FUZZ_ENGINE_APP_H_
#define POSTERN_FUZZ_ENGINE_APP_H_

#include <sys/mman.h>

#include <map>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "target.h"

namespace postern::fuzz {

enum class Manner { kPrompt, kLate, kWild };

class App : public AppHost {
 public:
  App(Manner manner, uint32_t seed, size_t room) : manner_(manner), cuts_(seed), room_(room) {}

  Engine* engine = nullptr;
  std::vector<std::string> whole;  // requests that were read to their end, in order
  size_t started = 0;

  // Something that happens outside of a turn: an open exchange gets on.
  void Stir() {
    if (open_.empty()) return;
    auto one = open_.begin();
    std::advance(one, cuts_.Next(0, open_.size() - 1));
    Continue(one->first);
  }
  // Everything that is open is answered.
  void Finish() {
    const std::map<Id, Exchange> open = open_;
    for (const auto& [id, exchange] : open) Answer(id);
  }
  bool idle() const { return open_.empty(); }

  bool HasRoom(uint32_t) override { return accepted_.size() < room_; }
  void Accept(const Request& request) override;
  void Notify(ExchangeId id, Notice notice) override { notices_.emplace_back(IdOf(id), notice); }
  void Deliver() override;
  void Drained() override {}
  void Log(LogLevel, const char* text) override { MUST(strlen(text) > 0); }

 private:
  using Id = std::pair<uint32_t, uint32_t>;
  enum class State { kReading, kWaiting, kStreaming };
  struct Accepted {
    Id id;
    std::string text;  // method, target, and the body if it was whole
    bool follows;
  };
  struct Exchange {
    std::string text;
    State state = State::kReading;
  };

  static Id IdOf(ExchangeId id) { return {id.connection, id.generation}; }
  static ExchangeId Of(Id id) { return {id.first, id.second}; }

  void TakeNotice(Id id, Notice notice);
  void Start(const Accepted& one);
  void StartWildly(Id id);
  void Read(Id id);
  void Continue(Id id);
  void Answer(Id id, const char* status = "200 OK");
  void BeginStream(Id id, uint64_t length);
  void WriteSome(Id id);

  const Manner manner_;
  Cuts cuts_;
  const size_t room_;
  std::vector<Accepted> accepted_;
  std::vector<std::pair<Id, Notice>> notices_;
  std::map<Id, Exchange> open_;
};

inline void App::Accept(const Request& request) {
  MUST(accepted_.size() < room_ && request.head != nullptr && request.variable_count > 0);
  for (const Accepted& other : accepted_) MUST(other.id != IdOf(request.id));
  MUST(open_.count(IdOf(request.id)) == 0);
  std::string text = Text(request.head->method) + " " + Text(request.head->target);
  for (uint32_t i = 0; i < request.variable_count; ++i) {
    const MetaVariable& one = request.variables[i];
    text += "\n" + Text(one.key == Key::kNone ? one.name : VariableName(one.key)) + "=" +
            Text(one.value);
  }
  text += "\n\n" + Text(request.body);
  accepted_.push_back({IdOf(request.id), text, request.follows});
}

inline void App::Deliver() {
  std::vector<std::pair<Id, Notice>> notices;
  notices.swap(notices_);
  for (const auto& [id, notice] : notices) TakeNotice(id, notice);
  std::vector<Accepted> accepted;
  accepted.swap(accepted_);
  uint32_t waiting = UINT32_MAX;  // a connection whose request is not answered yet
  for (const Accepted& one : accepted) {
    if (one.follows && (waiting == one.id.first || !engine->IsOpen(Of(one.id)))) {
      waiting = one.id.first;
      engine->Defer(Of(one.id));
      continue;
    }
    waiting = UINT32_MAX;
    Start(one);
  }
}

inline void App::TakeNotice(Id id, Notice notice) {
  // A notice may cross an answer of ours; it may not come for what never was.
  MUST(id.second != 0);
  if (open_.count(id) == 0) return;
  if (notice == Notice::kAborted) {
    open_.erase(id);
    return MUST(!engine->IsOpen(Of(id)));
  }
  if (notice == Notice::kBody && open_[id].state == State::kReading) Read(id);
  if (notice == Notice::kWritable && open_.count(id) != 0) Continue(id);
}

inline void App::Start(const Accepted& one) {
  ++started;
  open_[one.id].text = one.text;
  if (manner_ == Manner::kWild) return StartWildly(one.id);
  Read(one.id);
}

inline void App::Read(Id id) {
  uint8_t buffer[100];
  for (;;) {
    size_t size;
    ParseError error;
    switch (engine->ReadBody(Of(id), buffer, sizeof(buffer), &size, &error)) {
      case BodyState::kData:
        MUST(size > 0 && size <= sizeof(buffer));
        open_[id].text += Text({buffer, size});
        break;
      case BodyState::kPending:
        return;
      case BodyState::kEnd:
        whole.push_back(open_[id].text + "\n\n" + Text(engine->Trailers(Of(id))));
        if (manner_ != Manner::kLate) return Answer(id);
        open_[id].state = State::kWaiting;
        return;
      case BodyState::kError:
        MUST(error.status >= 400 && strlen(error.reason) > 0);
        return Answer(id, "400 Bad Request");
    }
  }
}

// The body is always empty, so that a client finds the heads by their empty lines.
inline void App::Answer(Id id, const char* status) {
  ResponseHead head;
  head.status = ByteView(status);
  if (open_[id].state == State::kStreaming) {
    engine->EndResponse(Of(id));
  } else {
    engine->Respond(Of(id), head, 0, {});
  }
  open_.erase(id);
  engine->Respond(Of(id), head, 0, {});  // a second answer is none
}

inline void App::BeginStream(Id id, uint64_t length) {
  ResponseHead head;
  head.status = ByteView("200 OK");
  engine->StartResponse(Of(id), head, length);
  open_[id].state = State::kStreaming;
}

inline void App::WriteSome(Id id) {
  static const std::string long_text(300 * 1000, 'x');
  static const int file = memfd_create("fuzz", MFD_CLOEXEC);
  static const bool filled = write(file, long_text.data(), 5000) == 5000;
  MUST(filled);
  switch (cuts_.Next(0, 3)) {
    case 0:
      return engine->Write(Of(id), Bytes("some text"));
    case 1:
      return engine->Write(Of(id), Bytes(std::string_view(long_text).substr(0, 150000)));
    case 2:
      return engine->WriteBorrowed(Of(id), {Bytes(long_text), [](void*) {}, nullptr});
    default:
      return engine->WriteFile(Of(id), UniqueFd(dup(file)), 10, 4000);
  }
}

inline void App::StartWildly(Id id) {
  switch (cuts_.Next(0, 9)) {
    case 0:
    case 1:
      return Answer(id);
    case 2:
    case 3:
      return Read(id);
    case 4:
      BeginStream(id, kNoLength);
      return WriteSome(id);
    case 5:
      BeginStream(id, cuts_.Next(0, 5000));  // most often more or less than comes
      return WriteSome(id);
    case 6:
      engine->AbortResponse(Of(id));
      open_.erase(id);
      return;
    case 7:
      engine->WriteInterim(Of(id), ByteView("HTTP/1.1 103 Early Hints\r\n\r\n"));
      [[fallthrough]];
    default:
      open_[id].state = State::kWaiting;
  }
}

inline void App::Continue(Id id) {
  Exchange& exchange = open_[id];
  if (exchange.state == State::kReading) return Read(id);
  if (exchange.state == State::kWaiting) {
    const bool read = manner_ == Manner::kWild && cuts_.Next(0, 1) == 0;
    exchange.state = State::kReading;
    return read ? Read(id) : Answer(id);
  }
  if (cuts_.Next(0, 2) == 0) return Answer(id);
  WriteSome(id);
  engine->QueuedBytes(Of(id), cuts_.Next(0, 1) == 0);
}

}  // namespace postern::fuzz

#endif  // POSTERN_FUZZ_ENGINE_APP_H_
