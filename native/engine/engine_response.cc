// The response of an exchange: its framing, its parts, its end, and what comes behind it. Where the
// bytes go is in engine_output.cc. See engine.h.
#include <sys/socket.h>

#include <algorithm>

#include "base/check.h"
#include "engine/engine.h"

namespace postern {
namespace {

// `encoded`: a whole head.
ResponseTally TallyOf(ByteView encoded, bool with_fields) {
  constexpr size_t kDigits = sizeof("HTTP/1.1 ") - 1;
  const uint8_t* const status = encoded.data + kDigits;
  ResponseTally tally;
  tally.status =
      static_cast<uint16_t>((status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0'));
  tally.head_bytes = static_cast<uint32_t>(encoded.size);
  // The status line and the empty line are none.
  if (with_fields) {
    tally.field_count =
        static_cast<uint32_t>(std::count(encoded.begin(), encoded.end(), uint8_t{'\n'})) - 2;
  }
  return tally;
}

}  // namespace

ResponseFraming Engine::DecideFraming(const Connection* c, const ResponseHead& head,
                                      uint64_t length) const {
  if (c->facts.is_head || head.no_body) return ResponseFraming::kNoBody;
  if (length != kNoLength) return ResponseFraming::kLength;
  const bool http = listeners_[c->listener]->protocol == WireProtocol::kHttp1;
  return http && c->facts.version_minor > 0 ? ResponseFraming::kChunked
                                            : ResponseFraming::kUntilClose;
}

// Encodes the head, with room for `body_size` bytes behind it. The decision whether the connection
// survives this response is made here, because the head has to say it.
bool Engine::StartHead(Connection* c, const ResponseHead& head, uint64_t length, size_t body_size,
                       uint8_t** start, uint8_t** out) {
  if (c->response != ResponseState::kNone) return false;
  ResponseOptions options;
  options.framing = DecideFraming(c, head, length);
  options.content_length = length;
  ExchangeFacts& facts = c->facts;
  // A body that nobody will read is drained when it is short. When it is long, or the client waits
  // for a 100 that does not come, what follows on the connection cannot be told from it.
  const bool unread = c->body != nullptr && c->phase == Phase::kBody;
  const uint64_t left = unread ? c->body->reader.Remaining() : 0;
  const bool too_long = left != UINT64_MAX && left > options_.limits.max_drain_bytes;
  if (facts.expect_continue || too_long || draining_) facts.keep_alive = false;
  if (options.framing == ResponseFraming::kUntilClose) facts.keep_alive = false;
  if (listeners_[c->listener]->protocol == WireProtocol::kHttp1) {
    options.close = !facts.keep_alive;
    options.keep_alive_1_0 = facts.keep_alive && facts.version_minor == 0;
    if (options_.date_header) options.date_line = {date_line_, kDateLineBytes};
    if (options_.server_header) options.server_line = ByteView("Server: postern\r\n");
  }
  c->response = ResponseState::kStarted;
  CountResponse(head.status);
  c->framing = options.framing;
  c->response_left = options.framing == ResponseFraming::kLength ? length : UINT64_MAX;
  *start = Reserve(MaxHeadBytes(head, options) + body_size);
  *out = EncodeHead(head, options, *start);
  const ByteView encoded{*start, static_cast<size_t>(*out - *start)};
  c->tally = TallyOf(encoded, log_.wants_field_count());
  if (facts.log != 0) log_.TakeResponseHead(facts.log, encoded);
  return true;
}

// How much of `size` bytes the head allows.
uint64_t Engine::TakeAllowance(Connection* c, uint64_t size) {
  if (c->framing == ResponseFraming::kNoBody) return 0;
  const bool application = c->phase == Phase::kHandling || c->reading_paused;
  if (options_.limits.harakiri_s != 0 && application) SetHandlingDeadline(c);
  const uint64_t allowed = std::min(size, c->response_left);
  if (c->response_left != UINT64_MAX) c->response_left -= allowed;
  c->tally.body_bytes += allowed;
  return allowed;
}

void Engine::Respond(ExchangeId id, const ResponseHead& head, uint64_t length, ByteView body) {
  Connection* const c = Find(id);
  if (c == nullptr) return;
  if (body.size > kScratchBytes / 4 || !FitsScratch(head)) {
    StartResponse(id, head, length);
    Write(id, body);
    return EndResponse(id);
  }
  uint8_t* start;
  uint8_t* out;
  if (!StartHead(c, head, length, body.size, &start, &out)) return;
  body.size = static_cast<size_t>(TakeAllowance(c, body.size));
  if (!body.empty()) memcpy(out, body.data, body.size);
  Commit(c, start, out + body.size);
  EndResponse(id);
}

void Engine::StartResponse(ExchangeId id, const ResponseHead& head, uint64_t length) {
  Connection* const c = Find(id);
  if (c == nullptr) return;
  if (!FitsScratch(head)) {
    LogOnce(LogLevel::kError, "a response head of more than 128 KiB cannot be sent");
    return AbortResponse(id);
  }
  uint8_t* start;
  uint8_t* out;
  if (StartHead(c, head, length, 0, &start, &out)) Commit(c, start, out);
}

void Engine::Write(ExchangeId id, ByteView bytes) {
  Connection* const c = Find(id);
  if (c == nullptr || c->response != ResponseState::kStarted) return;
  bytes.size = static_cast<size_t>(TakeAllowance(c, bytes.size));
  if (bytes.empty()) return;
  if (c->framing != ResponseFraming::kChunked) return Append(c, bytes);
  uint8_t header[kMaxChunkHeaderBytes];
  Append(c, {header, static_cast<size_t>(EncodeChunkHeader(bytes.size, header) - header)});
  Append(c, bytes);
  Append(c, ByteView(kChunkEnd));
}

void Engine::WriteBorrowed(ExchangeId id, const BorrowedBytes& borrowed) {
  Connection* const c = Find(id);
  if (c == nullptr || c->response != ResponseState::kStarted) {
    return borrowed.release(borrowed.context);
  }
  BorrowedBytes part = borrowed;
  part.bytes.size = static_cast<size_t>(TakeAllowance(c, borrowed.bytes.size));
  if (part.bytes.empty()) return borrowed.release(borrowed.context);
  const bool chunked = c->framing == ResponseFraming::kChunked;
  if (chunked) {
    uint8_t header[kMaxChunkHeaderBytes];
    Append(c, {header, static_cast<size_t>(EncodeChunkHeader(part.bytes.size, header) - header)});
  }
  MarkDirty(c);
  QueueOf(c)->Borrow(part);
  if (chunked) Append(c, ByteView(kChunkEnd));
}

void Engine::WriteThrough(ExchangeId id, ByteView bytes) {
  // Below that, gathering in the scratch is cheaper than a system call with three parts.
  constexpr size_t kMinBytes = 16 * 1024;
  Connection* const c = Find(id);
  if (bytes.size < kMinBytes || c == nullptr || c->queue != nullptr) return Write(id, bytes);
  WriteBorrowed(id, {bytes, [](void*) {}, nullptr});
  FlushConnection(c);
  if (c->open() && c->queue != nullptr && !c->queue->Own()) Close(c);
}

void Engine::WriteFile(ExchangeId id, UniqueFd file, uint64_t offset, uint64_t size) {
  Connection* const c = Find(id);
  if (c == nullptr || c->response != ResponseState::kStarted) return;
  size = TakeAllowance(c, size);
  if (size == 0) return;
  const bool chunked = c->framing == ResponseFraming::kChunked;
  if (chunked) {
    uint8_t header[kMaxChunkHeaderBytes];
    Append(c, {header, static_cast<size_t>(EncodeChunkHeader(size, header) - header)});
  }
  MarkDirty(c);
  QueueOf(c)->File(std::move(file), offset, size);
  if (chunked) Append(c, ByteView(kChunkEnd));
}

void Engine::WriteInterim(ExchangeId id, ByteView head) {
  Connection* const c = Find(id);
  if (c == nullptr || c->response != ResponseState::kNone || c->facts.version_minor == 0) return;
  if (listeners_[c->listener]->protocol != WireProtocol::kHttp1) return;
  Append(c, head);
}

void Engine::EndResponse(ExchangeId id) {
  Connection* const c = Find(id);
  if (c == nullptr || c->response != ResponseState::kStarted) return;
  // Less than was promised: the client sees it by the end of the connection.
  if (c->framing == ResponseFraming::kLength && c->response_left > 0) return AbortResponse(id);
  if (c->framing == ResponseFraming::kChunked) Append(c, ByteView(kLastChunk));
  if (!c->open()) return;  // what was before it could not be sent
  c->response = ResponseState::kEnded;
  CloseExchange(c);
  EndLog(c, 0);
  const bool unread = c->phase == Phase::kBody;
  if (!unread || !c->facts.keep_alive) return FinishExchange(c);
  c->phase = Phase::kDrain;
  c->linger_left = options_.limits.max_drain_bytes;
  c->body->store = BodyStore(0);
  c->reading_paused = false;
  SetDeadline(c, options_.limits.body_timeout_s);
  if (c->registered) UpdateInterest(c);
  if (++c->generation == 0) c->generation = 1;
}

void Engine::AbortResponse(ExchangeId id) {
  Connection* const c = Find(id);
  if (c == nullptr) return;
  c->response = ResponseState::kEnded;
  CloseExchange(c);
  c->tally.aborted = true;
  EndLog(c, 500);
  // With this framing a plain end would look like the end of the body: only a reset tells.
  const bool reset = c->framing == ResponseFraming::kUntilClose;
  FlushConnection(c);
  if (!c->open()) return;
  if (!reset) return CloseAfterWrite(c, true);
  const linger now{1, 0};
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  Close(c);
}

// The response is written and the request is read: on to the next one, or to the end.
void Engine::FinishExchange(Connection* c) {
  POSTERN_DCHECK(c->HasExchange() || c->phase == Phase::kDrain);
  const bool drained = c->phase == Phase::kDrain;
  const bool unread = c->phase == Phase::kBody || c->linger_on_close;
  c->body.reset();
  c->response = ResponseState::kNone;
  c->wants_writable = false;
  if (!drained && ++c->generation == 0) c->generation = 1;
  if (!c->facts.keep_alive || (c->peer_closed && c->input.empty() && c->first_follower == 0)) {
    return CloseAfterWrite(c, !c->peer_closed && (unread || !c->input.empty()));
  }
  if (c->reading_paused) {
    c->reading_paused = false;
    if (c->registered) UpdateInterest(c);
    if (!c->open()) return;
  }
  if (c->first_follower != 0) {
    Follower& next = followers_[c->first_follower - 1];
    c->facts = next.facts;
    next.facts.log = 0;
    c->phase = Phase::kHandling;
    OpenExchange(c);
    SetHandlingDeadline(c);
    const bool more =
        c->first_follower < followers_.size() && followers_[c->first_follower].connection == c;
    c->first_follower = more ? c->first_follower + 1 : 0;
    return;
  }
  c->phase = Phase::kHead;
  if (IsBehind(c)) {
    // A client that asks without reading its answers is not served until it has.
    c->reading_paused = true;
    if (c->registered) UpdateInterest(c);
    return;
  }
  if (!c->input.empty()) return PushReady(c);
  SetDeadline(c, options_.limits.keepalive_timeout_s);
}

bool Engine::IsBehind(const Connection* c) const {
  return c->queue != nullptr && c->queue->size() > options_.limits.write_high_water_bytes;
}

// Nothing is read or answered any more. With `linger` there may be input that was not read, and
// closing over it would make the kernel send a reset that can destroy the reply on its way.
void Engine::CloseAfterWrite(Connection* c, bool linger) {
  if (!c->open()) return;
  c->phase = Phase::kLinger;
  c->input.Free();
  c->body.reset();
  c->close_after_write = true;
  c->linger_on_close = linger && !c->peer_closed;
  c->linger_left = options_.limits.max_linger_bytes;
  c->reading_paused = true;
  SetDeadline(c, options_.limits.write_timeout_s);
  MarkDirty(c);
}

}  // namespace postern
