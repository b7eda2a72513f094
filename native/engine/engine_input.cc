// Bytes in: from the socket through the parsers to the host. See engine.h and connection.h.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/check.h"
#include "engine/engine.h"
#include "engine/fast_calls.h"
#include "protocols/proxy.h"
#include "protocols/uwsgi.h"

namespace postern {
namespace {

constexpr size_t kMaxReadBytes = 64 * 1024;
constexpr size_t kMinReadBytes = 16 * 1024;
constexpr uint32_t kSpeculationPause = 256;
// A body that comes slower than this does not count as progress: one byte a second must not keep
// a connection alive for ever.
constexpr uint32_t kMinBodyBytesPerSecond = 32;

uint32_t CountLineEnds(ByteView bytes) {
  return static_cast<uint32_t>(std::count(bytes.begin(), bytes.end(), '\n'));
}

}  // namespace

void Engine::OnReadable(Connection* c) {
  if (c->phase == Phase::kLinger) return Discard(c);
  // What is left of earlier reads goes in front of the new bytes, so that parsers always see one
  // contiguous run. While a request is being handled nothing is parsed: the new bytes join the
  // kept ones instead.
  const size_t carried = c->phase == Phase::kHandling ? 0 : c->input.size();
  const size_t room = input_capacity_ - input_used_;
  if (room < carried + kMinReadBytes) {
    batch_full_ = true;
    return PushUnread(c);
  }
  uint8_t* const start = memory_.data + input_used_;
  const size_t wanted = std::min(room - carried, kMaxReadBytes);
  ssize_t got;
  do {
    got = FastRecv(c->fd, start + carried, wanted);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN ? void() : OnPeerGone(c);
  if (got == 0) return OnPeerClosed(c);
  // A short read has emptied the socket: the poller will tell of what comes next.
  if (static_cast<size_t>(got) == wanted || c->read_to_end) PushUnread(c);
  if (carried > 0) {
    memcpy(start, c->input.View().data, carried);
    c->input.Free();
  }
  uint8_t* const end = start + carried + got;
  input_used_ += carried + static_cast<size_t>(got);
  Process(c, start, end);
}

// Sockets that were not read to their end in the round before.
void Engine::ReadUnread() {
  if (unread_.empty()) return;
  std::vector<Connection*> unread;
  unread.swap(unread_);
  for (Connection* c : unread) {
    c->in_unread = false;
    if (!c->open()) continue;
    if (batch_full_) {
      PushUnread(c);
      continue;
    }
    // Where reading pauses, the poller is asked again when it goes on.
    if (c->registered && (c->interest & kInterestRead) == 0) continue;
    OnReadable(c);
    if (draining_) DrainIfIdle(c);
  }
}

// Lingering: the reply is on its way, what still comes in is thrown away.
void Engine::Discard(Connection* c) {
  uint8_t* const start = memory_.data + input_used_;
  const size_t wanted = std::min(input_capacity_ - input_used_, kMaxReadBytes);
  if (wanted < kMinReadBytes) {
    batch_full_ = true;
    return PushUnread(c);
  }
  const ssize_t got = FastRecv(c->fd, start, wanted);
  if (got < 0 && errno == EINTR) return PushUnread(c);
  if (got < 0 && errno == EAGAIN) return;
  if (got == static_cast<ssize_t>(wanted) || c->read_to_end) PushUnread(c);
  if (got <= 0) c->peer_closed = true;
  const bool over = got <= 0 || static_cast<size_t>(got) >= c->linger_left;
  if (over && !c->close_after_write) return Close(c);
  if (over) {
    c->linger_on_close = false;
    c->reading_paused = true;
    return UpdateInterest(c);
  }
  c->linger_left -= static_cast<uint32_t>(got);
}

void Engine::OnPeerClosed(Connection* c) {
  c->peer_closed = true;
  // Whole requests may still wait in the input: ProcessReady comes back here.
  if (c->in_ready) return UpdateInterest(c);
  switch (c->phase) {
    case Phase::kHead:
      if (!c->HasBegunRequest()) return CloseAfterWrite(c, false);
      return Reject(c, {400, "the connection ended in the middle of a request"});
    case Phase::kBody:
      return FailBody(c, {400, "the connection ended in the middle of the body"});
    case Phase::kHandling:
      break;  // half-close after a whole request: the answer still goes out
    case Phase::kDrain:
      return CloseAfterWrite(c, false);  // it is answered, but perhaps not all of that is sent
    default:
      return Close(c);
  }
  UpdateInterest(c);
}

// Reset, hung up, or it reads nothing any more.
void Engine::OnPeerGone(Connection* c) {
  Close(c);
}

void Engine::ProcessReady() {
  if (ready_.empty()) return;
  std::vector<Connection*> ready;
  ready.swap(ready_);
  for (Connection* c : ready) {
    c->in_ready = false;
    if (!c->open()) continue;
    if (batch_full_) {
      PushReady(c);
    } else if (c->IsHeld() && c->phase == Phase::kHandling) {
      HandOverHeld(c);
    } else if (c->phase == Phase::kHead && !c->input.empty()) {
      ProcessKept(c);
    }
    const bool cut = c->peer_closed && !c->in_ready;
    if (cut && (c->phase == Phase::kHead || c->phase == Phase::kBody)) OnPeerClosed(c);
    UpdateInterest(c);
  }
}

// The input that waited for its turn.
void Engine::ProcessKept(Connection* c) {
  const size_t size = c->input.size();
  if (input_capacity_ - input_used_ < size) {
    batch_full_ = true;
    return PushReady(c);
  }
  uint8_t* const start = memory_.data + input_used_;
  memcpy(start, c->input.View().data, size);
  c->input.Free();
  input_used_ += size;
  Process(c, start, start + size);
}

void Engine::Process(Connection* c, uint8_t* p, uint8_t* end) {
  while (p != nullptr) {
    switch (c->phase) {
      case Phase::kHead:
        p = ProcessHead(c, p, end);
        break;
      case Phase::kBody:
      case Phase::kDrain:
        p = ProcessBody(c, p, end);
        break;
      case Phase::kHandling:
        p = ProcessFollower(c, p, end);
        break;
      case Phase::kLinger:
      case Phase::kClosed:
        return;
    }
  }
}

// Keeps bytes for a later turn. A client that sends ahead of its answers is stopped when it is a
// head's worth ahead.
void Engine::Keep(Connection* c, const uint8_t* p, const uint8_t* end) {
  if (p == end) return;
  if (!c->input.Append({p, static_cast<size_t>(end - p)})) return Close(c);
  if (c->phase == Phase::kHandling && c->input.size() > options_.limits.max_head_bytes) {
    c->reading_paused = true;
    if (c->registered) UpdateInterest(c);
  }
}

ParseStatus Engine::ParseHead(Connection* c, uint8_t* p, uint8_t* end, ParseError* error) {
  const size_t size = static_cast<size_t>(end - p);
  if (listeners_[c->listener]->protocol == WireProtocol::kUwsgi) {
    return ParseUwsgiPacket({p, size}, options_.limits, &head_, error);
  }
  const ParseStatus status =
      ParseHttp1Head(p, size, options_.limits, options_.http1, &head_, error);
  const ForwardedPolicy& forwarded = options_.forwarded;
  const bool told = status == ParseStatus::kComplete &&
                    (head_.keys.Intersects(forwarded.fields) || forwarded.clear_others) &&
                    forwarded.trusted.Contains(c->peer.address);
  return told ? ApplyForwarded(forwarded, &head_, error) : status;
}

// Once, in front of the first request. From anybody but a trusted peer it is not looked for: then
// it is a malformed request like any other.
uint8_t* Engine::ProcessProxyHeader(Connection* c, uint8_t* p, uint8_t* end) {
  const ByteView bytes{p, static_cast<size_t>(end - p)};
  if (!options_.forwarded.trusted.Contains(c->peer.address) || !MayBeProxyHeader(bytes)) {
    c->proxy_pending = false;
    if (options_.proxy != ProxyMode::kRequire) return p;
    Reject(c, {400, "a PROXY header has to come first here, from a trusted peer"});
    return nullptr;
  }
  ProxyHeader header;
  ParseError error;
  switch (ParseProxyHeader(bytes, &header, &error)) {
    case ParseStatus::kInvalid:
      Reject(c, error);
      return nullptr;
    case ParseStatus::kIncomplete:
      Keep(c, p, end);
      return nullptr;
    case ParseStatus::kComplete:
      break;
  }
  c->proxy_pending = false;
  if (header.source.address.known()) c->peer = header.source;
  return p + header.consumed;
}

uint8_t* Engine::ProcessHead(Connection* c, uint8_t* p, uint8_t* end) {
  POSTERN_DCHECK(c->input.empty() && c->body == nullptr);
  if (p != end && c->proxy_pending) p = ProcessProxyHeader(c, p, end);
  if (p == nullptr || p == end) return nullptr;
  // Half a head is parsed again only when a line has been completed since: a client that sends
  // byte by byte costs no more than its lines.
  const ByteView bytes{p, static_cast<size_t>(end - p)};
  const bool lines = listeners_[c->listener]->protocol == WireProtocol::kHttp1;
  const Limits& limits = options_.limits;
  const size_t bound = std::min(limits.max_request_line_bytes, limits.max_head_bytes);
  if (lines && c->parsed_lines != 0 && bytes.size <= bound &&
      CountLineEnds(bytes) < c->parsed_lines) {
    Keep(c, p, end);
    return nullptr;
  }
  ParseError error;
  switch (ParseHead(c, p, end, &error)) {
    case ParseStatus::kInvalid:
      Reject(c, error, Equals(head_.method, "HEAD"));
      return nullptr;
    case ParseStatus::kIncomplete:
      // The time for a whole head starts with its first byte.
      if (c->parsed_lines == 0 && !c->first_request) {
        SetDeadline(c, options_.limits.header_timeout_s);
      }
      c->parsed_lines = CountLineEnds(bytes) + 1;
      Keep(c, p, end);
      return nullptr;
    case ParseStatus::kComplete:
      c->parsed_lines = 0;
      return BeginExchange(c, p, p + head_.consumed, end);
  }
  return nullptr;
}

// False: everything is arranged for (a rejection, or another try in the next round).
bool Engine::HasRoomFor(Connection* c, uint8_t* p, uint8_t* end, ParseError* error) {
  ParseStatus status = ParseStatus::kIncomplete;
  if (host_->HasRoom(head_.field_count + kAddedVariables)) {
    const HeadKind kind = listeners_[c->listener]->protocol == WireProtocol::kUwsgi
                              ? HeadKind::kGateway
                              : HeadKind::kHttp;
    status = BuildMetaVariables(head_, kind, &arena_, variables_.get(), &variable_count_, error);
  }
  if (status == ParseStatus::kComplete) return true;
  if (status == ParseStatus::kIncomplete) {
    batch_full_ = true;
    Keep(c, p, end);
    if (c->phase == Phase::kHead) PushReady(c);
  }
  return false;
}

ExchangeFacts Engine::FactsOfHead() const {
  return {head_.version_minor, head_.is_head, head_.keep_alive, head_.expect_continue};
}

uint8_t* Engine::BeginExchange(Connection* c, uint8_t* start, uint8_t* p, uint8_t* end) {
  if (head_.modifier1 == kUwsgiModifierPing) {
    Append(c, {kUwsgiPong, sizeof(kUwsgiPong)});
    CloseAfterWrite(c, false);
    return nullptr;
  }
  ParseError error;
  if (!HasRoomFor(c, start, end, &error)) {
    if (error.status != 0) Reject(c, error, head_.is_head);
    return nullptr;
  }
  c->facts = FactsOfHead();
  c->response = ResponseState::kNone;
  ByteView body;
  const ParseStatus status = TakeBody(c, &p, end, &body, &error);
  if (status == ParseStatus::kInvalid) {
    Reject(c, error, head_.is_head);
    return nullptr;
  }
  const bool whole = status == ParseStatus::kComplete;
  c->phase = whole ? Phase::kHandling : Phase::kBody;
  if (whole) {
    SetDeadline(c, 0);
  } else {
    if (!c->reading_paused) SetDeadline(c, options_.limits.body_timeout_s);
    if (options_.limits.post_buffering_bytes != 0) {
      // The head is kept as it came, to be parsed once more when the body is whole.
      if (!c->body->held_head.Append({start, head_.consumed})) {
        Close(c);
        return nullptr;
      }
      if (c->facts.expect_continue) SendContinue(c);
      return p;
    }
  }
  const ByteView trailers = whole && c->body != nullptr ? c->body->reader.trailers() : ByteView();
  HandOver(c, c->generation, false, body, whole, trailers);
  return p;
}

// Takes as much of the body as is there. kComplete: all of it, *body is its payload, in place.
// kIncomplete: c->body has the payload so far, and *p..end is the start of something cut.
ParseStatus Engine::TakeBody(Connection* c, uint8_t** p, uint8_t* end, ByteView* body,
                             ParseError* error) {
  if (head_.framing == BodyFraming::kNone) return ParseStatus::kComplete;
  const auto available = static_cast<uint64_t>(end - *p);
  if (head_.framing == BodyFraming::kLength && available >= head_.content_length) {
    *body = {*p, static_cast<size_t>(head_.content_length)};
    *p += head_.content_length;
    c->facts.expect_continue = false;  // the client did not wait
    return ParseStatus::kComplete;
  }
  const Limits& limits = options_.limits;
  c->body = std::make_unique<IncomingBody>(limits.post_buffering_bytes);
  c->body->reader.Begin(head_.framing, head_.content_length);
  uint8_t* const payload = *p;
  uint8_t* write = payload;
  for (;;) {
    size_t consumed;
    ByteView data;
    const ParseStatus status =
        c->body->reader.Feed({*p, static_cast<size_t>(end - *p)}, limits, &consumed, &data, error);
    if (status == ParseStatus::kInvalid) return status;
    // Chunks move together over their own framing.
    if (!data.empty() && write != data.data) memmove(write, data.data, data.size);
    write += data.size;
    *p += consumed;
    if (consumed > 0) c->facts.expect_continue = false;
    if (status == ParseStatus::kComplete) {
      *body = {payload, static_cast<size_t>(write - payload)};
      return status;
    }
    if (consumed == 0) break;
  }
  if (!StoreBody(c, {payload, static_cast<size_t>(write - payload)})) {
    return Refuse(error, 503, "the body cannot be stored");
  }
  return ParseStatus::kIncomplete;
}

void Engine::HandOver(Connection* c, uint32_t generation, bool follows, ByteView body,
                      bool complete, ByteView trailers) {
  POSTERN_DCHECK(follows ? c->generation != generation : c->generation == generation);
  POSTERN_DCHECK(variable_count_ <= head_.field_count + kAddedVariables);
  ++requests_;
  Request request;
  request.id = {c->index, generation};
  request.head = &head_;
  request.variables = variables_.get();
  request.variable_count = variable_count_;
  request.body = body;
  request.body_complete = complete;
  request.trailers = trailers;
  request.follows = follows;
  request.first = c->first_request;
  request.listener = c->listener;
  c->first_request = false;
  c->handed_round = round_;
  host_->Accept(request);
}

// Post-buffering: the body is whole, the head is parsed again and both go to the host.
void Engine::HandOverHeld(Connection* c) {
  const ByteView held = c->body->held_head.View();
  if (input_capacity_ - input_used_ < held.size) {
    batch_full_ = true;
    return PushReady(c);
  }
  uint8_t* const start = memory_.data + input_used_;
  memcpy(start, held.data, held.size);
  input_used_ += held.size;
  ParseError error;
  if (ParseHead(c, start, start + held.size, &error) != ParseStatus::kComplete ||
      !HasRoomFor(c, start, start, &error)) {
    return error.status != 0 ? Reject(c, error) : PushReady(c);
  }
  c->body->held_head.Free();
  HandOver(c, c->generation, false, {}, false, {});
}

// A pipelined request. It is handed over with the one before it when nothing of it is missing;
// otherwise its bytes wait until it is their turn.
uint8_t* Engine::ProcessFollower(Connection* c, uint8_t* p, uint8_t* end) {
  if (p == end) return nullptr;
  const bool closing = !c->facts.keep_alive || draining_;
  // Only behind a request of this very round: one of an earlier round is still being answered.
  const bool behind = c->handed_round != round_ || !c->input.empty() || c->body != nullptr;
  if (closing || behind || speculation_pause_ > 0 || batch_full_) {
    if (speculation_pause_ > 0) --speculation_pause_;
    Keep(c, p, end);
    return nullptr;
  }
  ParseError error;
  const bool parsed = ParseHead(c, p, end, &error) == ParseStatus::kComplete;
  const auto rest = static_cast<uint64_t>(end - p) - (parsed ? head_.consumed : 0);
  const bool whole = parsed && (head_.framing == BodyFraming::kNone ||
                                (head_.framing == BodyFraming::kLength &&
                                 rest >= head_.content_length && !head_.expect_continue));
  // The last follower must be one that lets another come after it.
  const bool last_closes =
      !followers_.empty() && c->first_follower != 0 && !followers_.back().facts.keep_alive;
  if (!whole || last_closes) {
    Keep(c, p, end);
    return nullptr;
  }
  if (!HasRoomFor(c, p, end, &error)) {
    if (error.status != 0) Keep(c, p, end);  // its 400 comes when it is its turn
    return nullptr;
  }
  const uint32_t before = c->first_follower == 0 ? c->generation : followers_.back().generation;
  const uint32_t generation = before + 1 == 0 ? 1 : before + 1;
  followers_.push_back({c, generation, FactsOfHead(), p, end});
  if (c->first_follower == 0) c->first_follower = static_cast<uint32_t>(followers_.size());
  uint8_t* const body = p + head_.consumed;
  const size_t body_size =
      head_.framing == BodyFraming::kNone ? 0 : static_cast<size_t>(head_.content_length);
  HandOver(c, generation, true, {body, body_size}, true, {});
  return body + body_size;
}

void Engine::Defer(ExchangeId id) {
  Connection* const c = connections_[id.connection].get();
  const auto first = std::find_if(followers_.begin(), followers_.end(), [&](const Follower& f) {
    return f.connection == c && f.generation == id.generation;
  });
  if (first == followers_.end()) return;
  const uint8_t* const start = first->start;
  const uint8_t* const end = first->end;
  // Those behind it wait too: forget them all, their bytes are kept together.
  for (auto f = first; f != followers_.end() && f->connection == c; ++f) {
    f->connection = nullptr;
    --requests_;
  }
  c->first_follower = 0;
  if (!c->HasExchange()) return;  // it is closing: nothing behind its answer is run
  speculation_pause_ = kSpeculationPause;
  c->input.Free();
  if (c->generation == id.generation) c->phase = Phase::kHead;
  Keep(c, start, end);
  if (c->phase == Phase::kHead) PushReady(c);
}

uint8_t* Engine::ProcessBody(Connection* c, uint8_t* p, uint8_t* end) {
  const Phase phase = c->phase;
  while (p < end && !c->body->reader.done()) {
    size_t consumed;
    ByteView data;
    ParseError error;
    const ParseStatus status = c->body->reader.Feed({p, static_cast<size_t>(end - p)},
                                                    options_.limits, &consumed, &data, &error);
    if (status == ParseStatus::kInvalid) {
      // In kDrain it has its answer, a second one would belong to nothing.
      c->phase == Phase::kDrain ? CloseAfterWrite(c, true) : FailBody(c, error);
      return nullptr;
    }
    p += consumed;
    if (!StoreBody(c, data)) {
      FailBody(c, {503, "the body cannot be stored"});
      return nullptr;
    }
    if (c->phase != phase) return nullptr;
    if (status == ParseStatus::kComplete) {
      OnBodyComplete(c);
      return p;
    }
    if (consumed == 0) break;
  }
  Keep(c, p, end);
  return nullptr;
}

// True also when the bytes were thrown away because nobody wants them.
bool Engine::StoreBody(Connection* c, ByteView bytes) {
  if (bytes.empty()) return true;
  if (c->phase == Phase::kDrain) {
    if (bytes.size > c->linger_left) {
      CloseAfterWrite(c, true);
    } else {
      c->linger_left -= static_cast<uint32_t>(bytes.size);
    }
    return true;
  }
  IncomingBody* const body = c->body.get();
  if (!body->store.Append(bytes)) return false;
  body->progress += static_cast<uint32_t>(bytes.size);
  const Limits& limits = options_.limits;
  if (body->progress >= uint64_t{limits.body_timeout_s} * kMinBodyBytesPerSecond) {
    body->progress = 0;
    SetDeadline(c, limits.body_timeout_s);
  }
  if (limits.post_buffering_bytes == 0 && body->store.size() >= limits.body_high_water_bytes) {
    c->reading_paused = true;
    SetDeadline(c, 0);  // it is the application that is slow
    if (c->registered) UpdateInterest(c);
  }
  if (body->wanted) {
    body->wanted = false;
    Notify(c, Notice::kBody);
  }
  return true;
}

void Engine::OnBodyComplete(Connection* c) {
  if (c->phase == Phase::kDrain) return FinishExchange(c);
  c->phase = Phase::kHandling;
  SetDeadline(c, 0);
  if (c->IsHeld()) return PushReady(c);  // to be handed over by ProcessReady
  if (c->body->wanted) {
    c->body->wanted = false;
    Notify(c, Notice::kBody);
  }
}

// The rest of the body cannot be read. The application learns it from its next read; whatever it
// answers, the connection closes after that. With post-buffering it has not begun.
void Engine::FailBody(Connection* c, ParseError error) {
  if (c->IsHeld()) return Reject(c, error);
  c->body->error = error;
  c->facts.keep_alive = false;
  c->reading_paused = true;
  c->linger_on_close = !c->peer_closed;
  c->phase = Phase::kHandling;
  c->input.Free();
  SetDeadline(c, 0);
  UpdateInterest(c);
  if (c->body->wanted) {
    c->body->wanted = false;
    Notify(c, Notice::kBody);
  }
}

void Engine::SendContinue(Connection* c) {
  c->facts.expect_continue = false;
  Append(c, ByteView(kContinue));
}

uint64_t Engine::BodyAvailable(ExchangeId id) {
  Connection* const c = Find(id);
  return c == nullptr || c->body == nullptr ? 0 : c->body->store.size();
}

BodyState Engine::ReadBody(ExchangeId id, uint8_t* out, size_t capacity, size_t* size,
                           ParseError* error) {
  *size = 0;
  Connection* const c = Find(id);
  if (c == nullptr) {
    *error = {400, "the request is over"};
    return BodyState::kError;
  }
  IncomingBody* const body = c->body.get();
  if (body == nullptr) return BodyState::kEnd;
  if (!body->store.empty()) {
    const int64_t got = body->store.Read(out, capacity);
    if (got < 0) {
      *error = {500, "the spooled body cannot be read"};
      return BodyState::kError;
    }
    *size = static_cast<size_t>(got);
    const uint32_t low_water = options_.limits.body_high_water_bytes / 4;
    if (c->reading_paused && c->phase == Phase::kBody && body->store.size() <= low_water) {
      c->reading_paused = false;
      SetDeadline(c, options_.limits.body_timeout_s);
      UpdateInterest(c);
    }
    return BodyState::kData;
  }
  if (body->error.status != 0) {
    *error = body->error;
    return BodyState::kError;
  }
  if (body->reader.done()) return BodyState::kEnd;
  body->wanted = true;
  // Behind the head of a final response a 100 would be taken for its body.
  if (c->facts.expect_continue && c->response == ResponseState::kNone) SendContinue(c);
  return BodyState::kPending;
}

ByteView Engine::Trailers(ExchangeId id) {
  Connection* const c = Find(id);
  return c == nullptr || c->body == nullptr ? ByteView() : c->body->reader.trailers();
}

// Answers bytes that are no request, and closes.
void Engine::Reject(Connection* c, ParseError error, bool head_only) {
  // Front servers do not make mistakes of their own: what a uwsgi socket refuses, and what is
  // another protocol altogether, is somebody's configuration.
  const bool uwsgi = listeners_[c->listener]->protocol == WireProtocol::kUwsgi;
  if (error.foreign || (uwsgi && error.status != 0 && error.status != 408)) {
    LogOnce(LogLevel::kWarning, error.reason);
  }
  if (error.status != 0) {
    uint8_t* const start = Reserve(kMaxErrorBytes);
    const ByteView date = options_.date_header ? ByteView(date_line_, kDateLineBytes) : ByteView();
    Commit(c, start, EncodeError(error.status, error.reason, head_only, date, start));
  }
  CloseAfterWrite(c, true);
}

}  // namespace postern
