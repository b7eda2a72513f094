// PROXY headers, versions 1 and 2: whole and in every cut.
#include "protocols/proxy.h"
#include "target.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::fuzz;  // NOLINT(build/namespaces)

namespace {

struct Parsed {
  explicit Parsed(ByteView bytes) : memory(bytes) {
    may_be = MayBeProxyHeader(memory.View());
    if (may_be) status = ParseProxyHeader(memory.View(), &header, &error);
  }
  Exact memory;
  bool may_be = false;
  ProxyHeader header;
  ParseError error;
  ParseStatus status = ParseStatus::kInvalid;
};

bool SamePeer(const Peer& a, const Peer& b) {
  return a.address.family == b.address.family && a.port == b.port &&
         memcmp(a.address.bytes, b.address.bytes, sizeof(a.address.bytes)) == 0;
}

void CheckPart(const Parsed& part, const Parsed& whole) {
  if (!part.may_be) MUST(!whole.may_be);
  if (part.may_be && part.status == ParseStatus::kInvalid) {
    MUST(whole.status == ParseStatus::kInvalid && part.error.status == 400);
  }
  if (part.status != ParseStatus::kComplete) return;
  MUST(whole.status == ParseStatus::kComplete && SamePeer(part.header.source, whole.header.source));
  MUST(part.header.consumed == whole.header.consumed);
}

// The address that was understood, written as text, is understood as the same.
void CheckText(const Peer& peer) {
  const bool v4 = peer.address.family == IpAddress::Family::kV4;
  const std::string address = FormatIp(peer.address);
  const std::string line = std::string("PROXY TCP") + (v4 ? "4 " : "6 ") + address + " " + address +
                           " " + std::to_string(peer.port) + " 1\r\n";
  const Parsed parsed(Bytes(line));
  MUST(parsed.status == ParseStatus::kComplete && parsed.header.consumed == line.size());
  MUST(SamePeer(parsed.header.source, peer));
}

}  // namespace

FUZZ_TARGET(proxy) {
  const Parsed whole(input.bytes);
  Cuts cuts(input.cuts);
  for (int i = 0; i < 6; ++i) {
    CheckPart(Parsed(input.bytes.Sub(0, cuts.Next(0, input.bytes.size))), whole);
  }
  if (whole.status != ParseStatus::kComplete) return;
  MUST(whole.header.consumed > 0 && whole.header.consumed <= input.bytes.size);
  MUST(whole.header.consumed <= 16 + 2048);
  const std::string_view text = input.text().substr(0, whole.header.consumed);
  if (text[0] == 'P') MUST(text.size() <= 107 && text.ends_with("\r\n"));
  if (whole.header.source.address.known()) CheckText(whole.header.source);
}
