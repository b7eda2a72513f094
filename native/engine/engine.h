// The engine: listeners, connections, time, and the turn of the loop that moves them.
//
// It does not know whose loop it runs on. There is one seam: when `pollable_fd()` is readable,
// call `Turn()`; that handles everything that is ready now and returns. Timers are in there too.
//
//   Turn := ( poll → read → parse → AppHost::Accept )* → AppHost::Deliver → encode → one send each
//
// Everything happens on one thread. Methods that take an ExchangeId may be called from inside
// Deliver or at any later time; they do nothing when that exchange is over.
#ifndef POSTERN_ENGINE_ENGINE_H_
#define POSTERN_ENGINE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "base/arena.h"
#include "base/limits.h"
#include "base/unique_fd.h"
#include "engine/access_log.h"
#include "engine/app_host.h"
#include "engine/connection.h"
#include "engine/deadline_wheel.h"
#include "engine/listener.h"
#include "engine/poller.h"
#include "engine/scoreboard.h"
#include "protocols/forwarded.h"
#include "protocols/http1.h"
#include "protocols/http1_response.h"

namespace postern {

// Do connections of HTTP listeners start with a PROXY header?
enum class ProxyMode : uint8_t { kOff, kAllow, kRequire };

struct EngineOptions {
  Limits limits;
  Http1Options http1;
  ForwardedPolicy forwarded;  // its `trusted` decides about PROXY headers too
  ProxyMode proxy = ProxyMode::kOff;
  bool server_header = true;
  bool date_header = true;
  AccessLogOptions log;
};

// Memory that requests are read and parsed in; hosts may share it with JavaScript.
struct InputMemory {
  uint8_t* data = nullptr;
  size_t size = 0;
  // The head of one connection at most, and a read behind it.
  static size_t MinBytes(const Limits& limits) { return 8 * (limits.max_head_bytes + 64 * 1024); }
};

enum class BodyState : uint8_t { kData, kEnd, kPending, kError };

class Engine {
 public:
  // `memory` outlives the engine and has at least InputMemory::MinBytes.
  Engine(const EngineOptions& options, AppHost* host, InputMemory memory);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // False: errno. Nothing else may be called then.
  bool Open();

  // Returns the index of the new listener, or -1 and *error.
  int Listen(const ListenOptions& options, ListenError* error);
  const Listener& listener(uint32_t index) const { return *listeners_[index]; }
  uint32_t listener_count() const { return static_cast<uint32_t>(listeners_.size()); }
  // Starts to accept on all listeners.
  bool Start();

  int pollable_fd() const { return poller_.fd(); }
  void Turn();
  // Something waits that no descriptor will tell of: call Turn before going to sleep.
  bool HasWork() const {
    return HasReadyWork() || !dirty_.empty() || next_event_ < event_count_ || drain_requested_ ||
           !graveyard_.empty();
  }
  // Something was written that no Flush has sent yet.
  bool HasOutput() const { return !dirty_.empty(); }

  // --- the response of an exchange ---

  // A whole response in one call. `body` is copied. Heads have passed ValidateStatus and
  // ValidateFieldLines.
  // `length`: bytes of the whole body, or kNoLength. The framing follows from it, from the
  // protocol and from the client.
  void Respond(ExchangeId id, const ResponseHead& head, uint64_t length, ByteView body);
  void StartResponse(ExchangeId id, const ResponseHead& head, uint64_t length);
  void Write(ExchangeId id, ByteView bytes);
  void WriteBorrowed(ExchangeId id, const BorrowedBytes& bytes);
  // As Write, but tries to send at once: long bytes are copied only if the client is behind.
  void WriteThrough(ExchangeId id, ByteView bytes);
  void WriteFile(ExchangeId id, UniqueFd file, uint64_t offset, uint64_t size);
  void EndResponse(ExchangeId id);
  // The response cannot be finished: the connection is cut so that the client can see it.
  void AbortResponse(ExchangeId id);
  // An interim response (103 …): a whole head, blank line included.
  void WriteInterim(ExchangeId id, ByteView head);

