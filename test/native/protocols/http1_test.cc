// The request line, the fields and the limits. What frames a body: body_framing_test.cc; how heads
// come in pieces: http1_split_test.cc; what other servers got wrong: corpus/.
#include "protocols/http1.h"

#include <string>

#include "check.h"
#include "protocols/parse.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

constexpr int kPending = -1;

int Outcome(const Parsed& parsed) {
  return parsed.status == ParseStatus::kIncomplete ? kPending : parsed.refused();
}

struct LineRow {
  std::string_view line;
  int outcome;  // 0: complete
};

std::string Repeat(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

}  // namespace

TEST("a request line is method SP target SP HTTP/1.x CRLF, with single spaces") {
  const LineRow rows[] = {
      {"GET / HTTP/1.1\r\n", 0},
      {"GET / HTTP/1.0\r\n", 0},
      {"GET / HTTP/1.9\r\n", 0},
      {"M-SEARCH / HTTP/1.1\r\n", 0},
      {"get / HTTP/1.1\r\n", 0},
      {"!#$%&'*+-.^_`|~9 / HTTP/1.1\r\n", 0},
      {" GET / HTTP/1.1\r\n", 400},
      {"GET  / HTTP/1.1\r\n", 400},
      {"GET /  HTTP/1.1\r\n", 400},
      {"GET / HTTP/1.1 \r\n", 400},
      {"GET\t/ HTTP/1.1\r\n", 400},
      {"GET /\tHTTP/1.1\r\n", 400},
      {"GET / HTTP/1.1\n", 400},
      {"GET / HTTP/1.1\r\r\n", 400},
      {"GET / http/1.1\r\n", 400},
      {"GET / HTTP/1\r\n", 400},
      {"GET / HTTP/1.10\r\n", 400},
      {"GET / HTTP/11.1\r\n", 400},
      {"GET / HTTP/+1.1\r\n", 400},
      {"GET / HTTPS/1.1\r\n", 400},
      {"GET / HTTP/2.0\r\n", 505},
      {"GET / HTTP/0.9\r\n", 505},
      {"PRI * HTTP/2.0\r\n", 505},
      {"GET /\r\n", 400},
      {"GET\r\n", 400},
      {"G(T / HTTP/1.1\r\n", 400},
      {"G\x80T / HTTP/1.1\r\n", 400},
      {"\x16\x03\x01", 400},
      {"GET / HTTP/1.1\r\v", 400},
      {"\n", 400},
      {"\v", 400},
      {"CONNECT a:443 HTTP/1.1\r\n", 501},
      {std::string_view("G\0T / HTTP/1.1\r\n", 16), 400},
  };
  for (const LineRow& row : rows) {
    Row(row.line);
    CHECK_EQ(
        Outcome(ParsedHttp(std::string(row.line) + (row.outcome == 0 ? "Host: a\r\n\r\n" : ""))),
        row.outcome);
  }
}

TEST("the minor version is 0 or else read as 1") {
  CHECK_EQ(ParsedHttp("GET / HTTP/1.0\r\n\r\n").head.version_minor, 0);
  CHECK_EQ(ParsedHttp("GET / HTTP/1.1\r\nHost: a\r\n\r\n").head.version_minor, 1);
  CHECK_EQ(ParsedHttp("GET / HTTP/1.7\r\nHost: a\r\n\r\n").head.version_minor, 1);
}

