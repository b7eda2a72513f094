#include "protocols/log_format.h"

#include <cstdlib>
#include <ctime>
#include <map>
#include <string>

#include "check.h"
#include "guard_page.h"
#include "protocols/parse.h"
#include "protocols/uwsgi_packet.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

constexpr LogConstants kConstants{4711, 3, 0};

const LogResponse& Ended() {
  static LogResponse response;
  response.status = 200;
  response.field_count = 4;
  response.head_bytes = 120;
  response.body_bytes = 13;
  response.duration_us = 1234567;
  response.now_s = 1764203156;
  response.rss = 50u << 20;
  response.vsz = 1000u << 20;
  return response;
}

constexpr std::string_view kEncoded =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nx-id: a\"b\r\nEmpty:\r\n\r\n";

std::string Error(std::string_view format) {
  LogFormat compiled;
  std::string error;
  return compiled.Compile(Bytes(format), kConstants, &error) ? "" : error;
}

// A line without its end.
std::string LineOf(std::string_view format, LogRequest request,
                   const LogResponse& response = Ended(), bool with_head = true) {
  LogFormat compiled;
  std::string error;
  CHECK(compiled.Compile(Bytes(format), kConstants, &error));
  setenv("TZ", "UTC-2", 1);
  tzset();
  LogTime time;
  request.start_us = 1764203154000123;
  time.Set(request.start_us / 1000000);
  Buffer note;
  Buffer head;
  Buffer line;
  CHECK(compiled.PutRequest(request, time, &note));
  if (with_head) CHECK(compiled.PutResponseHead(Bytes(kEncoded), &head));
  CHECK(compiled.PutLine(note.View(), head.View(), response, &line));
  const std::string text(Text(line.View()));
  CHECK(!text.empty() && text.find('\n') == text.size() - 1);
  return text.substr(0, text.size() - 1);
}

std::string LineOfHead(std::string_view format, const RequestHead& head, HeadKind kind,
                       bool forwarded_for = false) {
  GuardedMemory memory(65536);
  Arena arena(memory.Room(65536), 65536);
  std::vector<MetaVariable> variables(head.field_count + kAddedVariables);
  LogRequest request;
  request.head = &head;
  ParseError error;
  CHECK(BuildMetaVariables(head, kind, &arena, variables.data(), &request.variable_count, &error) ==
        ParseStatus::kComplete);
  request.variables = variables.data();
  request.peer = ByteView("192.0.2.7");
  request.forwarded_for = forwarded_for;
  return LineOf(format, request);
}

std::string Http(std::string_view format, const std::string& text, bool forwarded_for = false) {
  const ParsedHttp parsed(text);
  CHECK(parsed.complete());
  return LineOfHead(format, parsed.head, HeadKind::kHttp, forwarded_for);
}

std::string Uwsgi(std::string_view format, const Vars& vars) {
  const ParsedUwsgi parsed(PacketOf(vars));
  CHECK(parsed.complete());
  return LineOfHead(format, parsed.head, HeadKind::kGateway);
}

std::string Refused(std::string_view format, std::string_view line) {
  LogRequest request;
  Guarded guarded(line);
  request.line = guarded.View();
  request.peer = ByteView("192.0.2.7");
  LogResponse response = Ended();
  response.status = 400;
  return LineOf(format, request, response, false);
}

const std::string kRequest =
    Get("User-Agent: curl/8\r\nReferer: http://r/\r\nAuthorization: Basic am9lOnB3\r\nX-Own: v\r\n"
        "X-Forwarded-For: 203.0.113.9\r\nContent-Length: 3\r\n",
        "/a%20b?x=1&y");

}  // namespace

TEST("the named formats") {
  CHECK_EQ(Http("combined", kRequest),
           "192.0.2.7 - joe [27/Nov/2025:02:25:54 +0200] \"GET /a%20b?x=1&y HTTP/1.1\" 200 13 "
           "\"http://r/\" \"curl/8\"");
  CHECK_EQ(Http("common", kRequest),
           "192.0.2.7 - joe [27/Nov/2025:02:25:54 +0200] \"GET /a%20b?x=1&y HTTP/1.1\" 200 13");
  CHECK_EQ(Http("uwsgi", kRequest),
           "[pid: 4711|app: -|req: -/-] 192.0.2.7 (joe) {12 vars in " +
               std::to_string(kRequest.size()) +
               " bytes} [Thu Nov 27 02:25:54 2025] GET /a%20b?x=1&y => generated 13 bytes in 1234 "
               "msecs (HTTP/1.1 200) 4 headers in 120 bytes (1 switches on core 0)");
  CHECK_EQ(Http("json", Get("User-Agent: a\"b\r\ntraceparent: 00-ab\r\n")),
           "{\"time\":\"2025-11-27T00:25:54.000Z\",\"pid\":4711,\"addr\":\"192.0.2.7\","
           "\"user\":null,\"method\":\"GET\",\"uri\":\"/\",\"protocol\":\"HTTP/1.1\","
           "\"status\":200,\"bytes\":13,\"duration_ms\":1234.567,\"aborted\":false,"
           "\"host\":\"a\",\"referer\":null,\"user_agent\":\"a\\\"b\",\"request_id\":null,"
           "\"traceparent\":\"00-ab\"}");
}