  // Bytes that wait for the client. With `notify`, Notice::kWritable follows once it is a quarter
  // of the high-water mark. UINT64_MAX: the exchange is over, nothing will ever be taken; a writer
  // that does not wait for its Notice::kAborted would go on for ever.
  uint64_t QueuedBytes(ExchangeId id, bool notify);
  bool IsOpen(ExchangeId id) { return Find(id) != nullptr; }

  // A request that was accepted with `follows` was not started; it will be handed over again.
  void Defer(ExchangeId id);

  // --- the body of a request ---

  uint64_t BodyAvailable(ExchangeId id);
  // kPending: Notice::kBody follows. kError: *error says which status fits.
  BodyState ReadBody(ExchangeId id, uint8_t* out, size_t capacity, size_t* size, ParseError* error);
  ByteView Trailers(ExchangeId id);

  // The host has something left for another Deliver.
  void Wake() { host_notified_ = true; }

  // Sends what was written. Turn does this itself; call it after writing outside of Deliver.
  void Flush();

  // --- the access log ---

  // Before this, lines are kept. `fd` may be closed after it. False: errno.
  bool OpenLog(int fd);
  // Writes the lines of this turn. Turn does this itself; call it after a Flush outside of a turn.
  void WriteLog();

  // Stops accepting (connections that already wait are still taken), lets running exchanges
  // finish, closes idle connections. Then AppHost::Drained.
  //
  // `idle_grace_s`: how long idle connections may still bring a request, which is answered with
  // Connection: close, before they are closed. With a successor on the same listeners that is what
  // keeps a client from writing into a connection that is just being closed.
  void Drain(uint32_t idle_grace_s = 0) {
    drain_requested_ = true;
    drain_grace_ticks_ = idle_grace_s;
  }
  // Closes everything now.
  void CloseAll();

  // Where to count, in the place of memory of its own. It outlives the engine.
  void SetScore(ScoreSlot* score) {
    score_ = score;
    Publish();
  }
  const ScoreSlot& score() const { return *score_; }
  // The process is about to end with the application still holding the thread: answers everybody
  // who waits (504; 503 for requests that were not read), and sends that. Nothing may follow.
  void FailAll();

  const Peer& PeerOf(ExchangeId id) const { return connections_[id.connection]->peer; }
  const Limits& limits() const { return options_.limits; }
  uint32_t open_connections() const { return open_; }
  uint64_t requests() const { return requests_; }

 private:
  // A pipelined request that was handed over together with the one before it.
  struct Follower {
    Connection* connection;
    uint32_t generation;
    ExchangeFacts facts;
    const uint8_t* start;
    const uint8_t* end;  // of the bytes that were read, not of the request
  };
  struct Said {
    const char* text = nullptr;
    int64_t at = 0;  // seconds of the wall clock
  };
  static constexpr size_t kSaidCount = 16;
  struct Piece {
    const uint8_t* data;
    size_t size;
    uint32_t next;  // index + 1
  };

  bool HasReadyWork() const { return !ready_.empty() || !unread_.empty() || host_notified_; }

  // engine.cc
  void UpdateClock();
  void Round(int* handled);
  int TakeEvents();
  void Dispatch(const PollEvent& event);
  void OnTimer();
  void ArmTimer();
  void PollListeners(bool on);
  void PollLog(bool on);
  void UpdateInterest(Connection* c);
  void SetDeadline(Connection* c, uint32_t seconds);
  void RestartDeadline(Connection* c);
  void Expire(Connection* c);
  void Close(Connection* c);
  void Bury();
  void PushReady(Connection* c);
  void PushUnread(Connection* c);
  void Notify(Connection* c, Notice notice);
  void LogOnce(LogLevel level, const char* text);
  Connection* Find(ExchangeId id);
  ExchangeId IdOf(const Connection* c) const { return {c->index, c->generation}; }

