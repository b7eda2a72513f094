// Small grammars that stand inside of others: authorities, percent-escapes, addresses, networks.
#include "base/ascii.h"
#include "base/ip_address.h"
#include "protocols/authority.h"
#include "protocols/percent.h"
#include "target.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::fuzz;  // NOLINT(build/namespaces)

namespace {

void CheckAuthority(const Exact& text) {
  Authority parsed;
  if (!ParseAuthority(text.View(), &parsed)) return;
  MUST(text.Holds(parsed.host) && text.Holds(parsed.port) && parsed.port.size <= 5);
  const bool colon = parsed.host.size < text.size();
  MUST(Text(parsed.host) + (colon ? ":" : "") + Text(parsed.port) == Text(text.View()));
  MUST(Text(parsed.host).find_first_of("@/?#\\% \t\r\n") == std::string::npos);
  Authority host;
  MUST(ParseAuthority(parsed.host, &host) && Equals(host.host, parsed.host) && host.port.empty());
}

// The text by the book, a character at a time; "" and false: it is not well-formed.
bool DecodeSlowly(std::string_view text, std::string* out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      *out += text[i];
      continue;
    }
    const std::string digits(text.substr(i + 1, 2));
    if (digits.size() < 2 || !isxdigit(digits[0]) || !isxdigit(digits[1])) return false;
    const auto value = static_cast<char>(strtoul(digits.c_str(), nullptr, 16));
    if (value == 0) return false;
    *out += value;
    i += 2;
  }
  return true;
}

void CheckPercent(const Exact& text) {
  Exact out(text.View());
  size_t size = 0;
  const bool decoded = PercentDecode(text.View(), out.data(), &size);
  std::string slowly;
  MUST(decoded == DecodeSlowly(Text(text.View()), &slowly));
  if (!decoded) return;
  MUST(size <= text.size() && Text(out.View().Sub(0, size)) == slowly);
}

bool SameAddress(const IpAddress& a, const IpAddress& b) {
  return a.family == b.family && memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

void CheckAddress(const Exact& text) {
  IpAddress address;
  IpAddress again;
  uint16_t port;
  if (ParseIp(text.View(), &address)) {
    const std::string written = FormatIp(address);
    MUST(ParseIp(Bytes(written), &again) && SameAddress(address, again));
    MUST(ParseIpAndPort(text.View(), &again, &port) && SameAddress(address, again) && port == 0);
    const std::string with_port =
        (address.family == IpAddress::Family::kV6 ? "[" + written + "]" : written) + ":4711";
    MUST(ParseIpAndPort(Bytes(with_port), &again, &port) && SameAddress(address, again));
    MUST(port == 4711);
  } else if (ParseIpAndPort(text.View(), &address, &port)) {
    MUST(address.known());
  }
}

void CheckNetwork(const Exact& text) {
  IpNetwork network;
  if (!ParseNetwork(text.View(), &network)) return;
  MUST(network.prefix_bits <= network.address.size() * 8);
  MUST(network.Contains(network.address) && !network.Contains(IpAddress()));
}

}  // namespace

FUZZ_TARGET(authority) {
  const Exact text(input.bytes);
  CheckAuthority(text);
  CheckPercent(text);
  CheckAddress(text);
  CheckNetwork(text);
  uint64_t value;
  if (ParseDecimal(text.View(), &value)) {
    MUST(value <= INT64_MAX && strtoull(Text(text.View()).c_str(), nullptr, 10) == value);
  }
}
