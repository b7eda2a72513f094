#include "base/ip_address.h"

#include "check.h"
#include "guard_page.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

TEST("an address is parsed as a whole, and its canonical text is that of RFC 5952") {
  const struct {
    std::string_view text;
    std::string_view canonical;  // "" = not an address
  } rows[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"256.0.0.1", ""},
      {"1.2.3", ""},
      {"1.2.3.4.5", ""},
      {"1.2.3.", ""},
      {".1.2.3", ""},
      {"01.2.3.4", ""},
      {"1.2.3.4 ", ""},
      {"1.2.3.0004", ""},
      {"1..2.3", ""},
      {"1.2.3.4\n", ""},
      {"0x1.2.3.4", ""},
      {"", ""},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8::1", "2001:db8::1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
      {"::ffff:192.0.2.1", "::ffff:c000:201"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
      {"1:2:3:4:5:6:7:1.2.3.4", ""},
      {"1:2:3:4:5:6:7", ""},
      {"1:2:3:4:5:6:7:8:9", ""},
      {"1:2:3:4:5:6:7:8::", ""},
      {"::1:2:3:4:5:6:7:8", ""},
      {"1:2:3:4::5:6:7:8", ""},
      {"1:2:3::5:6:7:8", "1:2:3:0:5:6:7:8"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"1::2::3", ""},
      {":::", ""},
      {":1", ""},
      {"1:", ""},
      {":", ""},
      {"12345::", ""},
      {"g::", ""},
      {"fe80::1%eth0", ""},
      {"[::1]", ""},
      {"::1.2.3", ""},
      {"1.2.3.4::", ""},
      {std::string_view("::1\0", 4), ""},
  };
  for (const auto& one : rows) {
    IpAddress address;
    Row(one.text);
    Guarded text(one.text);
    const bool parsed = ParseIp(text.View(), &address);
    CHECK_EQ(parsed, !one.canonical.empty());
    if (parsed) CHECK(FormatIp(address) == one.canonical);
  }
  CHECK(FormatIp(IpAddress()).empty());
}

TEST("the canonical text of an address parses to the same address") {
  uint32_t random = 99;
  for (int i = 0; i < 3000; ++i) {
    IpAddress address;
    address.family = IpAddress::Family::kV6;
    for (uint8_t& byte : address.bytes) {
      random = random * 1664525 + 1013904223;
      byte = random >> 30 != 0 ? 0 : static_cast<uint8_t>(random >> 16);
    }
    const std::string text = FormatIp(address);
    IpAddress again;
    Row(text);
    CHECK(ParseIp(Bytes(text), &again));
    CHECK(memcmp(address.bytes, again.bytes, 16) == 0);
  }
}

TEST("an address may have a port; an IPv6 address with a port has brackets") {
  const struct {
    std::string_view text;
    std::string_view address;
    int port;
  } rows[] = {
      {"192.0.2.1", "192.0.2.1", 0},
      {"192.0.2.1:80", "192.0.2.1", 80},
      {"192.0.2.1:65535", "192.0.2.1", 65535},
      {"192.0.2.1:65536", "", 0},
      {"192.0.2.1:", "", 0},
      {"192.0.2.1:+80", "", 0},
      {"192.0.2.1:000080", "", 0},
      {"2001:db8::1", "2001:db8::1", 0},
      {"[2001:db8::1]:80", "2001:db8::1", 80},
      {"[2001:db8::1]", "2001:db8::1", 0},
      {"[2001:db8::1", "", 0},
      {"[2001:db8::1]80", "", 0},
      {"[192.0.2.1]:80", "", 0},
      {"[]:80", "", 0},
      {"localhost:80", "", 0},
      {":80", "", 0},
      {"", "", 0},
      {"[", "", 0},
  };
  for (const auto& one : rows) {
    IpAddress address;
    uint16_t port;
    Row(one.text);
    Guarded text(one.text);
    const bool parsed = ParseIpAndPort(text.View(), &address, &port);
    CHECK_EQ(parsed, !one.address.empty());
    if (!parsed) continue;
    CHECK(FormatIp(address) == one.address);
    CHECK_EQ(port, one.port);
  }
}

TEST("a network holds the addresses of its prefix, of its own family") {
  const struct {
    std::string_view network;
    std::string_view address;
    bool holds;
  } rows[] = {
      {"10.0.0.0/8", "10.255.255.255", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.0.0.0/9", "10.127.0.1", true},
      {"10.0.0.0/9", "10.128.0.1", false},
      {"0.0.0.0/0", "8.8.8.8", true},
      {"0.0.0.0/0", "::1", false},
      {"192.0.2.1", "192.0.2.1", true},
      {"192.0.2.1/32", "192.0.2.2", false},
      {"192.0.2.1/31", "192.0.2.0", true},
      {"2001:db8::/33", "2001:db8:7fff::1", true},
      {"2001:db8::/33", "2001:db8:8000::1", false},
      {"::/0", "fe80::1", true},
      {"::1", "::1", true},
      {"::1/128", "::2", false},
      {"::ffff:0:0/96", "1.2.3.4", false},
  };
  for (const auto& one : rows) {
    IpNetwork network;
    IpAddress address;
    Row(std::string(one.network) + " " + std::string(one.address));
    CHECK(ParseNetwork(Bytes(one.network), &network));
    CHECK(ParseIp(Bytes(one.address), &address));
    CHECK_EQ(network.Contains(address), one.holds);
    CHECK(!network.Contains(IpAddress()));
  }
  for (std::string_view bad : {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/08", "10/8", "/8",
                               "", "10.0.0.0/8 ", "10.0.0.0/-1", "::/1000"}) {
    IpNetwork network;
    Row(bad);
    CHECK(!ParseNetwork(Bytes(bad), &network));
  }
}
