// What an engine counts, and when it tells: see scoreboard.h. Counting is plain memory of the
// engine; telling is a handful of stores, once a round and not once a request.
#include <unistd.h>

#include <ctime>

#include "engine/engine.h"

namespace postern {

uint64_t Engine::MonotonicNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// The exchange of the connection is the one that is handled from now on.
void Engine::OpenExchange(Connection* c) {
  c->in_flight = true;
  c->started_ns = now_ns_;
  ++counts_.in_flight;
}

void Engine::CloseExchange(Connection* c) {
  if (!c->in_flight) return;
  c->in_flight = false;
  --counts_.in_flight;
  ++closed_;
  closed_started_ns_ += c->started_ns;
}

void Engine::CountResponse(ByteView status) {
  const auto of = static_cast<uint8_t>(status.empty() ? 0 : status[0] - '1');
  if (of < 5) ++counts_.responses[of];
}

// Responses end in the application, and the clock is read once for all of a round.
void Engine::SettleTimes() {
  if (closed_ == 0) return;
  if (!in_turn_) now_ns_ = MonotonicNs();
  counts_.response_ns += closed_ * now_ns_ - closed_started_ns_;
  closed_ = 0;
  closed_started_ns_ = 0;
}

// Runs the application, if there is anything for it, and notes for how long.
void Engine::Deliver() {
  if (handed_ == 0 && !host_notified_) return host_->Deliver();
  handed_ = 0;
  host_notified_ = false;
  Publish();
  Set(&score_->busy_since, now_ns_);
  host_->Deliver();
  const uint64_t began = now_ns_;
  now_ns_ = MonotonicNs();
  Set(&score_->busy_since, 0);
  counts_.busy_ns += now_ns_ - began;
}

void Engine::Publish() {
  Set(&score_->requests, requests_);
  Set(&score_->sent_bytes, counts_.sent_bytes);
  Set(&score_->busy_ns, counts_.busy_ns);
  Set(&score_->response_ns, counts_.response_ns);
  Set(&score_->turns, turns_);
  Set(&score_->in_flight, counts_.in_flight);
  Set(&score_->connections, open_);
  for (int i = 0; i < 5; ++i) Set(&score_->responses[i], counts_.responses[i]);
  Set(&score_->client_gone, counts_.client_gone);
  Set(&score_->overdue, counts_.overdue);
}

// The time that the application may take until the next part of its response. 0: for ever.
void Engine::SetHandlingDeadline(Connection* c) {
  SetDeadline(c, options_.limits.harakiri_s);
}

// The application has not answered in time.
void Engine::Harakiri(Connection* c) {
  ++counts_.overdue;
  Notify(c, Notice::kOverdue);
  const bool started = c->response != ResponseState::kNone;
  if (started) return AbortResponse(IdOf(c));
  const bool head_only = c->facts.is_head;
  const bool unread = c->body != nullptr && !c->body->reader.done();
  CloseExchange(c);
  // Closing would tell the host once more.
  c->response = ResponseState::kEnded;
  SendError(c, {504, "the application did not answer in time"}, {}, head_only);
  CloseAfterWrite(c, unread || !c->input.empty());
}

// The thread is held and will not be given back: everybody who waits here gets an answer now, those
// too whose requests nobody has read. Clients whose answers were ready may bring another request at
// once, and have not been told not to.
void Engine::FailAll() {
  constexpr int kPasses = 5;
  constexpr useconds_t kPauseUs = 10'000;
  for (int i = 0; i < kPasses; ++i) {
    if (i > 0) usleep(kPauseUs);
    for (const auto& c : connections_) FailOne(c.get());
    Publish();
    Flush();
    WriteLog();
  }
}

void Engine::FailOne(Connection* c) {
  if (!c->open() || c->phase == Phase::kLinger || c->IsHeld()) return;
  if (c->HasExchange()) {
    if (c->response != ResponseState::kNone) return;
    if (c->in_flight) ++counts_.overdue;
    c->response = ResponseState::kEnded;
    SendError(c, {504, "the application did not answer in time"}, {}, c->facts.is_head);
  } else if (c->phase == Phase::kHead && DiscardAll(c)) {
    SendError(c, {503, "this worker is being replaced"}, c->input.View(), false);
  } else {
    return;
  }
  CloseAfterWrite(c, true);
}

}  // namespace postern
