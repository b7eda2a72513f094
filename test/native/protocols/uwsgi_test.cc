#include "protocols/uwsgi.h"

#include <string>
#include <vector>

#include "check.h"
#include "protocols/parse.h"
#include "protocols/uwsgi_packet.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {
const Vars kGet = {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/a?b"}, {"PATH_INFO", "/a"}};
}  // namespace

TEST("what EncodeUwsgiPacket writes is what ParseUwsgiPacket reads") {
  const std::vector<Vars> rows = {
      {{"A", ""}},
      kGet,
      {{"HTTP_X", std::string(65000, 'v')}},
      {{std::string(300, 'K'), "v"}, {"HTTP_COOKIE", "a=1"}, {"Z", "\xff\x80\x01"}},
  };
  for (const Vars& vars : rows) {
    for (int modifier1 : {0, 30}) {
      const std::string packet = PacketOf(vars, static_cast<uint8_t>(modifier1), 7);
      const ParsedUwsgi parsed(packet + "body");
      CHECK(parsed.complete());
      CHECK_EQ(parsed.head.consumed, packet.size());
      CHECK_EQ(parsed.head.modifier1, modifier1);
      CHECK_EQ(parsed.head.modifier2, 7);
      CHECK_EQ(parsed.head.field_count, vars.size());
      for (size_t i = 0; i < vars.size() && i < parsed.head.field_count; ++i) {
        CHECK_TEXT(parsed.fields[i].name, vars[i].first);
        CHECK_TEXT(parsed.fields[i].value, vars[i].second);
        CHECK_EQ(parsed.fields[i].key, FindVariableKey(Bytes(vars[i].first)));
      }
    }
  }
}

TEST("variables that do not fit 65535 bytes are not encoded") {
  const std::string value(65535 - 5, 'v');
  Buffer out;
  const UwsgiVar fits[] = {{ByteView("A"), Bytes(value)}};
  CHECK(EncodeUwsgiPacket(0, 0, fits, &out));
  CHECK_EQ(out.size(), 4u + 65535u);
  const UwsgiVar over[] = {{ByteView("AB"), Bytes(value)}};
  CHECK(!EncodeUwsgiPacket(0, 0, over, &out));
  const std::string huge(65536, 'v');
  const UwsgiVar one[] = {{ByteView("A"), Bytes(huge)}};
  CHECK(!EncodeUwsgiPacket(0, 0, one, &out));
}

TEST("no prefix of a packet is complete, and none of a good one is refused") {
  const std::string packet = PacketOf(kGet);
  for (size_t size = 0; size < packet.size(); ++size) {
    Row(std::to_string(size));
    CHECK(ParsedUwsgi(packet.substr(0, size)).status == ParseStatus::kIncomplete);
  }
}

TEST("a packet is judged by its four bytes: size, modifier, and other protocols") {
  Limits limits;
  limits.max_head_bytes = 1000;
  const struct {
    std::string bytes;
    int status;  // of the refusal; -1: silently closed; 0: not refused
  } rows[] = {
      {{'\0', '\xe8', '\x03', '\0'}, 0},
      {{'\0', '\xe9', '\x03', '\0'}, 431},
      {{'\0', '\0', '\0', '\0'}, -1},
      {{'\x1e', '\0', '\0', '\0'}, -1},
      {{'\x03', '\x01', '\0', '\0'}, 501},
      {{'\x05', '\x01', '\0', '\0'}, 501},
      {{'\x62', '\0', '\0', '\0'}, 501},
      {{'\xff', '\xff', '\xff', '\xff'}, 501},
      {"GET ", 400},
      {"POST", 400},
      {"DELE", 400},
      {{'\x16', '\x03', '\x01', '\0'}, 400},
      {"70:C", 400},
      {{'\x01', '\x01', '\0', '\x01'}, 400},
  };
  for (const auto& one : rows) {
    Row(one.bytes);
    const ParsedUwsgi parsed(one.bytes, limits);
    CHECK_EQ(parsed.status == ParseStatus::kInvalid, one.status != 0);
    if (one.status != 0) CHECK_EQ(parsed.refused(), one.status > 0 ? one.status : 0);
  }
  for (const char* foreign : {"GET ", "HEAD", "OPTI", "12:a", "\x16\x03\x03\x02"}) {
    CHECK(RecogniseForeignProtocol(ByteView(foreign, 4)) != nullptr);
  }
  CHECK(RecogniseForeignProtocol(ByteView("\x16\x02\x01\0", 4)) == nullptr);
  CHECK(RecogniseForeignProtocol(ByteView("XYZ ", 4)) == nullptr);
}

TEST("a ping is complete when its packet is, and nothing but the modifiers is filled") {
  const ParsedUwsgi bare(std::string("\x64\0\0\0", 4));
  CHECK(bare.complete() && bare.head.modifier1 == 100 && bare.head.consumed == 4);
  CHECK(ParsedUwsgi(std::string("\x64\x01\0\0", 4)).status == ParseStatus::kIncomplete);
  const ParsedUwsgi filled(std::string("\x64\x01\0\0x", 5));
  CHECK(filled.complete() && filled.head.consumed == 5 && filled.head.field_count == 0);
}

