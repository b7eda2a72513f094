#include "protocols/forwarded.h"

#include <string>

#include "check.h"
#include "protocols/parse.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

ForwardedPolicy PolicyOf(std::string_view peers, std::string_view fields = {}) {
  ForwardedPolicy policy;
  ByteView bad;
  CHECK(ParseTrustedPeers(Bytes(peers), &policy.trusted, &bad));
  policy.fields = ForwardedFields();
  if (!fields.empty()) {
    policy.fields = KeySet();
    CHECK(ParseForwardedFields(Bytes(fields), &policy.fields, &bad));
  }
  return policy;
}

struct Applied : ParsedHttp {
  Applied(std::string_view lines, const ForwardedPolicy& policy) : ParsedHttp(Get(lines)) {
    CHECK(complete());
    status = ApplyForwarded(policy, &head, &error);
  }
};

}  // namespace

TEST("trusted peers are addresses, networks, unix, or everybody") {
  TrustedPeers peers;
  ByteView bad;
  CHECK(ParseTrustedPeers(ByteView("10.0.0.0/8, ::1 ,,unix"), &peers, &bad));
  IpAddress address;
  CHECK(peers.Contains(address));  // a unix peer
  CHECK(ParseIp(ByteView("10.1.2.3"), &address) && peers.Contains(address));
  CHECK(ParseIp(ByteView("::1"), &address) && peers.Contains(address));
  CHECK(ParseIp(ByteView("11.0.0.1"), &address) && !peers.Contains(address));
  TrustedPeers nobody;
  CHECK(ParseTrustedPeers(ByteView(""), &nobody, &bad));
  CHECK(!nobody.Contains(IpAddress()) && !nobody.Contains(address));
  TrustedPeers all;
  CHECK(ParseTrustedPeers(ByteView("*"), &all, &bad) && all.Contains(address));
  for (std::string_view list : {"host", "10.0.0.0/33", "10.0.0.1 10.0.0.2", "**"}) {
    Row(list);
    CHECK(!ParseTrustedPeers(Bytes(list), &all, &bad));
    CHECK(!bad.empty());
  }
  KeySet fields;
  CHECK(!ParseForwardedFields(ByteView("x-forwarded-for, cookie"), &fields, &bad));
  CHECK_TEXT(bad, "cookie");
}

TEST("the client is the last entry that is no proxy of ours, or the one at the given hop") {
  const struct {
    std::string_view trusted;
    uint32_t hops;
    std::string_view value;
    std::string_view client;  // "" = refused
  } rows[] = {
      {"*", 0, "1.1.1.1", "1.1.1.1"},
      {"*", 0, "1.1.1.1, 2.2.2.2", "1.1.1.1"},
      {"10.0.0.0/8", 0, "1.1.1.1, 2.2.2.2, 10.0.0.1", "2.2.2.2"},
      {"10.0.0.0/8", 0, "10.0.0.2, 10.0.0.1", "10.0.0.2"},
      {"10.0.0.0/8", 0, "junk, 2.2.2.2", "2.2.2.2"},
      {"10.0.0.0/8", 0, "junk, 10.0.0.1", ""},
      {"*", 1, "1.1.1.1, 2.2.2.2", "2.2.2.2"},
      {"*", 2, "1.1.1.1, 2.2.2.2", "1.1.1.1"},
      {"*", 9, "1.1.1.1, 2.2.2.2", "1.1.1.1"},
      {"*", 1, "1.1.1.1, junk", ""},
      {"*", 1, "", ""},
      {"*", 1, "1.1.1.1,", ""},
      {"*", 1, "[2001:db8::1]:4711", "2001:db8::1"},
      {"*", 1, "2001:db8::1", "2001:db8::1"},
      {"*", 1, "1.1.1.1:80", "1.1.1.1"},
      {"*", 1, "1.1.1.1:x", ""},
  };
  for (const auto& one : rows) {
    ForwardedPolicy policy = PolicyOf(one.trusted);
    policy.hops = one.hops;
    Row(one.value);
    const Applied applied("X-Forwarded-For: " + std::string(one.value) + "\r\n", policy);
    CHECK_EQ(applied.refused(), one.client.empty() ? 400 : 0);
    if (one.client.empty()) continue;
    CHECK(applied.head.told.remote);
    CHECK_TEXT(applied.head.told.remote_addr, one.client);
  }
}

TEST("the scheme is http or https, said once") {
  const struct {
    std::string_view lines;
    int refused;
    bool https;
  } rows[] = {
      {"X-Forwarded-Proto: https\r\n", 0, true},
      {"X-Forwarded-Proto: HTTPS\r\n", 0, true},
      {"X-Forwarded-Proto: http\r\n", 0, false},
      {"X-Forwarded-Ssl: on\r\n", 0, true},
      {"X-Forwarded-Proto: https\r\nX-Scheme: https\r\n", 0, true},
      {"X-Forwarded-Proto: https\r\nX-Scheme: http\r\n", 400, false},
      {"X-Forwarded-Proto: https, https\r\n", 400, false},
      {"X-Forwarded-Proto: https\r\nX-Forwarded-Proto: https\r\n", 400, false},
      {"X-Forwarded-Proto: javascript\r\n", 400, false},
      {"X-Forwarded-Proto:\r\n", 400, false},
      {"Forwarded: proto=https\r\nX-Forwarded-Proto: https\r\n", 400, false},
  };
  for (const auto& one : rows) {
    Row(one.lines);
    const Applied applied(one.lines, PolicyOf("*"));
    CHECK_EQ(applied.refused(), one.refused);
    if (one.refused == 0) CHECK_EQ(applied.head.https, one.https);
  }
}

