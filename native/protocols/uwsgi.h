// uwsgi packets, as nginx's uwsgi_pass, lighttpd, Cherokee and Apache send them.
//
//   request := packet body
//   packet  := modifier1:u8 datasize:u16le modifier2:u8 vars      4 + datasize bytes
//   vars    := ( klen:u16le key vlen:u16le value )*               datasize bytes
//   body    := CONTENT_LENGTH bytes, not counted in datasize
//
// Source: uwsgi-docs, "The uwsgi Protocol". One request a connection; the answer is a plain HTTP
// response (http1_response.h). UWSGI_* variables of a request are data and never obeyed, but for
// UWSGI_SCHEME, which may say http or https. No I/O, no allocation in the parser.
#ifndef POSTERN_PROTOCOLS_UWSGI_H_
#define POSTERN_PROTOCOLS_UWSGI_H_

#include <span>

#include "base/buffer.h"
#include "base/limits.h"
#include "protocols/request_head.h"

namespace postern {

inline constexpr size_t kUwsgiHeaderBytes = 4;
inline constexpr uint8_t kUwsgiModifierWsgi = 0;
inline constexpr uint8_t kUwsgiModifierWsgiStripped = 30;  // PATH_INFO starts with SCRIPT_NAME
inline constexpr uint8_t kUwsgiModifierPing = 100;

// Parses one packet from the front of `in`.
//
// kComplete:   *head filled, head->consumed = 4 + datasize. For a ping (modifier1 100) nothing but
//              the modifiers is filled: answer EncodeUwsgiPong and close.
// kIncomplete: more bytes are needed; *head is undefined.
// kInvalid:    400, 411, 413, 431 or 501 in *error; status 0: close without an answer, and without
//              a log line (an empty packet is how load balancers look for a pulse).
ParseStatus ParseUwsgiPacket(ByteView in, const Limits& limits, RequestHead* head,
                             ParseError* error);

// What another protocol sent to a uwsgi socket, or nullptr: one sentence that says what to do.
// `in` holds at least 4 bytes.
const char* RecogniseForeignProtocol(ByteView in);

struct UwsgiVar {
  ByteView key;
  ByteView value;
};

// Appends one packet to `out`. False: the variables do not fit 65535 bytes, or no memory.
bool EncodeUwsgiPacket(uint8_t modifier1, uint8_t modifier2, std::span<const UwsgiVar> vars,
                       Buffer* out);

// The four bytes that answer a ping.
inline constexpr uint8_t kUwsgiPong[] = {kUwsgiModifierPing, 0, 0, 1};

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_UWSGI_H_