TEST("the names of uWSGI") {
  const struct {
    const char* name;
    std::string value;
  } rows[] = {
      {"uri", "/a%20b?x=1&y"},
      {"method", "GET"},
      {"user", "joe"},
      {"addr", "192.0.2.7"},
      {"host", "a"},
      {"proto", "HTTP/1.1"},
      {"uagent", "curl/8"},
      {"referer", "http://r/"},
      {"status", "200"},
      {"rsize", "13"},
      {"hsize", "120"},
      {"size", "133"},
      {"cl", "3"},
      {"micros", "1234567"},
      {"msecs", "1234"},
      {"secs", "1"},
      {"tmsecs", "1764203154000"},
      {"tmicros", "1764203154000123"},
      {"time", "1764203154"},
      {"ltime", "27/Nov/2025:02:25:54 +0200"},
      {"ftime", "27/Nov/2025:02:25:54 +0200"},
      {"ctime", "Thu Nov 27 02:25:54 2025"},
      {"epoch", "1764203156"},
      {"pid", "4711"},
      {"wid", "3"},
      {"switches", "1"},
      {"vars", "12"},
      {"core", "0"},
      {"vsz", "1048576000"},
      {"rss", "52428800"},
      {"vszM", "1000"},
      {"rssM", "50"},
      {"pktsize", std::to_string(kRequest.size())},
      {"modifier1", "0"},
      {"modifier2", "0"},
      {"headers", "4"},
      {"werr", "0"},
      {"rerr", "0"},
      {"ioerr", "0"},
      {"var.HTTP_X_OWN", "v"},
      {"var.REQUEST_METHOD", "GET"},
      {"var.NO_SUCH", "-"},
      {"path", "/a%20b"},
      {"query", "x=1&y"},
  };
  for (const auto& one : rows) {
    Row(one.name);
    CHECK_EQ(Http("%(" + std::string(one.name) + ")", kRequest), one.value);
  }
}

TEST("the letters of gunicorn") {
  const struct {
    const char* name;
    std::string value;
  } rows[] = {
      {"h", "192.0.2.7"},
      {"l", "-"},
      {"u", "joe"},
      {"t", "[27/Nov/2025:02:25:54 +0200]"},
      {"r", "GET /a%20b?x=1&y HTTP/1.1"},
      {"s", "200"},
      {"b", "13"},
      {"B", "13"},
      {"f", "http://r/"},
      {"a", "curl/8"},
      {"D", "1234567"},
      {"L", "1.234567"},
      {"M", "1234"},
      {"T", "1"},
      {"p", "<4711>"},
      {"m", "GET"},
      {"U", "/a%20b"},
      {"q", "x=1&y"},
      {"H", "HTTP/1.1"},
      {"{x-own}i", "v"},
      {"{Content-Length}i", "3"},
      {"{no-such}i", "-"},
      {"{X-ID}o", "a\\x22b"},
      {"{empty}o", "-"},
      {"{no-such}o", "-"},
      {"{QUERY_STRING}e", "x=1&y"},
      {"{HTTP_X_OWN}e", "v"},
  };
  for (const auto& one : rows) {
    Row(one.name);
    CHECK_EQ(Http("%(" + std::string(one.name) + ")s", kRequest), one.value);
  }
}

TEST("atoms of all times in one line, in any order, text between them") {
  CHECK_EQ(
      Http("<%(status)|%(uri)|%({x-id}o)s|%%|%(method)%(D)s%({content-type}o)s%(h)s>", kRequest),
      "<200|/a%20b?x=1&y|a\\x22b|%|GET1234567text/plain192.0.2.7>");
}

