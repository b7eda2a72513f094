// Bytes out: encoded into a scratch that all connections share, one send each when the round is
// over, a queue of its own only for a connection whose client is slow. See engine.h.
#include <cerrno>

#include "base/check.h"
#include "engine/engine.h"
#include "engine/fast_calls.h"

namespace postern {

// Room for `size` bytes of output; it must be committed before the next Reserve.
uint8_t* Engine::Reserve(size_t size) {
  POSTERN_DCHECK(size <= kScratchBytes);
  if (kScratchBytes - scratch_used_ < size) Flush();
  return scratch_.get() + scratch_used_;
}

void Engine::MarkDirty(Connection* c) {
  if (c->dirty) return;
  c->dirty = true;
  dirty_.push_back(c);
}

// What was encoded between `start` and `end` now belongs to the connection.
void Engine::Commit(Connection* c, uint8_t* start, uint8_t* end) {
  POSTERN_DCHECK(start == scratch_.get() + scratch_used_ && end >= start);
  POSTERN_DCHECK(static_cast<size_t>(end - start) <= kScratchBytes - scratch_used_);
  const size_t size = static_cast<size_t>(end - start);
  MarkDirty(c);
  if (c->queue != nullptr) {
    if (!c->queue->Copy({start, size})) Close(c);
    return;
  }
  scratch_used_ += size;
  if (c->piece_last != 0) {
    Piece& last = pieces_[c->piece_last - 1];
    if (last.data + last.size == start) {
      last.size += size;
      return;
    }
  }
  pieces_.push_back({start, size, 0});
  const auto number = static_cast<uint32_t>(pieces_.size());
  if (c->piece_last != 0) {
    pieces_[c->piece_last - 1].next = number;
  } else {
    c->piece_first = number;
  }
  c->piece_last = number;
}

void Engine::Append(Connection* c, ByteView bytes) {
  if (bytes.empty()) return;
  if (bytes.size > kScratchBytes / 4) {
    MarkDirty(c);
    if (!QueueOf(c)->Copy(bytes)) Close(c);
    return;
  }
  uint8_t* const start = Reserve(bytes.size);
  memcpy(start, bytes.data, bytes.size);
  Commit(c, start, start + bytes.size);
}

// The queue of the connection, with its pieces of this round moved into it.
OutQueue* Engine::QueueOf(Connection* c) {
  if (c->queue == nullptr) {
    c->queue = std::make_unique<OutQueue>();
    for (uint32_t i = c->piece_first; i != 0; i = pieces_[i - 1].next) {
      if (!c->queue->Copy({pieces_[i - 1].data, pieces_[i - 1].size})) Close(c);
    }
    c->piece_first = c->piece_last = 0;
  }
  return c->queue.get();
}

void Engine::Flush() {
  SettleTimes();
  log_.ForgetTime();
  for (size_t i = 0; i < dirty_.size(); ++i) FlushConnection(dirty_[i]);
  dirty_.clear();
  dirty_.swap(unsent_);
  pieces_.clear();
  scratch_used_ = 0;
  if (!in_turn_) Publish();
}

void Engine::FlushConnection(Connection* c) {
  c->dirty = false;
  if (!c->open()) return;
  if (c->queue == nullptr) return AfterFlush(c, SendPieces(c), true);
  const uint64_t before = c->queue->size();
  const SendResult result = SendQueue(c);
  AfterFlush(c, result, c->queue->size() < before);
}

SendResult Engine::SendQueue(Connection* c) {
  OutQueue* const queue = QueueOf(c);
  const uint64_t before = queue->size();
  const SendResult result = queue->Send(c->fd);
  counts_.sent_bytes += before - queue->size();
  return result;
}

SendResult Engine::SendPieces(Connection* c) {
  if (c->piece_first == 0) return SendResult::kDone;
  const Piece& first = pieces_[c->piece_first - 1];
  if (first.next != 0) return SendQueue(c);
  c->piece_first = c->piece_last = 0;
  ssize_t sent;
  do {
    sent = FastSend(c->fd, first.data, first.size);
  } while (sent < 0 && errno == EINTR);
  if (sent > 0) counts_.sent_bytes += static_cast<uint64_t>(sent);
  if (sent == static_cast<ssize_t>(first.size)) return SendResult::kDone;
  if (sent < 0 && errno != EAGAIN) return SendResult::kFailed;
  const size_t taken = sent < 0 ? 0 : static_cast<size_t>(sent);
  const ByteView rest{first.data + taken, first.size - taken};
  return QueueOf(c)->Copy(rest) ? SendResult::kBlocked : SendResult::kFailed;
}

// `moved`: the kernel took some of it.
void Engine::AfterFlush(Connection* c, SendResult result, bool moved) {
  if (result == SendResult::kFailed) {
    if (c->queue != nullptr && c->queue->file_ended()) {
      LogOnce(LogLevel::kError, "a file became shorter while it was sent: the connection is cut");
    }
    return OnPeerGone(c);
  }
  if (result == SendResult::kDone && c->log_first != 0) FinishLogs(c);
  const uint64_t waiting = c->queue == nullptr ? 0 : c->queue->size();
  if (result == SendResult::kDone && c->queue != nullptr) {
    c->queue.reset();
    if (c->write_timed) {
      c->write_timed = false;
      RestartDeadline(c);
    }
    if (c->phase == Phase::kHead) {
      c->reading_paused = false;
      if (!c->input.empty()) PushReady(c);
    }
    if (c->registered && !c->close_after_write) UpdateInterest(c);
  }
  if (c->wants_writable && waiting <= options_.limits.write_high_water_bytes / 4) {
    c->wants_writable = false;
    Notify(c, Notice::kWritable);
  }
  if (result == SendResult::kMore) {
    // The poller has told that it is writable, and does not tell it twice.
    if (c->write_timed) wheel_.Set(c, options_.limits.write_timeout_s);
    c->dirty = true;
    return unsent_.push_back(c);
  }
  if (result == SendResult::kBlocked) {
    // An application that goes on writing is no progress of the client's.
    if (moved || !c->write_timed) wheel_.Set(c, options_.limits.write_timeout_s);
    c->write_timed = true;
    return UpdateInterest(c);
  }
  if (!c->close_after_write) return;
  if (!c->linger_on_close) return Close(c);
  shutdown(c->fd, SHUT_WR);
  c->close_after_write = false;
  c->linger_on_close = false;
  c->reading_paused = false;
  wheel_.Set(c, options_.limits.linger_timeout_s);
  UpdateInterest(c);
}

uint64_t Engine::QueuedBytes(ExchangeId id, bool notify) {
  Connection* const c = Find(id);
  if (c == nullptr) return UINT64_MAX;
  if (c->queue == nullptr) return 0;
  c->wants_writable = notify && c->queue->size() > options_.limits.write_high_water_bytes / 4;
  return c->queue->size();
}

}  // namespace postern
