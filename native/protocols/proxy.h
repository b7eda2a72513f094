// The PROXY protocol, versions 1 and 2: one header in front of everything else on a connection, in
// which a load balancer tells the address of its client.
//
//   v1 := "PROXY" SP ( "TCP4" / "TCP6" ) SP source SP destination SP sport SP dport CRLF
//       / "PROXY UNKNOWN" *CHAR CRLF                                     at most 107 bytes
//   v2 := signature[12] version-command:u8 family:u8 size:u16be addresses TLVs
//
// Source: haproxy, doc/proxy-protocol.txt, 2020/03/05. TLVs are skipped. No I/O.
#ifndef POSTERN_PROTOCOLS_PROXY_H_
#define POSTERN_PROTOCOLS_PROXY_H_

#include "base/ip_address.h"
#include "protocols/request_head.h"

namespace postern {

struct ProxyHeader {
  Peer source;  // family kNone: keep the address of the socket (UNKNOWN, LOCAL, UNSPEC)
  size_t consumed = 0;
};

// True while `in` may still be the start of a PROXY header.
bool MayBeProxyHeader(ByteView in);

// kComplete:   *out filled. kIncomplete: more bytes are needed.
// kInvalid:    400: it starts like a PROXY header and is none.
ParseStatus ParseProxyHeader(ByteView in, ProxyHeader* out, ParseError* error);

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_PROXY_H_