TEST(
    "nothing sent is a dash where gunicorn has one, and a response that never began has no "
    "fields") {
  LogRequest request;
  LogResponse response;
  response.status = 499;
  response.aborted = true;
  CHECK_EQ(LineOf("%(b)s %(B)s %({x-id}o)s %(werr) %(status)", request, response, false),
           "- 0 - 1 499");
}

TEST("variables of a packet: the user, the address, a method that was told") {
  const Vars vars = {{"REQUEST_METHOD", "POST"},
                     {"REQUEST_URI", "/p?q"},
                     {"PATH_INFO", "/p"},
                     {"SERVER_PROTOCOL", "HTTP/1.0"},
                     {"REMOTE_ADDR", "198.51.100.1"},
                     {"REMOTE_USER", "eve"},
                     {"HTTP_AUTHORIZATION", "Basic am9lOnB3"},
                     {"CONTENT_LENGTH", "5"}};
  CHECK_EQ(Uwsgi("%(addr) %(user) %(method) %(uri) %(proto) %(cl) %(U)s %(q)s", vars),
           "198.51.100.1 eve POST /p?q HTTP/1.0 5 /p q");
}

TEST("X-Forwarded-For is the address when that is asked for, as it stands") {
  CHECK_EQ(Http("%(h)s", kRequest, true), "203.0.113.9");
  CHECK_EQ(Http("%(h)s", Get("X-Forwarded-For: a, b\r\n"), true), "a,\\x20b");
  CHECK_EQ(Http("%(h)s", Get(""), true), "192.0.2.7");
}

// The parsers let no such bytes pass; the formatter does not rely on that.
TEST("what a client sends cannot look like more than one value") {
  RequestHead head;
  head.method = ByteView("GET");
  head.target = ByteView("/ HTTP/1.1\" 200 0\n127.0.0.1");
  const MetaVariable variables[] = {
      {Key::kServerProtocol, {}, ByteView("HTTP/1.1\x1b[2J")},
      {Key::kRemoteUser, {}, ByteView("a] [b\r\n")},
      {Key::kUserAgent, {}, ByteView("\"\\\xff\x01")},
  };
  LogRequest request;
  request.head = &head;
  request.variables = variables;
  request.variable_count = 3;
  CHECK_EQ(LineOf("%(u)s \"%(r)s\" \"%(a)s\"", request),
           "a]\\x20[b\\x0d\\x0a \"GET /\\x20HTTP/1.1\\x22\\x20200\\x200\\x0a127.0.0.1 "
           "HTTP/1.1\\x1b[2J\" \"\\x22\\x5c\\xff\\x01\"");
  CHECK_EQ(LineOf("{\"a\":\"%(uagent)\",\"r\":\"%(r)s\",\"u\":\"%(user)\"}", request),
           "{\"a\":\"\\\"\\\\\\u00ff\\u0001\",\"r\":\"GET / HTTP/1.1\\\" 200 "
           "0\\u000a127.0.0.1 HTTP/1.1\\u001b[2J\",\"u\":\"a] [b\\u000d\\u000a\"}");
}

TEST("credentials that are none have no user") {
  for (const char* value : {"Basic ", "Basic", "Basic !!", "Bearer am9lOnB3", "basicam9lOnB3"}) {
    Row(value);
    CHECK_EQ(Http("%(u)s", Get("Authorization: " + std::string(value) + "\r\n")), "-");
  }
  CHECK_EQ(Http("%(u)s", Get("Authorization: bAsIc am9lOnB3\r\n")), "joe");
}

TEST("bytes that are no request: their first line") {
  CHECK_EQ(Refused("%(m)s %(U)s %(q)s %(H)s \"%(r)s\" %(s)s", "GET /a?b HTTP/1.1"),
           "GET /a b HTTP/1.1 \"GET /a?b HTTP/1.1\" 400");
  CHECK_EQ(Refused("%(m)s %(uri) %(H)s \"%(r)s\"", std::string_view("\x16\x03\x01\0 x", 6)),
           "- - - \"\\x16\\x03\\x01\\x00 x\"");
  CHECK_EQ(Refused("%(m)s %(uri) %(H)s \"%(r)s\"", "GET /a"), "GET /a - \"GET /a\"");
  CHECK_EQ(Refused("%(m)s %(uri) %(H)s \"%(r)s\"", ""), "- - - \"-\"");
  CHECK_EQ(Refused("%(vars) %(pktsize) %(cl) %(uagent)", "GET"), "0 0 0 -");
}

