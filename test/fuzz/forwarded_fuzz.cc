// Forwarding fields of a trusted peer: whatever they hold, what they tell is an address, a port, a
// host; and nobody but a trusted proxy decides which entry is the client.
#include "base/ascii.h"
#include "head_checks.h"
#include "protocols/authority.h"
#include "protocols/forwarded.h"
#include "protocols/http1.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::fuzz;  // NOLINT(build/namespaces)

namespace {

ForwardedPolicy PolicyOf(const Input& input) {
  ForwardedPolicy policy;
  ByteView bad;
  const ByteView trusted(input.Flag(0) ? "*" : "10.0.0.0/8, ::1");
  MUST(ParseTrustedPeers(trusted, &policy.trusted, &bad));
  policy.fields = ForwardedFields();
  if (input.Flag(1)) policy.fields.Remove(Key::kForwarded);
  policy.refuse_invalid = !input.Flag(2);
  policy.clear_others = input.Flag(3);
  policy.hops = input.Flag(4) ? input.cuts % 4 : 0;
  return policy;
}

void CheckTold(const Parsed& parsed) {
  const ToldEnds& told = parsed.head.told;
  for (ByteView view : {told.remote_addr, told.remote_port, told.http_host, told.server_name}) {
    MUST(parsed.memory.Holds(view));
  }
  IpAddress address;
  MUST(told.remote ? ParseIp(told.remote_addr, &address) : told.remote_addr.empty());
  uint64_t port;
  MUST(told.remote_port.empty() || (ParseDecimal(told.remote_port, &port) && port <= 65535));
  MUST(told.server_port.empty() || (ParseDecimal(told.server_port, &port) && port <= 65535));
  Authority authority;
  MUST(ParseAuthority(told.http_host, &authority) && ParseAuthority(told.server_name, &authority));
  MUST(told.http_host.empty() || !told.server_name.empty());
}

// The one X-Forwarded-For field by the book: from the right, over those that are trusted.
void CheckClient(const Parsed& parsed, const ForwardedPolicy& policy) {
  const RequestHead& head = parsed.head;
  const bool alone = head.keys.Has(Key::kXForwardedFor) && !head.keys.Has(Key::kXRealIp) &&
                     !head.keys.Has(Key::kForwarded) && policy.hops == 0;
  if (!alone || !head.told.remote) return;
  std::string list;
  for (uint32_t i = 0; i < head.field_count; ++i) {
    if (head.fields[i].key == Key::kXForwardedFor) list += "," + Text(head.fields[i].value);
  }
  IpAddress client;
  while (!list.empty()) {
    const size_t comma = list.rfind(',');
    uint16_t port;
    MUST(ParseIpAndPort(TrimOws(Bytes(std::string_view(list).substr(comma + 1))), &client, &port));
    list.resize(comma);
    if (!policy.trusted.anybody && !policy.trusted.Contains(client)) break;
  }
  IpAddress told;
  MUST(ParseIp(head.told.remote_addr, &told) && FormatIp(told) == FormatIp(client));
}

}  // namespace

FUZZ_TARGET(forwarded) {
  const ForwardedPolicy policy = PolicyOf(input);
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(input.text()) + "\r\n\r\n";
  Parsed parsed(Bytes(text), 200);
  parsed.status = ParseHttp1Head(parsed.memory.data(), parsed.memory.size(), {}, {}, &parsed.head,
                                 &parsed.error);
  if (!parsed.complete()) return;
  const ParseStatus status = ApplyForwarded(policy, &parsed.head, &parsed.error);
  if (status == ParseStatus::kInvalid) {
    MUST(policy.refuse_invalid && parsed.error.status == 400);
    return;
  }
  MUST(status == ParseStatus::kComplete);
  CheckTold(parsed);
  CheckClient(parsed, policy);
}
