// What a trusted front server says about its client: X-Forwarded-For, -Proto, -Host, -Port and
// their relatives, or Forwarded (RFC 7239).
//
// From anybody else these are fields like all others. From a trusted peer they decide REMOTE_ADDR,
// the url scheme and HTTP_HOST, and then they must be right: two that contradict each other, or a
// malformed one, refuse the request, because a guess here is what attackers live on. HTTP only: a
// uwsgi front server tells the same in variables of its own.
#ifndef POSTERN_PROTOCOLS_FORWARDED_H_
#define POSTERN_PROTOCOLS_FORWARDED_H_

#include <vector>

#include "base/ip_address.h"
#include "protocols/request_head.h"

namespace postern {

// Whom to believe.
struct TrustedPeers {
  bool anybody = false;
  bool unix_peers = false;
  std::vector<IpNetwork> networks;

  bool Contains(const IpAddress& address) const;
};

struct ForwardedPolicy {
  TrustedPeers trusted;
  KeySet fields;      // those that count
  uint32_t hops = 0;  // take the entry of that many hops from the right; 0: walk over trusted
  bool refuse_invalid = true;  // false: what is malformed or contradictory counts as absent
  bool clear_others = false;   // fields of this kind that do not count are hidden
};

// "127.0.0.0/8, ::1, unix" or "*". False: *bad is the entry that is none.
bool ParseTrustedPeers(ByteView list, TrustedPeers* out, ByteView* bad);

// "x-forwarded-for, forwarded". False: *bad is the name of a field that is none of this kind.
bool ParseForwardedFields(ByteView list, KeySet* out, ByteView* bad);

// All fields of this kind.
KeySet ForwardedFields();

// Reads the fields of a request whose peer is trusted into head->told and head->https.
// kInvalid: 400.
ParseStatus ApplyForwarded(const ForwardedPolicy& policy, RequestHead* head, ParseError* error);

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_FORWARDED_H_
