// The one shape in the middle: every protocol fills a RequestHead, and nothing behind the parsers
// knows which protocol a request came by.
//
// All views point into the bytes that were parsed (or into the arena of the turn) and die with
// them. A RequestHead is a value: no I/O, no ownership.
#ifndef POSTERN_PROTOCOLS_REQUEST_HEAD_H_
#define POSTERN_PROTOCOLS_REQUEST_HEAD_H_

#include <cstdint>

#include "base/bytes.h"
#include "protocols/keys.h"

namespace postern {

enum class ParseStatus : uint8_t {
  kComplete,    // the result is filled, `consumed` bytes belong to it
  kIncomplete,  // a prefix of something valid: call again with more bytes
  kInvalid,     // *error says which status to answer; nothing behind these bytes can be trusted
};

// Why bytes were refused: an HTTP status and a short reason for people (static storage).
struct ParseError {
  uint16_t status = 0;
  const char* reason = "";
  bool foreign = false;  // another protocol was spoken: somebody's configuration is wrong
};

inline ParseStatus Refuse(ParseError* error, uint16_t status, const char* reason) {
  *error = {status, reason};
  return ParseStatus::kInvalid;
}

inline ParseStatus RefuseForeign(ParseError* error, const char* reason) {
  *error = {400, reason, true};
  return ParseStatus::kInvalid;
}

enum class BodyFraming : uint8_t {
  kNone,
  kLength,   // content_length bytes
  kChunked,  // RFC 9112 §7.1
};

// One request field (HTTP) or one variable (uwsgi, SCGI, FastCGI).
struct Field {
  ByteView name;  // as sent
  ByteView value;
  Key key = Key::kNone;
};

// What the request itself tells about its two ends: a trusted front server (forwarded.h), or an
// absolute-form target. Empty: nothing; then the connection knows.
struct ToldEnds {
  bool remote = false;  // remote_addr counts, even if it is empty
  ByteView remote_addr;
  ByteView remote_port;
  ByteView http_host;  // in the place of Host
  ByteView server_name;
  ByteView server_port;
};

struct RequestHead {
  ByteView method;
  ByteView target;     // raw: REQUEST_URI
  ByteView path;       // raw path of an HTTP target, still percent-encoded
  ByteView query;      // behind '?', raw
  ByteView authority;  // of an absolute-form target; empty otherwise

  // Storage of the caller, `field_capacity` long; the parser sets `field_count`.
  Field* fields = nullptr;
  uint32_t field_capacity = 0;
  uint32_t field_count = 0;
  KeySet keys;    // the known keys among the fields
  KeySet hidden;  // those that the application shall not see
  ToldEnds told;

  BodyFraming framing = BodyFraming::kNone;
  uint64_t content_length = 0;

  uint8_t version_minor = 1;  // HTTP/1.x of the request
  bool keep_alive = false;    // what the client (and the protocol) would allow
  bool expect_continue = false;
  bool is_head = false;
  bool https = false;  // the front server says so (HTTPS=on, UWSGI_SCHEME=https)
  bool path_has_escape = false;

  uint8_t modifier1 = 0;  // of a uwsgi packet
  uint8_t modifier2 = 0;

  size_t consumed = 0;  // bytes of the head, terminator included

  // Forgets the last request, keeps the storage.
  void Reset() {
    Field* storage = fields;
    const uint32_t capacity = field_capacity;
    *this = RequestHead();
    fields = storage;
    field_capacity = capacity;
  }

  // The last field with that key, or nullptr.
  const Field* Find(Key key) const {
    if (!keys.Has(key)) return nullptr;
    for (uint32_t i = field_count; i-- > 0;) {
      if (fields[i].key == key) return &fields[i];
    }
    return nullptr;
  }
};

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_REQUEST_HEAD_H_
