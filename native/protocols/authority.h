// host [ ":" port ], as it stands in Host, in an absolute-form target and in Forwarded.
//
//   uri-host := "[" IPv6address "]" | reg-name        RFC 3986 §3.2.2
//   port     := *DIGIT, at most 65535
//
// No name is resolved and no case is folded.
#ifndef POSTERN_PROTOCOLS_AUTHORITY_H_
#define POSTERN_PROTOCOLS_AUTHORITY_H_

#include "base/bytes.h"

namespace postern {

struct Authority {
  ByteView host;  // with the brackets of an IPv6 literal
  ByteView port;  // digits, or empty
};

// False: not an authority (user information is none either, RFC 9110 §4.2.4). An empty text is a
// valid, empty authority (RFC 9112 §3.2).
bool ParseAuthority(ByteView text, Authority* out);

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_AUTHORITY_H_
