// What stands behind the engine: JavaScript (binding/), Python (python/), or fixed bytes (bench/).
//
// The engine gathers what one turn of the loop brings, hands it over request by request (Accept),
// and then lets the host run the application once for all of it (Deliver). Everything happens on
// the thread that calls Engine::Turn.
#ifndef POSTERN_ENGINE_APP_HOST_H_
#define POSTERN_ENGINE_APP_HOST_H_

#include <cstdint>

#include "protocols/meta_variables.h"
#include "protocols/request_head.h"

namespace postern {

// One request and its response. The engine ignores calls for an exchange that is over, so a host
// may keep an id for as long as it likes.
struct ExchangeId {
  uint32_t connection = 0;
  uint32_t generation = 0;
};

// A request as it is handed over. All views die when Deliver returns.
struct Request {
  ExchangeId id;
  const RequestHead* head = nullptr;
  const MetaVariable* variables = nullptr;
  uint32_t variable_count = 0;
  ByteView body;              // the whole body, if body_complete
  bool body_complete = true;  // false: read it with Engine::ReadBody
  ByteView trailers;          // of a chunked body that is complete
  bool follows = false;       // pipelined: to be started only after the request before it
  bool first = false;         // the first of its connection: ask Engine::PeerOf
  uint32_t listener = 0;      // index, in the order of Engine::Listen
};

enum class Notice : uint8_t {
  kBody,      // ReadBody has something new: bytes, the end, or an error
  kWritable,  // the output queue is short again
  kAborted,   // the client is gone; the exchange is over
  kOverdue,   // harakiri: it has taken too long; the exchange is over
};

enum class LogLevel : uint8_t { kInfo, kWarning, kError };

class AppHost {
 public:
  virtual ~AppHost() = default;

  // Is there room for one more request with that many variables? After Deliver there is.
  virtual bool HasRoom(uint32_t variable_count) = 0;
  // Takes a request of this turn; HasRoom has just said yes.
  virtual void Accept(const Request& request) = 0;
  virtual void Notify(ExchangeId id, Notice notice) = 0;

  // Runs the application for what was accepted and notified, and lets it answer.
  virtual void Deliver() = 0;

  // The last connection of a draining engine has closed.
  virtual void Drained() = 0;
  virtual void Log(LogLevel level, const char* text) = 0;
};

}  // namespace postern

#endif  // POSTERN_ENGINE_APP_HOST_H_