TEST("long values are written whole") {
  const std::string agent(8000, '"');
  std::string escaped;
  for (size_t i = 0; i < agent.size(); ++i) escaped += "\\x22";
  CHECK_EQ(Http("%(a)s%(a)s", Get("User-Agent: " + agent + "\r\n")), escaped + escaped);
}

TEST("more known variables than there are places for are found by name") {
  const char* const names[] = {"HTTP_ACCEPT",
                               "HTTP_ACCEPT_ENCODING",
                               "HTTP_ACCEPT_LANGUAGE",
                               "HTTP_COOKIE",
                               "HTTP_RANGE",
                               "HTTP_ORIGIN",
                               "HTTP_PRAGMA",
                               "HTTP_TE",
                               "HTTP_VIA",
                               "HTTP_DATE",
                               "HTTP_DNT",
                               "HTTP_PRIORITY",
                               "HTTP_EXPECT",
                               "HTTP_UPGRADE",
                               "HTTP_IF_MATCH",
                               "HTTP_IF_RANGE",
                               "HTTP_SEC_GPC",
                               "HTTP_X_REAL_IP",
                               "HTTP_X_SCHEME",
                               "HTTP_X_API_KEY",
                               "HTTP_FORWARDED",
                               "HTTP_TRACEPARENT",
                               "HTTP_TRACESTATE",
                               "HTTP_IF_NONE_MATCH",
                               "HTTP_CACHE_CONTROL",
                               "HTTP_KEEP_ALIVE",
                               "HTTP_SEC_CH_UA",
                               "HTTP_SEC_FETCH_SITE",
                               "HTTP_SEC_FETCH_MODE",
                               "HTTP_SEC_FETCH_USER"};
  Vars vars;
  std::string format = "%(status)";
  std::string expected = "200";
  for (const char* name : names) {
    vars.push_back({name, std::string("v-") + name});
    format += " %(var." + std::string(name) + ")";
    expected += " v-" + std::string(name);
  }
  CHECK_EQ(Uwsgi(format, vars), expected);
}

TEST("a format that is wrong says why") {
  const struct {
    std::string format, error;
  } rows[] = {
      {"combine", "is combined, common, uwsgi, json, or text with atoms such as %(status)"},
      {"", "is combined, common, uwsgi, json, or text with atoms such as %(status)"},
      {"%(nope)", "has an unknown atom %(nope)"},
      {"%()", "has an unknown atom %()"},
      {"%(var.)", "has an unknown atom %(var.)"},
      {"%(metric.x)", "has an unknown atom %(metric.x)"},
      {"%(h)", "has no s behind %(h)"},
      {"%({a}i)", "has no s behind %({a}i)"},
      {"%({a}x)s", "has an unknown atom %({a}x)"},
      {"%({}i)s", "has an unknown atom %({}i)"},
      {"%({a)s", "has an unknown atom %({a)"},
      {"%(h", "has a % that begins no atom: write %% for the sign itself"},
      {"%h", "has a % that begins no atom: write %% for the sign itself"},
      {"%>s", "has a % that begins no atom: write %% for the sign itself"},
      {"%{a}i", "has a % that begins no atom: write %% for the sign itself"},
      {"100 % of %(uri)%", ""},
      {"%(status)\n", "has a control character in it"},
      {"%(uri)%%", ""},
  };
  for (const auto& one : rows) {
    Row(one.format);
    CHECK_EQ(Error(one.format), one.error);
  }
  std::string many;
  for (size_t i = 0; i < LogFormat::kMaxAtoms; ++i) many += "%(uri)";
  CHECK_EQ(Error(many), "");
  CHECK_EQ(Error(many + "%(uri)"), "has too many atoms");
}

TEST("a clock is read only for formats that ask for it") {
  const struct {
    const char* format;
    bool clock, start, fields, head, memory;
  } rows[] = {
      {"combined", false, false, false, false, false},
      {"uwsgi", true, false, true, false, false},
      {"json", true, true, false, false, false},
      {"%(tmicros)", false, true, false, false, false},
      {"%({a}o)s", false, false, false, true, false},
      {"%(rssM)", false, false, false, false, true},
  };
  for (const auto& one : rows) {
    Row(one.format);
    LogFormat format;
    std::string error;
    CHECK(format.Compile(ByteView(one.format), kConstants, &error));
    CHECK_EQ(format.wants_clock(), one.clock);
    CHECK_EQ(format.wants_start(), one.start);
    CHECK_EQ(format.wants_field_count(), one.fields);
    CHECK_EQ(format.wants_response_fields(), one.head);
    CHECK_EQ(format.wants_memory(), one.memory);
  }
}
