// The turn of the loop, time, and the end of connections. See engine.h.
#include "engine/engine.h"

#include <sys/timerfd.h>
#include <time.h>

#include <algorithm>

namespace postern {
namespace {

// What a poll event is about: the kind in the top byte, then serial and index of a connection.
enum class TagKind : uint8_t { kConnection, kListener, kTimer, kLog };

constexpr uint32_t kSerialMask = 0xffffff;

uint64_t MakeTag(TagKind kind, uint32_t index, uint32_t serial = 0) {
  return static_cast<uint64_t>(kind) << 56 | static_cast<uint64_t>(serial & kSerialMask) << 32 |
         index;
}

// A turn ends after that many events or rounds, so that the timers of the outer loop run: with an
// application that takes 10 µs a request, after 3 ms.
constexpr int kMaxTurnEvents = 256;
constexpr int kMaxRounds = 32;
constexpr int64_t kLogPauseSeconds = 10;
// The client has gone before its answer: nginx's number for that.
constexpr uint16_t kClientClosed = 499;
constexpr int kLastLinesMs = 1000;

}  // namespace

Engine::Engine(const EngineOptions& options, AppHost* host, InputMemory memory)
    : options_(options),
      host_(host),
      memory_(memory),
      input_capacity_(memory.size - ArenaBytes(memory)),
      log_(options.log),
      scratch_(std::make_unique_for_overwrite<uint8_t[]>(kScratchBytes)) {
  const uint32_t fields = std::max(options.limits.max_fields, options.limits.max_vars);
  fields_ = std::make_unique<Field[]>(fields);
  variables_ = std::make_unique<MetaVariable[]>(fields + kAddedVariables);
  head_.fields = fields_.get();
  head_.field_capacity = fields;
}

Engine::~Engine() {
  drained_told_ = true;  // there is nobody to tell any more
  CloseAll();
  Bury();
}

bool Engine::Open() {
  timer_.Reset(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!timer_.valid() || !poller_.Open()) return false;
  arena_ = Arena(memory_.data + input_capacity_, ArenaBytes(memory_));
  UpdateClock();
  return poller_.Add(timer_.get(), kInterestRead, MakeTag(TagKind::kTimer, 0));
}

int Engine::Listen(const ListenOptions& options, ListenError* error) {
  auto listener = std::make_unique<Listener>();
  if (!OpenListener(options, listener.get(), error)) return -1;
  listener->index = listener_count();
  listeners_.push_back(std::move(listener));
  return static_cast<int>(listeners_.back()->index);
}

bool Engine::Start() {
  accepting_ = true;
  PollListeners(true);
  for (const auto& listener : listeners_) {
    if (!listener->polled) return false;
  }
  return true;
}

void Engine::PollListeners(bool on) {
  for (const auto& listener : listeners_) {
    if (!listener->fd.valid() || listener->polled == on) continue;
    if (on) {
      listener->polled = poller_.Add(listener->fd.get(), kInterestRead | kInterestExclusive,
                                     MakeTag(TagKind::kListener, listener->index));
    } else {
      poller_.Remove(listener->fd.get());
      listener->polled = false;
    }
  }
}

// Whether its reader takes lines again. The end of the turn tries.
void Engine::PollLog(bool on) {
  if (on && poller_.Add(log_.sink_fd(), kInterestWrite, MakeTag(TagKind::kLog, 0))) return;
  if (!on) poller_.Remove(log_.sink_fd());
  log_.Unblock();
}

// Once a turn. The coarse clock is read without a system call.
void Engine::UpdateClock() {
  timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec == wall_seconds_) return;
  wall_seconds_ = now.tv_sec;
  log_.SetWallSeconds(wall_seconds_);
  EncodeDateLine(wall_seconds_, date_line_);
}

void Engine::Turn() {
  in_turn_ = true;
  now_ns_ = MonotonicNs();
  ++turns_;
  UpdateClock();
  if (drain_requested_) StartDrain();
  int events = 0;
  for (int round = 0; round < kMaxRounds && events < kMaxTurnEvents; ++round) {
    int handled = 0;
    Round(&handled);
    events += handled;
    // One more look costs a system call: worth it only when this one found a crowd.
    if (handled < 2 && !HasReadyWork()) break;
  }
  WriteLog();
  Bury();
  Publish();
  in_turn_ = false;
}