  // engine_score.cc
  struct Counts {
    uint64_t sent_bytes = 0, busy_ns = 0, response_ns = 0;
    uint64_t in_flight = 0, client_gone = 0, overdue = 0;
    uint64_t responses[5] = {};
  };
  static uint64_t MonotonicNs();
  static void Set(ScoreSlot::Word* word, uint64_t value) {
    word->store(value, std::memory_order_relaxed);
  }
  void OpenExchange(Connection* c);
  void CloseExchange(Connection* c);
  void CountResponse(ByteView status);
  void SettleTimes();
  void Deliver();
  void Publish();
  void SetHandlingDeadline(Connection* c);
  void Harakiri(Connection* c);
  void FailOne(Connection* c);

  // engine_log.cc
  uint32_t BeginLog(const Connection* c);
  void EndLog(Connection* c, uint16_t status);
  void FinishLogs(Connection* c);
  void LogRejected(Connection* c, uint16_t status, ByteView request, ByteView response);

  // engine_accept.cc
  void OnAcceptable(Listener* listener);
  void OnAcceptFailed(int error);
  Connection* Adopt(int fd, Listener* listener, const Peer& peer);
  bool EmptyListenQueues();
  void StartDrain();
  void DrainIdle();
  bool ClosesIdle() const { return draining_ && drain_grace_ticks_ == 0; }
  void CloseIfIdle(Connection* c);

  // engine_input.cc
  void OnReadable(Connection* c);
  void ReadUnread();
  void Discard(Connection* c);
  void OnPeerClosed(Connection* c);
  void OnPeerGone(Connection* c);
  void ProcessReady();
  void ProcessKept(Connection* c);
  void Process(Connection* c, uint8_t* p, uint8_t* end);
  void Keep(Connection* c, const uint8_t* p, const uint8_t* end);
  // `bytes`: what it was that is refused, if its head could not be parsed.
  void Reject(Connection* c, ParseError error, ByteView bytes = {}, bool head_only = false);
  void SendError(Connection* c, ParseError error, ByteView bytes, bool head_only);
  bool DiscardAll(Connection* c);

  // engine_requests.cc. Those that give bytes say where to go on, or nullptr: there is nothing more
  // to do with these bytes.
  uint8_t* ProcessProxyHeader(Connection* c, uint8_t* p, uint8_t* end);
  uint8_t* ProcessHead(Connection* c, uint8_t* p, uint8_t* end);
  uint8_t* ProcessFollower(Connection* c, uint8_t* p, uint8_t* end);
  uint8_t* BeginExchange(Connection* c, uint8_t* start, uint8_t* p, uint8_t* end);
  ParseStatus ParseHead(Connection* c, uint8_t* p, uint8_t* end, ParseError* error);
  bool HasRoomFor(Connection* c, uint8_t* p, uint8_t* end, ParseError* error);
  ExchangeFacts NoteHead(const Connection* c);
  void HandOver(Connection* c, uint32_t generation, bool follows, ByteView body, bool complete,
                ByteView trailers);

  // engine_body.cc
  ParseStatus TakeBody(Connection* c, uint8_t** p, uint8_t* end, ByteView* body, ParseError* error);
  uint8_t* ProcessBody(Connection* c, uint8_t* p, uint8_t* end);  // as in engine_requests.cc
  bool StoreBody(Connection* c, ByteView bytes);
  void OnBodyComplete(Connection* c);
  void HandOverHeld(Connection* c);
  void FailBody(Connection* c, ParseError error);
  void SendContinue(Connection* c);

  // engine_response.cc
  ResponseFraming DecideFraming(const Connection* c, const ResponseHead& head,
                                uint64_t length) const;
  bool StartHead(Connection* c, const ResponseHead& head, uint64_t length, size_t body_size,
                 uint8_t** start, uint8_t** out);
  // The gateway stops shorter ones with a better message.
  static bool FitsScratch(const ResponseHead& head) {
    return head.status.size + head.lines.size <= kScratchBytes / 4;
  }
  uint64_t TakeAllowance(Connection* c, uint64_t size);
  void FinishExchange(Connection* c);
  bool IsBehind(const Connection* c) const;
  void CloseAfterWrite(Connection* c, bool linger);

