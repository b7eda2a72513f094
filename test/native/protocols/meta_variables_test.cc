#include "protocols/meta_variables.h"

#include <map>
#include <string>

#include "check.h"
#include "protocols/parse.h"
#include "protocols/uwsgi_packet.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

struct Built {
  ParseStatus status = ParseStatus::kIncomplete;
  ParseError error;
  std::map<std::string, std::string> variables;

  bool Has(const std::string& name) const { return variables.count(name) != 0; }
  std::string Get(const std::string& name) const {
    const auto found = variables.find(name);
    return found == variables.end() ? "(absent)" : found->second;
  }
};

Built Build(const RequestHead& head, HeadKind kind, size_t arena_bytes = 1 << 17) {
  Built built;
  GuardedMemory memory(arena_bytes + 1);
  Arena arena(memory.Room(arena_bytes), arena_bytes);
  std::vector<MetaVariable> out(head.field_count + kAddedVariables);
  uint32_t count = 0;
  built.status = BuildMetaVariables(head, kind, &arena, out.data(), &count, &built.error);
  CHECK(count <= out.size());
  if (built.status != ParseStatus::kComplete) return built;
  for (uint32_t i = 0; i < count; ++i) {
    const ByteView name = out[i].key == Key::kNone ? out[i].name : VariableName(out[i].key);
    const bool fresh = built.variables.emplace(Text(name), Text(out[i].value)).second;
    CHECK(fresh);  // a variable never comes twice
  }
  return built;
}

Built BuildHttp(const std::string& text, const Http1Options& options = {}) {
  const ParsedHttp parsed(text, {}, options);
  CHECK(parsed.complete());
  return Build(parsed.head, HeadKind::kHttp);
}

Built BuildUwsgi(const Vars& vars, uint8_t modifier1 = 0) {
  const ParsedUwsgi parsed(PacketOf(vars, modifier1));
  CHECK(parsed.complete());
  return Build(parsed.head, HeadKind::kGateway);
}

}  // namespace

TEST("an HTTP head becomes the meta-variables of RFC 3875, and each comes once") {
  const Built built = BuildHttp(
      "POST /a%20b?x=%20 HTTP/1.1\r\nHost: h:1\r\nContent-Type: t\r\nContent-Length: 3\r\n"
      "X-Some-Thing: v\r\nuser-agent: u\r\n\r\n");
  CHECK_EQ(built.Get("REQUEST_METHOD"), "POST");
  CHECK_EQ(built.Get("PATH_INFO"), "/a b");
  CHECK_EQ(built.Get("QUERY_STRING"), "x=%20");
  CHECK_EQ(built.Get("REQUEST_URI"), "/a%20b?x=%20");
  CHECK_EQ(built.Get("SERVER_PROTOCOL"), "HTTP/1.1");
  CHECK_EQ(built.Get("HTTP_HOST"), "h:1");
  CHECK_EQ(built.Get("CONTENT_TYPE"), "t");
  CHECK_EQ(built.Get("CONTENT_LENGTH"), "3");
  CHECK_EQ(built.Get("HTTP_X_SOME_THING"), "v");
  CHECK_EQ(built.Get("HTTP_USER_AGENT"), "u");
  CHECK(!built.Has("HTTP_CONTENT_TYPE") && !built.Has("HTTP_CONTENT_LENGTH"));
  CHECK_EQ(BuildHttp("GET / HTTP/1.0\r\n\r\n").Get("SERVER_PROTOCOL"), "HTTP/1.0");
}

TEST("repeated fields are joined in order, by a comma, or by a semicolon for Cookie") {
  const Built built = BuildHttp(Get(
      "Cookie: a=1\r\nX-A: 1\r\nAccept: t/1\r\nx-a: 2\r\ncookie: b=2\r\nX-B: x\r\nACCEPT: t/2\r\n"
      "X-A:\r\nX-AB: no\r\n"));
  CHECK_EQ(built.Get("HTTP_COOKIE"), "a=1; b=2");
  CHECK_EQ(built.Get("HTTP_X_A"), "1,2,");
  CHECK_EQ(built.Get("HTTP_ACCEPT"), "t/1,t/2");
  CHECK_EQ(built.Get("HTTP_X_B"), "x");
  CHECK_EQ(built.Get("HTTP_X_AB"), "no");
}

TEST("Proxy never becomes HTTP_PROXY, nor does a variable of that name pass") {
  CHECK(!BuildHttp(Get("Proxy: http://evil/\r\nPROXY: x\r\n")).Has("HTTP_PROXY"));
  CHECK(!BuildUwsgi({{"HTTP_PROXY", "http://evil/"}}).Has("HTTP_PROXY"));
}

TEST("fields that are hidden are left out, and what the front server told replaces Host") {
  ParsedHttp parsed(Get("X-Forwarded-For: 1.2.3.4\r\n"));
  parsed.head.hidden.TestAndSet(Key::kXForwardedFor);
  parsed.head.told.remote = true;
  parsed.head.told.remote_addr = ByteView("5.6.7.8");
  parsed.head.told.http_host = ByteView("real.example");
  parsed.head.told.server_name = ByteView("real.example");
  parsed.head.told.server_port = ByteView("443");
  const Built built = Build(parsed.head, HeadKind::kHttp);
  CHECK(!built.Has("HTTP_X_FORWARDED_FOR"));
  CHECK_EQ(built.Get("REMOTE_ADDR"), "5.6.7.8");
  CHECK_EQ(built.Get("REMOTE_PORT"), "");
  CHECK_EQ(built.Get("HTTP_HOST"), "real.example");
  CHECK_EQ(built.Get("SERVER_NAME"), "real.example");
  CHECK_EQ(built.Get("SERVER_PORT"), "443");
}