void Engine::Round(int* handled) {
  log_.ForgetTime();
  // Each of the two can fill a batch: they take turns in being the first.
  unread_first_ = !unread_first_;
  if (unread_first_) ReadUnread();
  *handled = TakeEvents();
  if (!unread_first_) ReadUnread();
  // Pipelined requests wait in memory: answer them all before anything is sent, so that a
  // connection gets one write a round.
  do {
    if (!batch_full_) ProcessReady();
    batch_full_ = false;
    Deliver();
    ++round_;
    for (const Follower& f : followers_) log_.Drop(f.facts.log);
    followers_.clear();
    input_used_ = 0;
    arena_.Clear();
  } while (!ready_.empty() && scratch_used_ < kMaxGatheredBytes);
  Flush();
  for (Connection* c : fresh_) {
    if (c->open()) UpdateInterest(c);
  }
  fresh_.clear();
}

// The number of events that were dispatched.
int Engine::TakeEvents() {
  if (next_event_ == event_count_) {
    event_count_ = poller_.Wait(events_, Poller::kMaxEvents);
    next_event_ = 0;
  }
  const int first = next_event_;
  while (next_event_ < event_count_ && !batch_full_) Dispatch(events_[next_event_++]);
  return next_event_ - first;
}

void Engine::Dispatch(const PollEvent& event) {
  const auto kind = static_cast<TagKind>(event.tag >> 56);
  const auto index = static_cast<uint32_t>(event.tag);
  if (kind == TagKind::kTimer) return OnTimer();
  if (kind == TagKind::kLog) return PollLog(false);
  if (kind == TagKind::kListener) return OnAcceptable(listeners_[index].get());
  Connection* const c = connections_[index].get();
  // The place may have been closed and taken again by an earlier event of this round.
  if (!c->open() || (c->serial & kSerialMask) != (event.tag >> 32 & kSerialMask)) return;
  if (event.writable) MarkDirty(c);
  if (event.ended || event.failed) c->read_to_end = true;
  if (event.readable && (c->interest & kInterestRead) != 0) {
    OnReadable(c);
  } else if (event.failed) {
    OnPeerGone(c);
  }
}

void Engine::OnTimer() {
  uint64_t ticks;
  if (read(timer_.get(), &ticks, sizeof(ticks)) < 0) return;
  wheel_.Tick([this](Connection* c) { Expire(c); });
  if (accept_paused_) {
    accept_paused_ = false;
    PollListeners(true);
  }
  if (draining_ && drain_grace_ticks_ > 0) --drain_grace_ticks_;
  if (ClosesIdle()) DrainIdle();
  if (open_ > 0 || !accepting_) return;
  const itimerspec stop{};
  timerfd_settime(timer_.get(), 0, &stop, nullptr);
  timer_armed_ = false;
}

// A tick a second while there is anything to time; OnTimer stops it.
void Engine::ArmTimer() {
  if (timer_armed_) return;
  const itimerspec second{{1, 0}, {1, 0}};
  timerfd_settime(timer_.get(), 0, &second, nullptr);
  timer_armed_ = true;
}

void Engine::UpdateInterest(Connection* c) {
  if (!c->open()) return;
  uint8_t wanted = kInterestNone;
  if (!c->peer_closed && !c->reading_paused) wanted |= kInterestRead;
  if (c->queue != nullptr) wanted |= kInterestWrite;
  if (c->registered && wanted == c->interest) return;
  const uint64_t tag = MakeTag(TagKind::kConnection, c->index, c->serial);
  c->interest = wanted;
  wanted |= kInterestEdge;
  const bool done =
      c->registered ? poller_.Modify(c->fd, wanted, tag) : poller_.Add(c->fd, wanted, tag);
  c->registered = true;
  if (!done) OnPeerGone(c);
}

// What the client has to do next, within that time. While output is stuck there is one thing only
// that it has to do: to read; the deadline for that stays (see AfterFlush).
void Engine::SetDeadline(Connection* c, uint32_t seconds) {
  if (!c->write_timed) wheel_.Set(c, seconds);
}