TEST(
    "a target is a path, an http URI, or '*' for OPTIONS; it holds visible ASCII and no fragment") {
  const struct {
    std::string_view method;
    std::string_view target;
    int outcome;
    std::string_view path;
    std::string_view query;
  } rows[] = {
      {"GET", "/", 0, "/", ""},
      {"GET", "//", 0, "//", ""},
      {"GET", "/../a/./b", 0, "/../a/./b", ""},
      {"GET", "/a?b?c", 0, "/a", "b?c"},
      {"GET", "/?", 0, "/", ""},
      {"GET", "/a%2", 0, "/a%2", ""},
      {"OPTIONS", "*", 0, "*", ""},
      {"GET", "*", 400, "", ""},
      {"OPTIONS", "**", 400, "", ""},
      {"GET", "http://h/p?q", 0, "/p", "q"},
      {"GET", "HTTPS://h:1/", 0, "/", ""},
      {"GET", "http://h", 0, "/", ""},
      {"GET", "http://h?q", 0, "/", "q"},
      {"GET", "http://", 400, "", ""},
      {"GET", "http:///p", 400, "", ""},
      {"GET", "http://u@h/", 400, "", ""},
      {"GET", "http://u:p@h/", 400, "", ""},
      {"GET", "http://h:99999/", 400, "", ""},
      {"GET", "http:/h/", 400, "", ""},
      {"GET", "ftp://h/", 400, "", ""},
      {"GET", "ws://h/", 400, "", ""},
      {"GET", "://h/", 400, "", ""},
      {"GET", "index.html", 400, "", ""},
      {"GET", "?q", 400, "", ""},
      {"GET", "h:80", 400, "", ""},
      {"GET", "/a#b", 400, "", ""},
      {"GET", "/a\x7f", 400, "", ""},
      {"GET", "/a\x80", 400, "", ""},
      {"GET", "/a\xff", 400, "", ""},
      {"GET", std::string_view("/a\0", 3), 400, "", ""},
  };
  for (const auto& one : rows) {
    Row(one.target);
    const ParsedHttp parsed(std::string(one.method) + " " + std::string(one.target) +
                            " HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK_EQ(Outcome(parsed), one.outcome);
    if (!parsed.complete()) continue;
    CHECK_TEXT(parsed.head.target, one.target);
    CHECK_TEXT(parsed.head.path, one.path);
    CHECK_TEXT(parsed.head.query, one.query);
    CHECK_EQ(parsed.head.path_has_escape, one.path.find('%') != one.path.npos);
  }
}

TEST("an absolute-form target names the server, whatever Host says; HTTP_HOST stays as sent") {
  const ParsedHttp plain("GET http://h.example/ HTTP/1.1\r\nHost: other:81\r\n\r\n");
  CHECK_TEXT(plain.head.authority, "h.example");
  CHECK_TEXT(plain.head.told.server_name, "h.example");
  CHECK_TEXT(plain.head.told.server_port, "80");
  CHECK_TEXT(plain.Value(Key::kHost), "other:81");
  const ParsedHttp tls("GET https://h.example HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK_TEXT(tls.head.told.server_port, "443");
  const ParsedHttp port("GET http://[::1]:8080/x HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK_TEXT(port.head.told.server_name, "[::1]");
  CHECK_TEXT(port.head.told.server_port, "8080");
}

TEST("bytes above ASCII are taken in a target only with obs_target") {
  Http1Options options;
  options.obs_target = true;
  for (std::string_view target :
       {"/\x80", "/\xff", "/caf\xc3\xa9?\xe4\xb8\xad", "/aaaaaaaaaaaaaaaaaaaa\x80z"}) {
    Row(target);
    const ParsedHttp parsed(Get("", target), {}, options);
    CHECK(parsed.complete());
    CHECK_TEXT(parsed.head.target, target);
  }
  CHECK_EQ(Outcome(ParsedHttp(Get("", "/\x80\x7f"), {}, options)), 400);
  CHECK_EQ(Outcome(ParsedHttp(Get("", "/\x80#"), {}, options)), 400);
}

TEST("a field is name ':' value; white space is trimmed around the value and nowhere else") {
  const struct {
    std::string_view lines;
    int outcome;
    std::string_view name;
    std::string_view value;
  } rows[] = {
      {"X:1\r\n", 0, "X", "1"},
      {"X: \t 1 \t \r\n", 0, "X", "1"},
      {"X:\r\n", 0, "X", ""},
      {"X:    \r\n", 0, "X", ""},
      {"X: a b\tc\r\n", 0, "X", "a b\tc"},
      {"X: :\r\n", 0, "X", ":"},
      {"X: \x80\xff\x85\r\n", 0, "X", "\x80\xff\x85"},
      {"!#$%&'*+-.^`|~: v\r\n", 0, "!#$%&'*+-.^`|~", "v"},
      {"X : 1\r\n", 400, "", ""},
      {"X\t: 1\r\n", 400, "", ""},
      {" X: 1\r\n", 400, "", ""},
      {"\tX: 1\r\n", 400, "", ""},
      {": 1\r\n", 400, "", ""},
      {"X\r\n", 400, "", ""},
      {"X 1\r\n", 400, "", ""},
      {"X(: 1\r\n", 400, "", ""},
      {"X\x80: 1\r\n", 400, "", ""},
      {"X: 1\n", 400, "", ""},
      {"X: 1\rY: 2\r\n", 400, "", ""},
      {"X: 1\r\r\n", 400, "", ""},
      {"X: a\vb\r\n", 400, "", ""},
      {"X: a\x7f\r\n", 400, "", ""},
      {"X: a\x1f\r\n", 400, "", ""},
      {"X: 1\r\n 2\r\n", 400, "", ""},
      {std::string_view("X: \0\r\n", 6), 400, "", ""},
      {std::string_view("X\0: 1\r\n", 7), 400, "", ""},
  };
  for (const auto& one : rows) {
    Row(one.lines);
    const ParsedHttp parsed(Get(one.lines));
    CHECK_EQ(Outcome(parsed), one.outcome);
    if (!parsed.complete()) continue;
    CHECK_EQ(parsed.head.field_count, 2u);
    CHECK_TEXT(parsed.fields[1].name, one.name);
    CHECK_TEXT(parsed.fields[1].value, one.value);
  }
}

TEST("names with an underscore are dropped, or refused if it was asked for") {
  const ParsedHttp dropped(Get("X_User: evil\r\nContent_Length: 5\r\nX-User: good\r\n"));
  CHECK(dropped.complete());
  CHECK_EQ(dropped.head.field_count, 2u);
  CHECK_EQ(dropped.head.framing, BodyFraming::kNone);
  Http1Options refuse;
  refuse.header_map = HeaderMap::kRefuse;
  CHECK_EQ(Outcome(ParsedHttp(Get("X_User: evil\r\n"), {}, refuse)), 400);
}

TEST("Host comes exactly once in HTTP/1.1 and is an authority; HTTP/1.0 may have none") {
  const LineRow rows[] = {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.0\r\n\r\n", 0},
      {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
      {"GET / HTTP/1.0\r\nHost: [::1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nContent-Type: a\r\nHost: a\r\nContent-Type: a\r\n\r\n", 400},
  };
  for (const LineRow& row : rows) {
    Row(row.line);
    CHECK_EQ(Outcome(ParsedHttp(row.line)), row.outcome);
  }
}

TEST("a connection persists by version and by the tokens of Connection; close wins") {
  const struct {
    std::string_view version;
    std::string_view connection;
    bool persists;
  } rows[] = {
      {"1.1", "", true},
      {"1.1", "close", false},
      {"1.1", "CLOSE", false},
      {"1.1", "keep-alive", true},
      {"1.1", "x, close", false},
      {"1.1", "close,keep-alive", false},
      {"1.1", "keep-alive\r\nConnection: close", false},
      {"1.1", "closed", true},
      {"1.1", "\"close\"", true},
      {"1.1", ",,close ,", false},
      {"1.0", "", false},
      {"1.0", "keep-alive", true},
      {"1.0", "Keep-Alive", true},
      {"1.0", "te, keep-alive", true},
      {"1.0", "keep-alive, close", false},
      {"1.0", "keep-alive2", false},
  };
  for (const auto& one : rows) {
    std::string text = "GET / HTTP/" + std::string(one.version) + "\r\nHost: a\r\n";
    if (!one.connection.empty()) text += "Connection: " + std::string(one.connection) + "\r\n";
    Row(text);
    CHECK_EQ(ParsedHttp(text + "\r\n").head.keep_alive, one.persists);
  }
  CHECK(!ParsedHttp("GET / HTTP/1.0\r\nKeep-Alive: 300\r\nProxy-Connection: keep-alive\r\n\r\n")
             .head.keep_alive);
}

TEST("Expect knows 100-continue, of a 1.1 request that has a body; anything else is 417") {
  CHECK(ParsedHttp(Get("Expect: 100-Continue\r\nContent-Length: 1\r\n")).head.expect_continue);
  CHECK(ParsedHttp(Get("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"))
            .head.expect_continue);
  CHECK(!ParsedHttp(Get("Expect: 100-continue\r\n")).head.expect_continue);
  CHECK(!ParsedHttp(Get("Expect: 100-continue\r\nContent-Length: 0\r\n")).head.expect_continue);
  CHECK_EQ(Outcome(ParsedHttp(Get("Expect: 200-ok\r\n"))), 417);
  CHECK_EQ(Outcome(ParsedHttp(Get("Expect: 100-continue, x\r\n"))), 417);
  const ParsedHttp old("POST / HTTP/1.0\r\nExpect: whatever\r\nContent-Length: 1\r\n\r\n");
  CHECK(old.complete() && !old.head.expect_continue);
}

TEST("a few empty lines before a request are skipped, more than the limit are not") {
  Limits limits;
  limits.max_empty_lines = 3;
  for (size_t lines = 0; lines <= 5; ++lines) {
    Row(std::to_string(lines));
    const std::string text = Repeat("\r\n", lines) + Get("");
    const ParsedHttp parsed(text, limits);
    CHECK_EQ(Outcome(parsed), lines <= 3 ? 0 : 400);
    if (parsed.complete()) CHECK_EQ(parsed.head.consumed, text.size());
  }
  CHECK_EQ(Outcome(ParsedHttp("\rGET / HTTP/1.1\r\n")), 400);
}

TEST("bytes behind the empty line are not consumed") {
  const std::string first = Get("X: 1\r\n");
  const ParsedHttp parsed(first + "GET /2");
  CHECK(parsed.complete());
  CHECK_EQ(parsed.head.consumed, first.size());
}

TEST("a space before the colon is tolerated only with strip_header_spaces") {
  Http1Options options;
  options.strip_header_spaces = true;
  const ParsedHttp parsed(Get("X \t: 1\r\n"), {}, options);
  CHECK(parsed.complete());
  CHECK_TEXT(parsed.fields[1].name, "X");
  CHECK_EQ(Outcome(ParsedHttp(Get("X y: 1\r\n"), {}, options)), 400);
  CHECK_EQ(Outcome(ParsedHttp(Get(" : 1\r\n"), {}, options)), 400);
}

TEST("a fold becomes one space with permit_obs_fold, but not in a field that frames or routes") {
  Http1Options options;
  options.permit_obs_fold = true;
  const struct {
    std::string_view lines;
    std::string_view value;
  } rows[] = {
      {"X: a\r\n b\r\n", "a b"}, {"X: a \t\r\n \t b\r\n", "a b"},    {"X:\r\n b\r\n", "b"},
      {"X: a\r\n \r\n", "a"},    {"X: a\r\n b\r\n\tc\r\n", "a b c"}, {"X: a\r\n \r\n b\r\n", "a b"},
  };
  for (const auto& one : rows) {
    Row(one.lines);
    const ParsedHttp parsed(Get(one.lines), {}, options);
    CHECK(parsed.complete());
    CHECK_TEXT(parsed.fields[1].value, one.value);
  }
  for (std::string_view lines : {"Content-Length:\r\n 5\r\n", "Transfer-Encoding:\r\n chunked\r\n",
                                 "Connection:\r\n close\r\n", "Expect:\r\n 100-continue\r\n"}) {
    Row(lines);
    CHECK_EQ(Outcome(ParsedHttp(Get(lines), {}, options)), 400);
  }
  CHECK_EQ(Outcome(ParsedHttp("GET / HTTP/1.1\r\n X: a\r\n\r\n", {}, options)), 400);
}
