// The access log of one engine: a line for each exchange, gathered in memory, written once a turn.
//
// A note holds what the line says about a request from its start to its end: requests of one
// connection can be open at once (pipelining), and the bytes of their heads do not last. Notes are
// used again, so an idle connection owns none.
#ifndef POSTERN_ENGINE_ACCESS_LOG_H_
#define POSTERN_ENGINE_ACCESS_LOG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/ip_address.h"
#include "engine/connection.h"
#include "engine/log_sink.h"
#include "protocols/log_format.h"

namespace postern {

struct AccessLogOptions {
  LogFormat format;
  // Every exchange, or else those that one of these is true for.
  bool all = false;
  bool status_4xx = false;
  bool status_5xx = false;
  bool empty = false;      // no body was sent
  uint64_t slow_us = 0;    // at least; 0: none
  uint64_t big_bytes = 0;  // at least; 0: none
  bool forwarded_for = false;

  bool on() const {
    return all || status_4xx || status_5xx || empty || slow_us != 0 || big_bytes != 0;
  }
};

class AccessLog {
 public:
  explicit AccessLog(const AccessLogOptions& options) : options_(options), on_(options.on()) {}

  bool on() const { return on_; }
  bool wants_field_count() const { return options_.format.wants_field_count(); }
  bool forwarded_for() const { return options_.forwarded_for; }

  // False: errno. What is gathered goes to the old one first.
  bool Open(int fd);

  // The clock is read once between two calls of this.
  void ForgetTime() { now_us_ = wall_us_ = 0; }
  // Seconds of the wall clock, told once a turn.
  void SetWallSeconds(int64_t seconds) { wall_seconds_ = seconds; }

  // Returns the number of a note, never 0 unless there is no memory. `request.peer` and the times
  // in it are filled in here.
  uint32_t Begin(LogRequest request, const IpAddress& peer);
  void TakeResponseHead(uint32_t note, ByteView head);
  // The response is made, not sent. The caller may make a list of such notes with `next`.
  void End(uint32_t note, const ResponseTally& tally);
  uint32_t& next(uint32_t note) { return notes_[note - 1]->next; }
  const ResponseTally& tally(uint32_t note) const { return notes_[note - 1]->tally; }
  // Writes the line. `unsent`: bytes that the client did not get.
  void Finish(uint32_t note, bool aborted, uint64_t unsent);
  void Drop(uint32_t note);

  bool HasLines() const { return !lines_.empty(); }
  // Lines are waiting for a reader: Write when sink_fd() is writable, not before.
  bool blocked() const { return blocked_; }
  int sink_fd() const { return sink_.fd(); }
  // Returns true if it has just become blocked.
  bool Write();
  void Unblock() { blocked_ = false; }
  // As Write, but waits for the reader, up to that many milliseconds.
  void WriteOut(int patience_ms);

  // Lines that were dropped since the last call.
  uint64_t TakeLost();
  // errno of a write that has failed since the last call, 0: none.
  int TakeError();

 private:
  struct Note {
    Buffer bytes;
    size_t request_bytes = 0;  // the rest is of the response head
    int64_t start_us = 0;
    ResponseTally tally;
    uint32_t next = 0;
  };

  bool WantsClock() const { return options_.format.wants_clock() || options_.slow_us != 0; }
  int64_t NowMicros();
  ByteView TextOf(const IpAddress& peer);
  bool Wants(const LogResponse& response) const;
  void ReadMemory(LogResponse* response);

  // What a reader may be behind by.
  static constexpr size_t kMaxWaitingBytes = 1024 * 1024;
  // A note that had to be longer once does not stay so.
  static constexpr size_t kMaxKeptBytes = 8 * 1024;

  const AccessLogOptions options_;
  const bool on_;
  std::vector<std::unique_ptr<Note>> notes_;
  std::vector<uint32_t> free_;
  LogSink sink_;
  Buffer lines_;
  LogTime time_;
  int64_t now_us_ = 0;  // monotonic; 0: to be read
  int64_t wall_us_ = 0;
  int64_t wall_seconds_ = 0;
  bool blocked_ = false;
  uint64_t lost_ = 0;
  int error_ = 0;
  IpAddress last_peer_;
  std::string last_peer_text_;
  int64_t memory_at_ = 0;
  uint64_t rss_ = 0;
  uint64_t vsz_ = 0;
};

}  // namespace postern

#endif  // POSTERN_ENGINE_ACCESS_LOG_H_