// The deadline of the phase, when another one is over.
void Engine::RestartDeadline(Connection* c) {
  const Limits& limits = options_.limits;
  switch (c->phase) {
    case Phase::kHead:
      return wheel_.Set(c, c->input.empty() ? limits.keepalive_timeout_s : limits.header_timeout_s);
    case Phase::kBody:
      return wheel_.Set(c, c->reading_paused ? limits.harakiri_s : limits.body_timeout_s);
    case Phase::kDrain:
      return wheel_.Set(c, limits.body_timeout_s);
    case Phase::kHandling:
      return wheel_.Set(c, limits.harakiri_s);
    default:
      return;
  }
}

// No progress for too long.
void Engine::Expire(Connection* c) {
  if (c->write_timed) return OnPeerGone(c);  // the client does not read
  switch (c->phase) {
    case Phase::kHead:
      if (!c->HasBegunRequest()) return Close(c);
      return Reject(c, {408, "the request did not arrive in time"}, c->input.View());
    case Phase::kBody:
      // While reading pauses it is the application that is slow.
      if (c->reading_paused) return Harakiri(c);
      return FailBody(c, {408, "the body did not arrive in time"});
    case Phase::kHandling:
      return Harakiri(c);
    default:
      return Close(c);
  }
}

void Engine::Close(Connection* c) {
  if (!c->open()) return;
  if (c->HasExchange() && !c->IsHeld() && c->response != ResponseState::kEnded) {
    Notify(c, Notice::kAborted);
    if (c->in_flight) ++counts_.client_gone;
  }
  CloseExchange(c);
  EndLog(c, closing_all_ ? 503 : kClientClosed);
  FinishLogs(c);
  wheel_.Remove(c);
  close(c->fd);  // takes it out of the poller too
  c->fd = -1;
  c->phase = Phase::kClosed;
  --open_;
  graveyard_.push_back(c);
}

// Places of connections that closed in this turn become free only now: until here, the lists of
// the turn may still point to them.
void Engine::Bury() {
  for (Connection* c : graveyard_) {
    const uint32_t index = c->index;
    const uint32_t serial = c->serial + 1;
    const uint32_t generation = c->generation + 1 == 0 ? 1 : c->generation + 1;
    *c = Connection();
    c->index = index;
    c->serial = serial;
    c->generation = generation;  // ids of the last life stay dead
    free_.push_back(index);
  }
  if (!graveyard_.empty() && accept_paused_ && accepting_) {
    accept_paused_ = false;
    PollListeners(true);
  }
  graveyard_.clear();
  if (draining_ && open_ == 0 && !drained_told_) {
    drained_told_ = true;
    host_->Drained();
  }
}

void Engine::PushReady(Connection* c) {
  if (c->in_ready) return;
  c->in_ready = true;
  ready_.push_back(c);
}

void Engine::PushUnread(Connection* c) {
  if (c->in_unread) return;
  c->in_unread = true;
  unread_.push_back(c);
}

void Engine::Notify(Connection* c, Notice notice) {
  host_notified_ = true;
  host_->Notify(IdOf(c), notice);
}

// A message that clients can provoke is written at most once in a while.
void Engine::LogOnce(LogLevel level, const char* text) {
  Said* place = &said_[0];
  for (Said& one : said_) {
    const int64_t since = wall_seconds_ - one.at;
    if (one.text == text && since >= 0 && since < kLogPauseSeconds) return;
    if (one.text == text || (place->text != text && one.at < place->at)) place = &one;
  }
  *place = {text, wall_seconds_};
  host_->Log(level, text);
}

Connection* Engine::Find(ExchangeId id) {
  if (id.connection >= connections_.size()) return nullptr;
  Connection* const c = connections_[id.connection].get();
  return c->generation == id.generation && c->HasExchange() ? c : nullptr;
}

void Engine::CloseAll() {
  if (score_->fail_on_close.load(std::memory_order_relaxed) != 0) FailAll();
  accepting_ = false;
  for (const auto& listener : listeners_) {
    if (listener->polled) poller_.Remove(listener->fd.get());
    listener->polled = false;
    listener->fd.Reset();
  }
  closing_all_ = true;
  for (const auto& c : connections_) Close(c.get());
  closing_all_ = false;
  log_.WriteOut(kLastLinesMs);
}

}  // namespace postern
