// HTTP/1.0 and HTTP/1.1 request heads.
//
//   head         := *CRLF request-line *( field-line CRLF ) CRLF
//   request-line := method SP request-target SP "HTTP/1." DIGIT CRLF
//   field-line   := field-name ":" OWS field-value OWS
//
// Source: RFC 9112 §2–§5, RFC 9110 §5. Strict: CRLF only, single spaces, no folding, no white
// space before the colon. What is refused, and which server was hurt by not refusing it, stands
// in docs/http.md. No I/O, no allocation; the fields go into storage of the caller.
#ifndef POSTERN_PROTOCOLS_HTTP1_H_
#define POSTERN_PROTOCOLS_HTTP1_H_

#include "base/limits.h"
#include "protocols/request_head.h"

namespace postern {

// What to do with a field name that has an underscore: it would collide with the hyphen form once
// both are meta-variables (X_User and X-User are both HTTP_X_USER).
enum class HeaderMap : uint8_t { kDrop, kRefuse };

// Each option that is not at its default weakens the parser for broken clients.
struct Http1Options {
  HeaderMap header_map = HeaderMap::kDrop;
  bool strip_header_spaces = false;  // "Name : value"
  bool permit_obs_fold = false;      // a value that goes on in the next line
  bool obs_target = false;           // bytes >= 0x80 in the target
};

// Parses one head from the front of `data`.
//
// kComplete:   *head filled; head->consumed bytes belong to it. Views point into `data`.
// kIncomplete: more bytes are needed; *head is undefined.
// kInvalid:    400, 413, 414, 417, 431, 501 or 505 in *error. Found as early as the bytes show
//              it, so that nobody waits for a timeout.
// `data` is written to only with permit_obs_fold (a fold becomes one space).
ParseStatus ParseHttp1Head(uint8_t* data, size_t size, const Limits& limits,
                           const Http1Options& options, RequestHead* head, ParseError* error);

// One field line or the end of a field section, for heads and trailers alike. *at stands at the
// start of a line and is moved behind it; *done is set at the empty line.
struct FieldLine {
  ByteView name;
  ByteView value;
  bool folded = false;  // the value goes over several lines and still holds their CRLFs
};
ParseStatus ParseFieldLine(const uint8_t** at, const uint8_t* end, const Limits& limits,
                           const Http1Options& options, FieldLine* line, bool* done,
                           ParseError* error);

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_HTTP1_H_