TEST("a variable that runs past its packet, or has no name, or control bytes, is 400") {
  const std::string good = PacketOf(kGet).substr(4);
  const auto refused = [](const std::string& block) {
    const auto size = static_cast<uint16_t>(block.size());
    std::string packet = {'\0', static_cast<char>(size & 0xff), static_cast<char>(size >> 8), '\0'};
    // Bytes behind the packet must not be reached into.
    return ParsedUwsgi(packet + block + "GET / HTTP/1.1\r\n").refused();
  };
  CHECK_EQ(refused(good), 0);
  for (size_t cut = 1; cut < good.size(); ++cut) {
    const std::string part = good.substr(0, cut);
    Row(std::to_string(cut));
    const bool at_end_of_var = cut == 4 + 14 + 3 || cut == 4 + 14 + 3 + 4 + 11 + 4;
    CHECK_EQ(refused(part), at_end_of_var ? 0 : 400);
  }
  const struct {
    Vars vars;
    int status;
  } rows[] = {
      {{{"", "v"}}, 400},
      {{{"A B", "v"}}, 400},
      {{{std::string(1, '\0'), "v"}}, 400},
      {{{"A\x7f", "v"}}, 400},
      {{{"A\x80", "v"}}, 0},
      {{{"A", "\r"}}, 400},
      {{{"A", "\n"}}, 400},
      {{{"A", std::string(1, '\0')}}, 400},
      {{{"A", "\x01\x7f\xff"}}, 0},
      {{{"PATH_INFO", "/a\r\nb"}}, 0},
      {{{"PATH_INFO", std::string("/\0", 2)}}, 400},
      {{{"REQUEST_METHOD", "G T"}}, 400},
      {{{"REQUEST_METHOD", "G\xffT"}}, 400},
  };
  for (const auto& one : rows) {
    Row(one.vars[0].first + "=" + one.vars[0].second);
    CHECK_EQ(ParsedUwsgi(PacketOf(one.vars)).refused(), one.status);
  }
}

TEST("as many variables as max-vars are taken, one more is 431") {
  Limits limits;
  limits.max_vars = 3;
  Vars vars = kGet;
  CHECK(ParsedUwsgi(PacketOf(vars), limits).complete());
  vars.emplace_back("X", "1");
  CHECK_EQ(ParsedUwsgi(PacketOf(vars), limits).refused(), 431);
}

TEST("path and query come from PATH_INFO and QUERY_STRING, or else from REQUEST_URI") {
  const struct {
    Vars vars;
    std::string_view path;
    std::string_view query;
    bool escape;
  } rows[] = {
      {{{"PATH_INFO", "/a%20"}, {"REQUEST_URI", "/x?y"}}, "/a%20", "y", false},
      {{{"REQUEST_URI", "/a%20?y?z"}}, "/a%20", "y?z", true},
      {{{"REQUEST_URI", "/a"}, {"QUERY_STRING", "q"}}, "/a", "q", false},
      {{{"REQUEST_URI", "?q"}}, "/", "q", false},
      {{{"A", "b"}}, "/", "", false},
      {{{"PATH_INFO", ""}}, "", "", false},
  };
  for (const auto& one : rows) {
    const ParsedUwsgi parsed(PacketOf(one.vars));
    Row(one.vars[0].first + "=" + one.vars[0].second);
    CHECK(parsed.complete());
    CHECK_TEXT(parsed.head.path, one.path);
    CHECK_TEXT(parsed.head.query, one.query);
    CHECK_EQ(parsed.head.path_has_escape, one.escape);
  }
}

TEST("the scheme is https only if the front server says so; UWSGI_* variables do nothing else") {
  const struct {
    Vars vars;
    bool https;
  } rows[] = {
      {{{"HTTPS", "on"}}, true},
      {{{"HTTPS", "ON"}}, true},
      {{{"HTTPS", "1"}}, true},
      {{{"HTTPS", "off"}}, false},
      {{{"HTTPS", ""}}, false},
      {{{"REQUEST_SCHEME", "https"}}, true},
      {{{"REQUEST_SCHEME", "http"}}, false},
      {{{"UWSGI_SCHEME", "https"}}, true},
      {{{"UWSGI_SCHEME", "javascript"}}, false},
      {{{"HTTP_X_FORWARDED_PROTO", "https"}}, false},
  };
  for (const auto& one : rows) {
    Row(one.vars[0].first + "=" + one.vars[0].second);
    CHECK_EQ(ParsedUwsgi(PacketOf(one.vars)).head.https, one.https);
  }
}

TEST("a uwsgi connection is for one request, whatever the packet says") {
  const ParsedUwsgi parsed(
      PacketOf({{"HTTP_CONNECTION", "keep-alive"}, {"REQUEST_METHOD", "HEAD"}}));
  CHECK(parsed.complete() && !parsed.head.keep_alive && parsed.head.is_head);
  CHECK_TEXT(ParsedUwsgi(PacketOf({{"REQUEST_METHOD", ""}})).head.method, "GET");
  CHECK_EQ(ParsedUwsgi(PacketOf({{"SERVER_PROTOCOL", "HTTP/1.0"}})).head.version_minor, 0);
}
