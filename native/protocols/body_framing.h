// How long is the body? Decided here and nowhere else, for every protocol.
//
// RFC 9112 §6 with every lenient reading left out: two recipients must never see different
// messages in the same bytes. So: one Content-Length of digits, or exactly `chunked`, or nothing.
#ifndef POSTERN_PROTOCOLS_BODY_FRAMING_H_
#define POSTERN_PROTOCOLS_BODY_FRAMING_H_

#include "base/limits.h"
#include "protocols/request_head.h"

namespace postern {

// The fields of an HTTP head that frame, as counted by the parser.
struct FramingFields {
  const ByteView* content_length = nullptr;
  const ByteView* transfer_encoding = nullptr;
  bool repeated_transfer_encoding = false;
};

// Sets head->framing and head->content_length. kInvalid: 400, 413 or 501 in *error.
ParseStatus DecideHttpBody(const FramingFields& fields, const Limits& limits, RequestHead* head,
                           ParseError* error);

// The same for a packet of uwsgi (or SCGI, FastCGI): CONTENT_LENGTH alone decides, empty means 0,
// and the body is never chunked, whatever HTTP_TRANSFER_ENCODING says: the front server has
// already taken the chunks apart. kInvalid: 400, 411 or 413.
ParseStatus DecideGatewayBody(const Limits& limits, RequestHead* head, ParseError* error);

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_BODY_FRAMING_H_
