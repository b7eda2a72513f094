// Who comes in, and how it ends: accepting connections, and draining them. See engine.h.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "engine/engine.h"

namespace postern {
namespace {

constexpr uint32_t kMaxAccepts = 64;  // in one go

}  // namespace

void Engine::OnAcceptable(Listener* listener) {
  // To accept until EAGAIN would cost one useless call for each lonely connection; to stop after
  // one would starve a crowd. So: as many as came last time, and twice that if they all did.
  const uint32_t wanted = std::min(listener->expected_accepts, kMaxAccepts);
  for (uint32_t i = 0; i < wanted; ++i) {
    if (batch_full_ || !listener->fd.valid()) return;
    if (options_.limits.max_connections != 0 && open_ >= options_.limits.max_connections) {
      accept_paused_ = true;
      PollListeners(false);
      return;
    }
    sockaddr_in6 peer{};
    socklen_t size = sizeof(peer);
    const int fd = accept4(listener->fd.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      listener->expected_accepts = std::max(i, 1u);
      return OnAcceptFailed(errno);
    }
    Connection* const c = Adopt(fd, listener, ToPeer(peer));
    // Its first bytes are most often there already: with luck the descriptor is closed again
    // without ever having been in the poller.
    OnReadable(c);
  }
  listener->expected_accepts = std::min(wanted * 2, kMaxAccepts);
}

// Descriptors have run out: a listener that stays readable would make the loop spin. Accepting
// pauses until a connection closes or a second has passed.
void Engine::OnAcceptFailed(int error) {
  if (error == EAGAIN || error == EINTR || error == ECONNABORTED) return;
  if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) {
    return LogOnce(LogLevel::kWarning, "a connection could not be accepted");
  }
  LogOnce(LogLevel::kError,
          "out of file descriptors: new connections wait in the listen queue (raise ulimit -n, or "
          "set max-connections below it)");
  accept_paused_ = true;
  PollListeners(false);
  ArmTimer();
}

Connection* Engine::Adopt(int fd, Listener* listener, const Peer& peer) {
  if (free_.empty()) {
    auto connection = std::make_unique<Connection>();
    connection->index = static_cast<uint32_t>(connections_.size());
    free_.push_back(connection->index);
    connections_.push_back(std::move(connection));
  }
  Connection* const c = connections_[free_.back()].get();
  free_.pop_back();
  c->fd = fd;
  c->listener = listener->index;
  c->phase = Phase::kHead;
  c->interest = kInterestRead;
  c->peer = peer;
  c->proxy_pending =
      options_.proxy != ProxyMode::kOff && listener->protocol == WireProtocol::kHttp1;
  ++open_;
  wheel_.Set(c, options_.limits.header_timeout_s);
  ArmTimer();
  fresh_.push_back(c);
  return c;
}

// Accepts what waits in the listen queues. False: there may be more, for another turn.
bool Engine::EmptyListenQueues() {
  // More than any queue holds; who connects all the time must not hold up the end.
  constexpr uint32_t kMostPasses = 64;
  if (++drain_passes_ > kMostPasses) return true;
  bool empty = true;
  for (const auto& listener : listeners_) {
    if (!listener->fd.valid()) continue;
    listener->expected_accepts = kMaxAccepts;
    OnAcceptable(listener.get());
    empty &= listener->expected_accepts < kMaxAccepts;
  }
  return empty;
}

void Engine::StartDrain() {
  // First out of the poller: whoever else watches these sockets is woken from here on, and what
  // this engine was woken for it takes below. Otherwise a wake-up could be lost with the listener.
  if (!draining_) PollListeners(false);
  if (!draining_ && !EmptyListenQueues()) return;
  drain_requested_ = false;
  if (draining_) return;
  draining_ = true;
  accepting_ = false;
  for (const auto& listener : listeners_) listener->fd.Reset();
  if (ClosesIdle()) DrainIdle();
}

// At once and then with each tick: for those that there was no memory for to read, and for those
// whose response began before draining, so that its head promised another one.
void Engine::DrainIdle() {
  for (size_t i = 0; i < connections_.size() && !batch_full_; ++i) {
    Connection* const c = connections_[i].get();
    if (c->phase != Phase::kHead || !c->input.empty() || c->in_ready) continue;
    OnReadable(c);
    CloseIfIdle(c);
  }
}

// A connection without a request in it: its last chance to have one is what the kernel holds now.
// If there is no room to read that, ReadUnread comes back here.
void Engine::CloseIfIdle(Connection* c) {
  if (c->phase != Phase::kHead || !c->input.empty() || c->in_ready || c->in_unread) return;
  CloseAfterWrite(c, false);
}

}  // namespace postern