  // engine_output.cc
  uint8_t* Reserve(size_t size);
  void Commit(Connection* c, uint8_t* start, uint8_t* end);
  void Append(Connection* c, ByteView bytes);
  OutQueue* QueueOf(Connection* c);
  void MarkDirty(Connection* c);
  void FlushConnection(Connection* c);
  SendResult SendQueue(Connection* c);
  SendResult SendPieces(Connection* c);
  void AfterFlush(Connection* c, SendResult result, bool moved);

  // A quarter of the memory holds what is made of requests: decoded paths, joined fields.
  static size_t ArenaBytes(const InputMemory& memory) { return memory.size / 4; }

  // Output is sent when the scratch is half full, at the latest.
  static constexpr size_t kScratchBytes = 512 * 1024;
  static constexpr size_t kMaxGatheredBytes = kScratchBytes / 2;

  const EngineOptions options_;
  AppHost* const host_;
  const InputMemory memory_;
  const size_t input_capacity_;
  size_t input_used_ = 0;
  Arena arena_;
  Poller poller_;
  UniqueFd timer_;
  bool timer_armed_ = false;
  bool accepting_ = false;
  bool accept_paused_ = false;
  bool draining_ = false;
  bool drained_told_ = false;
  bool closing_all_ = false;
  bool batch_full_ = false;
  bool host_notified_ = false;
  bool drain_requested_ = false;
  uint32_t drain_passes_ = 0;
  uint32_t drain_grace_ticks_ = 0;  // of a second

  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<uint32_t> free_;
  std::vector<Connection*> graveyard_;  // closed in this turn
  std::vector<Connection*> fresh_;      // accepted in this round, not in the poller yet
  std::vector<Connection*> ready_;      // with kept input that can be processed now
  std::vector<Connection*> unread_;     // whose sockets may hold more, and the poller has told it
  std::vector<Connection*> dirty_;      // with unsent pieces
  std::vector<Connection*> unsent_;     // whose sockets would take more in the next round
  std::vector<Follower> followers_;
  std::vector<Piece> pieces_;
  uint32_t open_ = 0;
  uint64_t requests_ = 0;
  uint64_t turns_ = 0;
  uint64_t now_ns_ = 0;  // CLOCK_MONOTONIC, as of this turn or of the last delivery in it
  uint32_t handed_ = 0;  // requests that the next delivery is for
  bool in_turn_ = false;
  Counts counts_;
  uint64_t closed_ = 0;  // exchanges that have ended since the last SettleTimes
  uint64_t closed_started_ns_ = 0;
  const std::unique_ptr<ScoreSlot> own_score_ = std::make_unique<ScoreSlot>();
  ScoreSlot* score_ = own_score_.get();
  uint32_t round_ = 1;  // counts deliveries
  uint32_t speculation_pause_ = 0;
  AccessLog log_;
  Said said_[kSaidCount];  // what was logged last

  // What the poller has told and a full batch has put off.
  PollEvent events_[Poller::kMaxEvents];
  int next_event_ = 0;
  bool unread_first_ = false;
  int event_count_ = 0;

  std::unique_ptr<Field[]> fields_;
  std::unique_ptr<MetaVariable[]> variables_;
  RequestHead head_;
  uint32_t variable_count_ = 0;

  std::unique_ptr<uint8_t[]> scratch_;
  size_t scratch_used_ = 0;

  DeadlineWheel wheel_;
  int64_t wall_seconds_ = 0;
  uint8_t date_line_[kDateLineBytes];
};

}  // namespace postern

#endif  // POSTERN_ENGINE_ENGINE_H_
