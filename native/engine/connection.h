// One client connection: data only. What happens to it stands in the engine_*.cc: how it comes
// (accept), bytes in (input), what they are (requests, body), the answer (response) and bytes out
// (output); its end is in engine.cc.
//
//            ┌────────── next request ──────────┐
//            ▼                                  │
//   kHead ──► kBody ──► kHandling ──────────────┤      kBody, kHandling: an exchange is open
//     │         │           │                   │
//     │         └───────────┴──► kDrain ────────┘      kDrain: answered, body still coming in
//     ▼
//   kLinger ──► kClosed      after an error or with unread input: half-close, read on for a while
#ifndef POSTERN_ENGINE_CONNECTION_H_
#define POSTERN_ENGINE_CONNECTION_H_

#include <algorithm>
#include <cstdint>
#include <memory>

#include "base/buffer.h"
#include "base/ip_address.h"
#include "engine/body_store.h"
#include "engine/out_queue.h"
#include "protocols/body_reader.h"
#include "protocols/http1_response.h"
#include "protocols/request_head.h"

namespace postern {

enum class Phase : uint8_t { kClosed, kHead, kBody, kHandling, kDrain, kLinger };

// What is remembered of a request while its response is made.
struct ExchangeFacts {
  uint8_t version_minor = 1;
  bool is_head = false;
  bool keep_alive = false;
  bool expect_continue = false;  // and no 100 was sent yet
  uint32_t log = 0;              // number of its note in the access log, 0: none
};

// What is counted while a response is made.
struct ResponseTally {
  uint16_t status = 0;  // 0: there was no head
  bool aborted = false;
  uint32_t field_count = 0;
  uint32_t head_bytes = 0;
  uint64_t body_bytes = 0;
};

// A body that does not come whole with its head.
struct IncomingBody {
  explicit IncomingBody(uint64_t memory_limit) : store(memory_limit) {}
  BodyReader reader;
  BodyStore store;
  ParseError error;       // status 0: none
  uint32_t progress = 0;  // bytes since the deadline was last moved
  bool wanted = false;    // the host asked for bytes that were not there
  Buffer held_head;       // post-buffering: the head, until the body is whole
};

enum class ResponseState : uint8_t { kNone, kStarted, kEnded };

struct Connection {
  int fd = -1;
  uint32_t index = 0;       // place in the engine's table
  uint32_t serial = 0;      // of this life of the place: stale poll events are told by it
  uint32_t generation = 1;  // of the exchange; never 0
  uint32_t listener = 0;
  Phase phase = Phase::kClosed;

  // Poller
  bool registered = false;
  uint8_t interest = 0;

  bool first_request = true;
  bool proxy_pending = false;  // a PROXY header may come first
  bool in_ready = false;       // listed in Engine::ready_
  bool in_unread = false;      // listed in Engine::unread_
  bool read_to_end = false;    // the poller has told of an end or an error behind the bytes
  bool dirty = false;          // listed in Engine::dirty_
  bool peer_closed = false;    // the client has sent its FIN
  bool close_after_write = false;
  bool linger_on_close = false;
  bool write_timed = false;     // the deadline is that of a stuck queue
  bool wants_writable = false;  // the host waits for a short output queue
  bool reading_paused = false;
  bool in_flight = false;  // its exchange is counted in the scoreboard

  // Deadlines, see deadline_wheel.h
  uint32_t deadline = 0;
  uint32_t bucket_due = 0;
  bool in_wheel = false;
  Connection* wheel_prev = nullptr;
  Connection* wheel_next = nullptr;

  // Input that is kept between turns: half a head, or requests that wait for their turn.
  Buffer input;
  uint32_t parsed_lines = 0;  // line ends in `input` at the last try: no new one, no new try
  std::unique_ptr<IncomingBody> body;

  // The open exchange
  ExchangeFacts facts;
  ResponseState response = ResponseState::kNone;
  ResponseFraming framing = ResponseFraming::kNoBody;
  uint64_t response_left = 0;  // with kLength
  ResponseTally tally;
  uint32_t read_round = 0;      // when the socket was read last
  uint32_t handed_round = 0;    // when the exchange was handed over
  uint32_t first_follower = 0;  // index + 1 into Engine::followers_ of this round, 0: none

  // Output: pieces of the engine's scratch in this turn, or a queue when the socket is behind.
  uint32_t piece_first = 0;  // index + 1 into Engine::pieces_
  uint32_t piece_last = 0;
  std::unique_ptr<OutQueue> queue;

  // Notes of exchanges that are over, until the kernel has taken their responses.
  uint32_t log_first = 0;
  uint32_t log_last = 0;

  uint32_t linger_left = 0;
  uint64_t started_ns = 0;  // when the open exchange began
  Peer peer;

  bool open() const { return phase != Phase::kClosed; }
  // Some browsers send a CRLF behind a body: that alone is no request which an answer could belong
  // to, and the client would take it for that to its next one.
  bool HasBegunRequest() const {
    const ByteView bytes = input.View();
    return std::any_of(bytes.begin(), bytes.end(),
                       [](uint8_t c) { return c != '\r' && c != '\n'; });
  }
  // Post-buffering: the host has not seen the request yet.
  bool IsHeld() const { return body != nullptr && !body->held_head.empty(); }
  bool HasExchange() const { return phase == Phase::kBody || phase == Phase::kHandling; }
};

}  // namespace postern

#endif  // POSTERN_ENGINE_CONNECTION_H_
