// Requests: heads through the parsers to the host, one behind the other. See engine.h.
#include <algorithm>

#include "base/check.h"
#include "engine/engine.h"
#include "protocols/proxy.h"
#include "protocols/uwsgi.h"

namespace postern {
namespace {

constexpr uint32_t kSpeculationPause = 256;

uint32_t CountLineEnds(ByteView bytes) {
  return static_cast<uint32_t>(std::count(bytes.begin(), bytes.end(), '\n'));
}

}  // namespace

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
    Reject(c, {400, "a PROXY header has to come first here, from a trusted peer"}, bytes);
    return nullptr;
  }
  ProxyHeader header;
  ParseError error;
  switch (ParseProxyHeader(bytes, &header, &error)) {
    case ParseStatus::kInvalid:
      Reject(c, error, bytes);
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
      Reject(c, error, bytes, Equals(head_.method, "HEAD"));
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

// What has to be remembered of the head when its bytes are gone. EndResponse, AbortResponse, Close
// and Reject are the ends of an exchange.
ExchangeFacts Engine::NoteHead(const Connection* c) {
  return {head_.version_minor, head_.is_head, head_.keep_alive, head_.expect_continue, BeginLog(c)};
}

uint8_t* Engine::BeginExchange(Connection* c, uint8_t* start, uint8_t* p, uint8_t* end) {
  if (head_.modifier1 == kUwsgiModifierPing) {
    Append(c, {kUwsgiPong, sizeof(kUwsgiPong)});
    CloseAfterWrite(c, false);
    return nullptr;
  }
  ParseError error;
  if (!HasRoomFor(c, start, end, &error)) {
    if (error.status != 0) {
      Reject(c, error, {start, static_cast<size_t>(end - start)}, head_.is_head);
    }
    return nullptr;
  }
  c->facts = NoteHead(c);
  c->response = ResponseState::kNone;
  ByteView body;
  const ParseStatus status = TakeBody(c, &p, end, &body, &error);
  if (status == ParseStatus::kInvalid) {
    Reject(c, error, {}, head_.is_head);
    return nullptr;
  }
  const bool whole = status == ParseStatus::kComplete;
  c->phase = whole ? Phase::kHandling : Phase::kBody;
  if (whole) {
    SetHandlingDeadline(c);
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

void Engine::HandOver(Connection* c, uint32_t generation, bool follows, ByteView body,
                      bool complete, ByteView trailers) {
  POSTERN_DCHECK(follows ? c->generation != generation : c->generation == generation);
  POSTERN_DCHECK(variable_count_ <= head_.field_count + kAddedVariables);
  ++requests_;
  ++handed_;
  if (!follows) OpenExchange(c);
  score_->SetCurrent(head_.method, head_.target, now_ns_);
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
  followers_.push_back({c, generation, NoteHead(c), p, end});
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
    log_.Drop(f->facts.log);
    f->facts.log = 0;
    --requests_;
  }
  c->first_follower = 0;
  if (!c->HasExchange()) return;  // it is closing: nothing behind its answer is run
  speculation_pause_ = kSpeculationPause;
  c->input.Free();
  if (c->generation == id.generation) {
    CloseExchange(c);
    c->phase = Phase::kHead;
  }
  Keep(c, start, end);
  if (c->phase == Phase::kHead) PushReady(c);
}

}  // namespace postern
