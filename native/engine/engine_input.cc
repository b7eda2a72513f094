// Bytes in: from the socket to what the phase of the connection makes of them. See engine.h and
// connection.h; requests are in engine_requests.cc, their bodies in engine_body.cc.
#include <algorithm>
#include <cerrno>

#include "engine/engine.h"
#include "engine/fast_calls.h"

namespace postern {
namespace {

constexpr size_t kMaxReadBytes = 64 * 1024;
constexpr size_t kMinReadBytes = 16 * 1024;

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
  // Once a delivery: the followers of a connection stand in one run of bytes, and in one row.
  if (c->read_round == round_) return PushUnread(c);
  c->read_round = round_;
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
  for (size_t i = 0; i < unread.size(); ++i) {
    if (batch_full_) {
      // Those that had to wait are the first next time.
      unread_.insert(unread_.begin(), unread.begin() + static_cast<ptrdiff_t>(i), unread.end());
      return;
    }
    Connection* const c = unread[i];
    c->in_unread = false;
    if (!c->open()) continue;
    // Where reading pauses, the poller is asked again when it goes on.
    if (c->registered && (c->interest & kInterestRead) == 0) continue;
    OnReadable(c);
    if (ClosesIdle()) CloseIfIdle(c);
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
      return Reject(c, {400, "the connection ended in the middle of a request"}, c->input.View());
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

// Answers bytes that are no request, and closes.
void Engine::Reject(Connection* c, ParseError error, ByteView bytes, bool head_only) {
  // Front servers do not make mistakes of their own: what a uwsgi socket refuses, and what is
  // another protocol altogether, is somebody's configuration.
  const bool uwsgi = listeners_[c->listener]->protocol == WireProtocol::kUwsgi;
  if (error.foreign || (uwsgi && error.status != 0 && error.status != 408)) {
    LogOnce(LogLevel::kWarning, error.reason);
  }
  if (error.status != 0) SendError(c, error, bytes, head_only);
  CloseAfterWrite(c, true);
}

void Engine::SendError(Connection* c, ParseError error, ByteView bytes, bool head_only) {
  ++counts_.responses[error.status / 100 - 1];
  uint8_t* const start = Reserve(kMaxErrorBytes);
  const ByteView date = options_.date_header ? ByteView(date_line_, kDateLineBytes) : ByteView();
  uint8_t* const end = EncodeError(error.status, error.reason, head_only, date, start);
  LogRejected(c, error.status, bytes, {start, static_cast<size_t>(end - start)});
  Commit(c, start, end);
}

// Throws away what the kernel holds of this connection. True: there was something of a request.
bool Engine::DiscardAll(Connection* c) {
  bool any = c->HasBegunRequest();
  for (int i = 0; i < 64 && FastRecv(c->fd, memory_.data, kMaxReadBytes) > 0; ++i) any = true;
  return any;
}

}  // namespace postern
