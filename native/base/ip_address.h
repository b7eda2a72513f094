// IPv4 and IPv6 addresses as values, their text forms, and networks of them. No sockets here: the
// engine turns what accept(2) gives into these.
#ifndef POSTERN_BASE_IP_ADDRESS_H_
#define POSTERN_BASE_IP_ADDRESS_H_

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace postern {

struct IpAddress {
  enum class Family : uint8_t { kNone, kV4, kV6 };  // kNone: a unix peer, or nothing known

  Family family = Family::kNone;
  uint8_t bytes[16] = {};  // network order; the first 4 for IPv4

  size_t size() const { return family == Family::kV4 ? 4 : 16; }
  bool known() const { return family != Family::kNone; }
};

// The peer of a connection.
struct Peer {
  IpAddress address;
  uint16_t port = 0;
};

// "192.0.2.1" or "2001:db8::1" (RFC 4291 §2.2), nothing else: no zone, no brackets, no leading
// zeros in IPv4. False: not an address.
bool ParseIp(ByteView text, IpAddress* out);

// "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80" or "2001:db8::1"; *port is 0 without a port.
bool ParseIpAndPort(ByteView text, IpAddress* out, uint16_t* port);

// The canonical text (RFC 5952); "" for kNone.
std::string FormatIp(const IpAddress& address);

// An address with the number of leading bits that count.
struct IpNetwork {
  IpAddress address;
  uint8_t prefix_bits = 0;

  bool Contains(const IpAddress& other) const;
};

// "10.0.0.0/8", or an address, which is a network of one.
bool ParseNetwork(ByteView text, IpNetwork* out);

}  // namespace postern

#endif  // POSTERN_BASE_IP_ADDRESS_H_
