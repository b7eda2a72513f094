#include "protocols/body_framing.h"

#include <string>

#include "check.h"
#include "protocols/parse.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

struct HttpRow {
  std::string_view lines;
  int refused;  // 0: accepted
  BodyFraming framing;
  uint64_t length;
};

constexpr HttpRow kHttpRows[] = {
    {"", 0, BodyFraming::kNone, 0},
    {"Content-Length: 0\r\n", 0, BodyFraming::kNone, 0},
    {"Content-Length: 5\r\n", 0, BodyFraming::kLength, 5},
    {"Content-Length: 9223372036854775807\r\n", 0, BodyFraming::kLength, INT64_MAX},
    {"Content-Length: 9223372036854775808\r\n", 400, {}, 0},
    {"Content-Length: \r\n", 400, {}, 0},
    {"Content-Length: +5\r\n", 400, {}, 0},
    {"Content-Length: 5,5\r\n", 400, {}, 0},
    {"Content-Length: 5, 5\r\n", 400, {}, 0},
    {"Content-Length: 5 5\r\n", 400, {}, 0},
    {"Content-Length: 0x5\r\n", 400, {}, 0},
    {"Content-Length: 5\r\nContent-Length: 5\r\n", 400, {}, 0},
    {"Content-Length: 5\r\ncontent-length: 6\r\n", 400, {}, 0},
    {"Transfer-Encoding: chunked\r\n", 0, BodyFraming::kChunked, 0},
    {"Transfer-Encoding: CHUNKED\t\r\n", 0, BodyFraming::kChunked, 0},
    {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400, {}, 0},
    {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400, {}, 0},
    {"Content-Length: 5\r\nTransfer-Encoding: identity\r\n", 400, {}, 0},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400, {}, 0},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400, {}, 0},
    {"Transfer-Encoding: \r\n", 400, {}, 0},
    {"Transfer-Encoding: identity\r\n", 501, {}, 0},
    {"Transfer-Encoding: gzip, chunked\r\n", 501, {}, 0},
    {"Transfer-Encoding: chunked, chunked\r\n", 501, {}, 0},
    {"Transfer-Encoding: ,chunked\r\n", 501, {}, 0},
    {"Transfer-Encoding: chunked;q=1\r\n", 501, {}, 0},
    {"Transfer-Encoding: \"chunked\"\r\n", 501, {}, 0},
    {"Transfer-Encoding: xchunked\r\n", 501, {}, 0},
    {"Transfer-Encoding: chunked\v\r\n", 400, {}, 0},
};

}  // namespace

TEST("an HTTP body has one length of digits, or is chunked exactly once, or is not there") {
  for (const HttpRow& row : kHttpRows) {
    Row(row.lines);
    const ParsedHttp parsed(Get(row.lines));
    CHECK_EQ(parsed.refused(), row.refused);
    CHECK_EQ(parsed.complete(), row.refused == 0);
    if (row.refused != 0) continue;
    CHECK_EQ(parsed.head.framing, row.framing);
    if (row.framing == BodyFraming::kLength) CHECK_EQ(parsed.head.content_length, row.length);
  }
}

TEST("HTTP/1.0 has no Transfer-Encoding") {
  CHECK_EQ(ParsedHttp("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").refused(), 400);
  CHECK_EQ(ParsedHttp("POST / HTTP/1.0\r\nTransfer-Encoding: x\r\n\r\n").refused(), 400);
}

TEST("a body at the limit is taken, one byte more is 413; 0 is no limit") {
  Limits limits;
  limits.max_body_bytes = 10;
  CHECK(ParsedHttp(Get("Content-Length: 10\r\n"), limits).complete());
  CHECK_EQ(ParsedHttp(Get("Content-Length: 11\r\n"), limits).refused(), 413);
  limits.max_body_bytes = 0;
  CHECK(ParsedHttp(Get("Content-Length: 11\r\n"), limits).complete());
}

TEST("the body of a gateway request has the length CONTENT_LENGTH, and never chunks") {
  const struct {
    std::string_view first;
    std::string_view second;
    bool chunked;
    int refused;
    uint64_t length;
  } rows[] = {
      {"5", "5", false, 0, 5},       {"5", "6", false, 400, 0},   {"", "", false, 0, 0},
      {"0", "0", false, 0, 0},       {"", "", true, 411, 0},      {"5", "5", true, 0, 5},
      {"-1", "-1", false, 400, 0},   {"5 ", "5 ", false, 400, 0}, {"101", "101", false, 413, 0},
      {"100", "100", false, 0, 100},
  };
  Limits limits;
  limits.max_body_bytes = 100;
  for (const auto& one : rows) {
    Row(std::string(one.first) + "|" + std::string(one.second));
    Field fields[3] = {
        {ByteView("CONTENT_LENGTH"), Bytes(one.first), Key::kContentLength},
        {ByteView("CONTENT_LENGTH"), Bytes(one.second), Key::kContentLength},
        {ByteView("HTTP_TRANSFER_ENCODING"), ByteView("chunked"), Key::kTransferEncoding}};
    RequestHead head;
    head.fields = fields;
    head.field_capacity = 3;
    head.field_count = one.chunked ? 3 : 2;
    head.keys.TestAndSet(Key::kContentLength);
    if (one.chunked) head.keys.TestAndSet(Key::kTransferEncoding);
    ParseError error;
    const ParseStatus status = DecideGatewayBody(limits, &head, &error);
    CHECK_EQ(status == ParseStatus::kComplete, one.refused == 0);
    if (one.refused != 0) {
      CHECK_EQ(error.status, one.refused);
      continue;
    }
    CHECK_EQ(head.framing, one.length == 0 ? BodyFraming::kNone : BodyFraming::kLength);
    CHECK_EQ(head.content_length, one.length);
  }
}