TEST("a path that does not decode, or decodes to NUL, is 400") {
  for (std::string_view target : {"/%", "/%4", "/%zz", "/%00", "/a%2", "http://h/%0"}) {
    const ParsedHttp parsed(Get("", target));
    Row(target);
    CHECK(parsed.complete());
    const Built built = Build(parsed.head, HeadKind::kHttp);
    CHECK(built.status == ParseStatus::kInvalid && built.error.status == 400);
  }
  CHECK_EQ(BuildHttp(Get("", "/?%zz%00")).Get("QUERY_STRING"), "%zz%00");
  CHECK_EQ(BuildHttp(Get("", "http://h")).Get("PATH_INFO"), "/");
}

TEST("an arena that is too small gives kIncomplete, and the same call with a larger one succeeds") {
  const ParsedHttp parsed(
      Get("X-A: 1\r\nX-A: 2\r\nX-Name: v\r\nCookie: a\r\nCookie: b\r\n", "/%41%42"));
  size_t needed = 0;
  while (Build(parsed.head, HeadKind::kHttp, needed).status == ParseStatus::kIncomplete) ++needed;
  CHECK(needed > 10 && needed < 200);
  CHECK_EQ(Build(parsed.head, HeadKind::kHttp, needed).Get("PATH_INFO"), "/AB");
}

TEST("a head of repeated fields only costs no more arena than twice its size") {
  std::string lines;
  for (int i = 0; i < 90; ++i) lines += "A: \r\n";
  const std::string text = Get(lines, "/%41");
  const ParsedHttp parsed(text);
  CHECK(parsed.complete());
  CHECK(Build(parsed.head, HeadKind::kHttp, 2 * text.size()).status == ParseStatus::kComplete);
}

TEST("variables of a packet stay what they are; one that comes twice has its last value") {
  const Built built = BuildUwsgi({{"REQUEST_METHOD", "PUT"},
                                  {"PATH_INFO", "/a%20b"},
                                  {"HTTP_X", "1"},
                                  {"HTTP_X", "2"},
                                  {"HTTP_HOST", "a"},
                                  {"HTTP_HOST", "b"},
                                  {"custom", "\xff"},
                                  {"UWSGI_FILE", "/tmp/evil.py"}});
  CHECK_EQ(built.Get("PATH_INFO"), "/a%20b");  // decoded by the front server already
  CHECK_EQ(built.Get("HTTP_X"), "2");
  CHECK_EQ(built.Get("HTTP_HOST"), "b");
  CHECK_EQ(built.Get("custom"), "\xff");
  CHECK_EQ(built.Get("REQUEST_METHOD"), "PUT");
  CHECK_EQ(built.Get("UWSGI_FILE"), "/tmp/evil.py");
}

TEST("no variable can pose as one of the gateway's own, or as a framing field") {
  const Built built = BuildUwsgi({{"wsgi.input", "x"},
                                  {"wsgi.url_scheme", "x"},
                                  {"HTTP_CONTENT_LENGTH", "9"},
                                  {"HTTP_CONTENT_TYPE", "t"},
                                  {"QUERY_STRING", "a"},
                                  {"QUERY_STRING", "b"}});
  CHECK(!built.Has("wsgi.input") && !built.Has("wsgi.url_scheme"));
  CHECK(!built.Has("HTTP_CONTENT_LENGTH") && !built.Has("HTTP_CONTENT_TYPE"));
  CHECK_EQ(built.Get("QUERY_STRING"), "b");
}

TEST("a packet without method, path or protocol has the defaults; a path from the URI is decoded") {
  const Built built = BuildUwsgi({{"REQUEST_URI", "/%41?q"}});
  CHECK_EQ(built.Get("REQUEST_METHOD"), "GET");
  CHECK_EQ(built.Get("SERVER_PROTOCOL"), "HTTP/1.1");
  CHECK_EQ(built.Get("PATH_INFO"), "/A");
  CHECK_EQ(built.Get("QUERY_STRING"), "q");
  const ParsedUwsgi broken(PacketOf({{"REQUEST_URI", "/%zz"}}));
  CHECK(Build(broken.head, HeadKind::kGateway).status == ParseStatus::kInvalid);
}

TEST("modifier1 30 takes SCRIPT_NAME off the front of PATH_INFO, if it is there") {
  const struct {
    std::string script;
    std::string path;
    std::string left;
  } rows[] = {
      {"/app", "/app/x", "/x"}, {"/app", "/app", ""},      {"/app", "/other", "/other"},
      {"", "/x", "/x"},         {"/appx", "/app", "/app"},
  };
  for (const auto& one : rows) {
    Row(one.script + " " + one.path);
    const Vars vars = {{"SCRIPT_NAME", one.script}, {"PATH_INFO", one.path}};
    CHECK_EQ(BuildUwsgi(vars, 30).Get("PATH_INFO"), one.left);
    CHECK_EQ(BuildUwsgi(vars, 0).Get("PATH_INFO"), one.path);
  }
}