TEST("host and port replace those of the request, and must be a host and one port") {
  const Applied host("X-Forwarded-Host: real.example:8443\r\n", PolicyOf("*"));
  CHECK_TEXT(host.head.told.http_host, "real.example:8443");
  CHECK_TEXT(host.head.told.server_name, "real.example");
  CHECK_TEXT(host.head.told.server_port, "8443");
  const Applied https("X-Forwarded-Host: r\r\nX-Forwarded-Proto: https\r\n", PolicyOf("*"));
  CHECK_TEXT(https.head.told.server_port, "443");
  for (std::string_view bad :
       {"X-Forwarded-Host: a b\r\n", "X-Forwarded-Host: u@h\r\n", "X-Forwarded-Host:\r\n",
        "X-Forwarded-Port: 80, 81\r\n", "X-Forwarded-Port: 65536\r\n", "X-Forwarded-Port: x\r\n",
        "X-Forwarded-Port:\r\n", "X-Real-Ip: 1.1.1.1, 2.2.2.2\r\n", "X-Real-Ip: host\r\n"}) {
    Row(bad);
    CHECK_EQ(Applied(bad, PolicyOf("*")).refused(), 400);
  }
}

TEST("Forwarded is elements of pairs without white space around the equals sign") {
  ForwardedPolicy one_hop = PolicyOf("*", "forwarded");
  one_hop.hops = 1;
  const Applied whole(
      "Forwarded: for=9.9.9.9, for=\"[2001:db8::1]:47\";host=\"h:8080\";proto=https;by=_x\r\n",
      one_hop);
  CHECK_EQ(whole.refused(), 0);
  CHECK_TEXT(whole.head.told.remote_addr, "2001:db8::1");
  CHECK_TEXT(whole.head.told.remote_port, "47");
  CHECK_TEXT(whole.head.told.http_host, "h:8080");
  CHECK(whole.head.https);
  CHECK(!Applied("Forwarded: for=unknown\r\n", one_hop).head.told.remote);
  for (std::string_view bad : {"for = 1.1.1.1", "for= 1.1.1.1", "for", "for=", "=1.1.1.1",
                               "for=\"1.1.1.1", "for=1.1.1.1 x", "for=1.1.1.1;for=2.2.2.2",
                               "proto=ftp", "host=a/b", "host=\"a b\"", "for=1.1.1.1;;=x"}) {
    Row(bad);
    CHECK_EQ(Applied("Forwarded: " + std::string(bad) + "\r\n", one_hop).refused(), 400);
  }
}

TEST("what stands in the quotes of one value of Forwarded is no address of a proxy") {
  // The host is what the client has sent; read as for=127.0.0.1 it would lend trust to the element
  // before it, which is the client's own.
  const Applied applied("Forwarded: for=10.9.8.7, host=\"a;for=127.0.0.1;b\";for=192.0.2.66\r\n",
                        PolicyOf("127.0.0.0/8", "forwarded"));
  CHECK_EQ(applied.refused(), 0);
  CHECK_TEXT(applied.head.told.remote_addr, "192.0.2.66");
}

TEST("what is malformed counts as absent when it shall not be refused") {
  ForwardedPolicy policy = PolicyOf("*");
  policy.refuse_invalid = false;
  const Applied proto("X-Forwarded-Proto: javascript\r\nX-Forwarded-For: junk\r\n", policy);
  CHECK_EQ(proto.refused(), 0);
  CHECK(!proto.head.https && !proto.head.told.remote);
  const Applied half("Forwarded: proto=https;for = 1\r\n", policy);
  CHECK(half.complete() && !half.head.https);
}

TEST("fields of this kind that do not count are hidden if that was asked for") {
  ForwardedPolicy policy = PolicyOf("*", "x-forwarded-for");
  policy.clear_others = true;
  const Applied applied("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Port: 99\r\n", policy);
  CHECK(applied.complete());
  CHECK(applied.head.hidden.Has(Key::kXForwardedPort));
  CHECK(!applied.head.hidden.Has(Key::kXForwardedFor));
  CHECK(applied.head.told.server_port.empty());
}

TEST("the last host and scheme of a list that is too long are not those of its middle") {
  // A client that sends 64 entries of its own must not push the one of the proxy out of sight.
  ForwardedPolicy tolerant = PolicyOf("*");
  tolerant.refuse_invalid = false;
  for (std::string_view name : {"X-Forwarded-Host", "X-Forwarded-Proto"}) {
    const bool host = name == "X-Forwarded-Host";
    std::string value = host ? "evil" : "https";
    for (int i = 1; i < 64; ++i) value += host ? ",evil" : ",https";
    value = std::string(name) + ": " + value + (host ? ",real\r\n" : ",http\r\n");
    Row(name);
    CHECK_EQ(Applied(value, PolicyOf("*")).refused(), 400);
    const Applied applied(value, tolerant);
    CHECK(applied.complete() && !applied.head.https);
    CHECK(Text(applied.head.told.server_name) != "evil");
  }
}

TEST("a chain of more than 64 entries is refused, and reads nothing that is not there") {
  std::string value = "1.1.1.1";
  for (int i = 1; i < 64; ++i) value += ",1.1.1.1";
  CHECK_EQ(Applied("X-Forwarded-For: " + value + "\r\n", PolicyOf("*")).refused(), 0);
  CHECK_EQ(Applied("X-Forwarded-For: " + value + ",1.1.1.1\r\n", PolicyOf("*")).refused(), 400);
  for (std::string_view list : {"X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded"}) {
    Row(list);
    const std::string many(200, ',');
    CHECK_EQ(Applied(std::string(list) + ": " + many + "\r\n", PolicyOf("*")).refused(), 400);
  }
}
