// Heads in pieces, and heads at their limits: what a prefix says must never be taken back.
#include <string>

#include "check.h"
#include "protocols/http1.h"
#include "protocols/parse.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

// Parses each prefix of `text`: incomplete up to the last byte of a head that is accepted; once
// refused, refused for good.
void CheckPrefixes(const std::string& text, const Limits& limits, const Http1Options& options) {
  const ParsedHttp whole(text, limits, options);
  for (size_t size = 0; size < text.size(); ++size) {
    const ParsedHttp prefix(std::string_view(text).substr(0, size), limits, options);
    Row(std::to_string(size) + " bytes of " + text);
    CHECK(!prefix.complete() || (whole.complete() && whole.head.consumed <= size));
    if (prefix.status == ParseStatus::kInvalid) CHECK(whole.status == ParseStatus::kInvalid);
  }
}

std::string LineOf(size_t size) {
  const std::string fixed = "GET / HTTP/1.1";
  return "GET /" + std::string(size - fixed.size(), 'a') + " HTTP/1.1\r\n";
}

std::string FieldOf(size_t size) {
  return "X: " + std::string(size - 3, 'v') + "\r\n";
}

}  // namespace

TEST("no prefix of a head is complete, and none is refused unless the head is") {
  Http1Options lenient;
  lenient.permit_obs_fold = lenient.strip_header_spaces = lenient.obs_target = true;
  for (const std::string& text :
       {Get("X: 1\r\nContent-Length: 5\r\n"), "\r\n\r\n" + Get(""), Get("", "http://h:80/p?q"),
        Get("X: a\r\n b\r\n"), Get("X : a\r\n"), Get("Host: b\r\n"), Get("Expect: x\r\n"),
        std::string("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        std::string("GET / HTTP/2.0\r\n\r\n"),
        std::string("GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n")}) {
    CheckPrefixes(text, {}, {});
    CheckPrefixes(text, {}, lenient);
  }
}

TEST("a request line at the limit is taken, one byte more is 414, however it is cut") {
  Limits limits;
  limits.max_request_line_bytes = 40;
  for (size_t size : {39, 40, 41, 42, 80}) {
    const std::string text = LineOf(size) + "Host: a\r\n\r\n";
    Row(std::to_string(size));
    CHECK_EQ(ParsedHttp(text, limits).refused(), size <= 40 ? 0 : 414);
    CheckPrefixes(text, limits, {});
  }
  // Found without its end, so that nobody has to wait for one.
  CHECK_EQ(ParsedHttp("GET /" + std::string(36, 'a'), limits).refused(), 414);
}

TEST("a field line at the limit is taken, one byte more is 431, however it is cut") {
  Limits limits;
  limits.max_field_bytes = 30;
  Http1Options folds;
  folds.permit_obs_fold = true;
  // Its CRLF counts: so gunicorn does it, whose cases of 8190 and 8192 bytes are in the corpus.
  for (size_t size : {27, 28, 29, 30, 60}) {
    const std::string text = Get(FieldOf(size));
    Row(std::to_string(size));
    CHECK_EQ(ParsedHttp(text, limits).refused(), size + 2 <= 30 ? 0 : 431);
    CheckPrefixes(text, limits, {});
    CheckPrefixes(text, limits, folds);
  }
  CHECK_EQ(ParsedHttp("GET / HTTP/1.1\r\nX: " + std::string(28, 'a'), limits).refused(), 431);
  CHECK_EQ(ParsedHttp("GET / HTTP/1.1\r\n" + std::string(31, 'a'), limits).refused(), 431);
}

TEST("a head at the limit is taken, one byte more is 431, however it is cut") {
  const std::string text = Get("X: 1\r\n");
  for (size_t limit : {text.size() - 1, text.size(), text.size() + 1}) {
    Limits limits;
    limits.max_head_bytes = static_cast<uint32_t>(limit);
    Row(std::to_string(limit));
    CHECK_EQ(ParsedHttp(text, limits).refused(), limit >= text.size() ? 0 : 431);
    CHECK_EQ(ParsedHttp(text + "POST / HTTP/1.1\r\n", limits).refused(),
             limit >= text.size() ? 0 : 431);
    CheckPrefixes(text, limits, {});
  }
}

TEST("as many fields as the limit are taken, one more is 431, dropped names count too") {
  Limits limits;
  limits.max_fields = 4;
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  CHECK(ParsedHttp(head + "A: 1\r\nB: 1\r\nC: 1\r\n\r\n", limits).complete());
  CHECK_EQ(ParsedHttp(head + "A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n", limits).refused(), 431);
  CHECK_EQ(ParsedHttp(head + "A_: 1\r\nB_: 1\r\nC_: 1\r\nD_: 1\r\n\r\n", limits).refused(), 431);
}

TEST("a method at the limit is taken, a longer one is 501; without an end it is a long line") {
  Limits limits;
  limits.max_method_bytes = 8;
  limits.max_request_line_bytes = 40;
  CHECK(ParsedHttp("ABCDEFGH / HTTP/1.1\r\nHost: a\r\n\r\n", limits).complete());
  CHECK_EQ(ParsedHttp("ABCDEFGHI ", limits).refused(), 501);
  CHECK_EQ(ParsedHttp(std::string(41, 'A'), limits).refused(), 414);
  CHECK_EQ(ParsedHttp("ABCDEFGHI / HTTP/1.1\r\nHost: a\r\n\r\n", limits).refused(), 501);
  CHECK(ParsedHttp("ABCDEFGHI", limits).status == ParseStatus::kIncomplete);
}

TEST("a head that was parsed can be parsed again: its bytes say the same, folds included") {
  Http1Options options;
  options.permit_obs_fold = true;
  for (std::string_view lines :
       {"X: a\r\n b\r\nY: 1\r\n", "X: a \r\n\t\t b\r\n c\r\n", "X:\r\n \r\n a\r\n"}) {
    ParsedHttp parsed(Get(lines), {}, options);
    Row(lines);
    CHECK(parsed.complete());
    const std::string value(Text(parsed.fields[1].value));
    const uint32_t count = parsed.head.field_count;
    CHECK(ParseHttp1Head(parsed.bytes.data(), parsed.bytes.size(), {}, options, &parsed.head,
                         &parsed.error) == ParseStatus::kComplete);
    CHECK_TEXT(parsed.fields[1].value, value);
    CHECK_EQ(parsed.head.field_count, count);
    CHECK_EQ(parsed.head.consumed, parsed.bytes.size());
  }
}

TEST("bytes are written to only with permit_obs_fold") {
  const std::string text = Get("X: a \r\nY_: 1\r\nContent-Length: 3\r\n", "http://h/%41");
  ParsedHttp parsed(text);
  CHECK(Text(parsed.bytes.View()) == text);
}
