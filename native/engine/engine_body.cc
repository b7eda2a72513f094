// The bodies of requests: inline, streamed to the host, held back until they are whole, or drained
// because nobody reads them. See engine.h and connection.h.
#include "engine/engine.h"

namespace postern {
namespace {

// A body that comes slower than this does not count as progress: one byte a second must not keep
// a connection alive for ever.
constexpr uint32_t kMinBodyBytesPerSecond = 32;

}  // namespace

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
    SetHandlingDeadline(c);  // it is the application that is slow
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
  if (c->IsHeld()) {
    SetDeadline(c, 0);
    return PushReady(c);  // to be handed over by ProcessReady
  }
  SetHandlingDeadline(c);
  if (c->body->wanted) {
    c->body->wanted = false;
    Notify(c, Notice::kBody);
  }
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
  SetHandlingDeadline(c);
  HandOver(c, c->generation, false, {}, false, {});
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
  SetHandlingDeadline(c);
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

}  // namespace postern
