// Responses as HTTP/1.1 bytes: to HTTP clients, and to a uwsgi front server, which reads the same.
//
//   response := "HTTP/1.1" SP status CRLF *( field CRLF ) CRLF body
//
// Source: RFC 9112 §4, §6, §7.1. An encoder writes into room that its caller has reserved with the
// matching Max… function; it never checks for space and never fails. What comes from an
// application is checked by ValidateStatus and ValidateFieldLines before any byte of it is written.
#ifndef POSTERN_PROTOCOLS_HTTP1_RESPONSE_H_
#define POSTERN_PROTOCOLS_HTTP1_RESPONSE_H_

#include "base/bytes.h"

namespace postern {

enum class ResponseFraming : uint8_t {
  kNoBody,      // HEAD, 1xx, 204, 304: the head is all; a length is told if there is one
  kLength,      // Content-Length
  kChunked,     // chunks, for a client that knows HTTP/1.1
  kUntilClose,  // the end of the connection is the end of the body
};

inline constexpr uint64_t kNoLength = UINT64_MAX;

struct ResponseHead {
  ByteView status;  // "200 OK"
  ByteView lines;   // the application's fields, each "name: value CRLF"
  bool has_date = false;
  bool has_server = false;
  bool no_body = false;  // 1xx, 204, 304
};

// What the connection adds to the head of the application.
struct ResponseOptions {
  ResponseFraming framing = ResponseFraming::kLength;
  uint64_t content_length = kNoLength;
  bool close = false;           // "Connection: close"
  bool keep_alive_1_0 = false;  // "Connection: keep-alive", which HTTP/1.0 has to be told
  ByteView date_line;           // "Date: … CRLF", empty: none
  ByteView server_line;         // "Server: … CRLF", empty: none
};

// True: three digits, a space and a reason without control bytes. "200" alone is taken too.
bool ValidateStatus(ByteView status);

// True: every line is a token, ": ", and a value without control bytes but HTAB. This is the one
// guard against response splitting that all application kinds share.
bool ValidateFieldLines(ByteView lines);

size_t MaxHeadBytes(const ResponseHead& head, const ResponseOptions& options);
// Returns the end of what was written.
uint8_t* EncodeHead(const ResponseHead& head, const ResponseOptions& options, uint8_t* out);

// "1a CRLF": what stands before a chunk of that many bytes (more than 0).
inline constexpr size_t kMaxChunkHeaderBytes = 18;
uint8_t* EncodeChunkHeader(uint64_t size, uint8_t* out);
inline constexpr char kChunkEnd[] = "\r\n";
inline constexpr char kLastChunk[] = "0\r\n\r\n";

// An interim response: "HTTP/1.1 100 Continue".
inline constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";

// A whole error response: a short text, its length, "Connection: close".
inline constexpr size_t kMaxErrorBytes = 1024;
uint8_t* EncodeError(uint16_t status, const char* reason, bool head_only, ByteView date_line,
                     uint8_t* out);

// "Not Found" for 404; "Error" for what is not in the table of RFC 9110 §15.
const char* ReasonPhrase(uint16_t status);

// "Date: Sun, 06 Nov 1994 08:49:37 GMT CRLF" (RFC 9110 §5.6.7) into out[kDateLineBytes].
inline constexpr size_t kDateLineBytes = 37;
void EncodeDateLine(int64_t unix_seconds, uint8_t* out);

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_HTTP1_RESPONSE_H_
