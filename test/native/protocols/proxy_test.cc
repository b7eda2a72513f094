#include "protocols/proxy.h"

#include <string>

#include "check.h"
#include "guard_page.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

struct Outcome {
  ParseStatus status;
  ProxyHeader header;
  ParseError error;
};

Outcome Parse(std::string_view text) {
  Guarded in(text);
  Outcome outcome;
  CHECK(MayBeProxyHeader(in.View()));
  outcome.status = ParseProxyHeader(in.View(), &outcome.header, &outcome.error);
  return outcome;
}

std::string Binary(uint8_t version_command, uint8_t family, std::string_view block) {
  std::string out("\r\n\r\n\0\r\nQUIT\n", 12);
  out += static_cast<char>(version_command);
  out += static_cast<char>(family);
  out += static_cast<char>(block.size() >> 8);
  out += static_cast<char>(block.size());
  return out + std::string(block);
}

const std::string kV4("\xc0\x00\x02\x01\x0a\x00\x00\x01\x12\x67\x01\xbb", 12);

// Incomplete at each prefix, and what is behind it is not consumed.
void CheckWhole(const std::string& text, std::string_view address, int port) {
  Row(text);
  for (size_t size = 1; size < text.size(); ++size) {
    CHECK(Parse(std::string_view(text).substr(0, size)).status == ParseStatus::kIncomplete);
  }
  const Outcome outcome = Parse(text + "GET /");
  CHECK(outcome.status == ParseStatus::kComplete);
  CHECK_EQ(outcome.header.consumed, text.size());
  CHECK(FormatIp(outcome.header.source.address) == address);
  CHECK_EQ(outcome.header.source.port, port);
}

}  // namespace

TEST("a PROXY line names a family, two addresses and two ports, with single spaces") {
  CheckWhole("PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n", "192.0.2.1", 4711);
  CheckWhole("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n", "2001:db8::1", 65535);
  CheckWhole("PROXY UNKNOWN\r\n", "", 0);
  CheckWhole("PROXY UNKNOWN anything at all\r\n", "", 0);
  for (std::string_view bad :
       {"PROXY TCP4 192.0.2.1 10.0.0.1 4711\r\n", "PROXY TCP4 192.0.2.1 10.0.0.1 4711 443 \r\n",
        "PROXY TCP4  192.0.2.1 10.0.0.1 4711 443\r\n", "PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 04711 443\r\n", "PROXY TCP4 192.0.2.1 10.0.0.1 -1 443\r\n",
        "PROXY TCP4 ::1 ::1 4711 443\r\n", "PROXY TCP6 192.0.2.1 10.0.0.1 4711 443\r\n",
        "PROXY TCP5 192.0.2.1 10.0.0.1 4711 443\r\n", "PROXY tcp4 192.0.2.1 10.0.0.1 4711 443\r\n",
        "PROXY TCP4 host 10.0.0.1 4711 443\r\n", "PROXY \r\n      ", "PROXY TCP4\r\n  ",
        "PROXY UNKNOWNX\r\n"}) {
    Row(bad);
    const Outcome outcome = Parse(bad);
    CHECK(outcome.status == ParseStatus::kInvalid && outcome.error.status == 400);
  }
}

TEST("a PROXY line is at most 107 bytes") {
  const std::string at = "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n";
  CHECK_EQ(at.size(), 107u);
  CheckWhole(at, "", 0);
  const std::string over = "PROXY UNKNOWN " + std::string(92, 'x') + "\r\n";
  CHECK(Parse(over).status == ParseStatus::kInvalid);
  CHECK(Parse(over.substr(0, 107)).status == ParseStatus::kInvalid);
}

TEST("a binary header has the addresses of its family; TLVs are skipped") {
  CheckWhole(Binary(0x21, 0x11, kV4), "192.0.2.1", 4711);
  CheckWhole(Binary(0x21, 0x11, kV4 + std::string("\x04\0\x01x", 4)), "192.0.2.1", 4711);
  std::string v6(36, '\0');
  v6[15] = v6[31] = 1;
  v6[33] = 80;
  CheckWhole(Binary(0x21, 0x21, v6), "::1", 80);
  CheckWhole(Binary(0x20, 0x11, kV4), "", 0);  // LOCAL: the proxy speaks for itself
  CheckWhole(Binary(0x20, 0x00, ""), "", 0);
  CheckWhole(Binary(0x21, 0x00, "xyz"), "", 0);
  CheckWhole(Binary(0x21, 0x31, std::string(216, 'u')), "", 0);
  CheckWhole(Binary(0x21, 0x11, kV4 + std::string(2048 - 12, 't')), "192.0.2.1", 4711);
  for (const std::string& bad :
       {Binary(0x11, 0x11, kV4), Binary(0x22, 0x11, kV4), Binary(0x31, 0x11, kV4),
        Binary(0x21, 0x12, kV4), Binary(0x21, 0x10, kV4), Binary(0x21, 0x41, kV4),
        Binary(0x21, 0x11, kV4.substr(0, 11)), Binary(0x21, 0x21, kV4), Binary(0x21, 0x11, ""),
        Binary(0x21, 0x11, std::string(2049, 't'))}) {
    Row(bad);
    CHECK(Parse(bad).status == ParseStatus::kInvalid);
  }
}

TEST("what is no PROXY header is told by its first bytes that differ") {
  for (std::string_view other :
       {"GET /", "PROPFIND / HTTP/1.1", "PROXY\r\n", "\r\nGET / HTTP", "proxy "}) {
    Row(other);
    Guarded in(other);
    CHECK(!MayBeProxyHeader(in.View()));
  }
  for (std::string_view prefix : {"", "P", "PRO", "PROXY ", "\r", "\r\n\r\n"}) {
    Row(prefix);
    Guarded in(prefix);
    CHECK(MayBeProxyHeader(in.View()));
  }
}
