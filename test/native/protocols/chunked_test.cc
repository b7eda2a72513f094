#include "protocols/chunked.h"

#include <string>
#include <vector>

#include "check.h"
#include "guard_page.h"
#include "protocols/http1_response.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

struct Decoded {
  ParseStatus status = ParseStatus::kIncomplete;
  ParseError error;
  std::string body;
  std::string trailers;
  std::string rest;  // what was not consumed

  int refused() const { return status == ParseStatus::kInvalid ? error.status : 0; }
};

// Feeds `text` in pieces of `step` bytes, what is unconsumed in front of the next piece.
Decoded Decode(std::string_view text, size_t step, const Limits& limits = {}) {
  ChunkedDecoder decoder;
  GuardedMemory memory(text.size() + 1);
  Decoded out;
  ByteView carry;
  for (size_t at = 0; at < text.size() && out.status == ParseStatus::kIncomplete; at += step) {
    ByteView in = memory.Place(carry, Bytes(text.substr(at, step)));
    for (;;) {
      size_t consumed;
      ByteView data;
      out.status = decoder.Feed(in, limits, &consumed, &data, &out.error);
      CHECK(consumed <= in.size);
      CHECK(data.empty() || (data.begin() >= in.begin() && data.end() <= in.end()));
      if (out.status == ParseStatus::kInvalid) return out;
      out.body += Text(data);
      in = in.From(consumed);
      if (consumed == 0 || out.status == ParseStatus::kComplete) break;
    }
    carry = in;
    out.rest = std::string(Text(in)) + std::string(text.substr(std::min(text.size(), at + step)));
  }
  out.trailers = Text(decoder.trailers());
  return out;
}

struct BodyRow {
  std::string_view text;
  int refused;  // 0: whole
  std::string_view body;
  std::string_view trailers;
};

void CheckRows(const std::vector<BodyRow>& rows, const Limits& limits = {}) {
  for (const BodyRow& row : rows) {
    for (size_t step : {row.text.size(), size_t{1}, size_t{2}, size_t{3}, size_t{7}}) {
      const Decoded decoded = Decode(row.text, step, limits);
      Row(std::to_string(step) + " bytes at a time: " + std::string(row.text));
      CHECK_EQ(decoded.refused(), row.refused);
      if (row.refused != 0) continue;
      CHECK(decoded.status == ParseStatus::kComplete);
      CHECK(decoded.body == row.body);
      CHECK(decoded.trailers == row.trailers);
      CHECK(decoded.rest.empty());
    }
  }
}

}  // namespace

TEST("a chunked body is chunks, a last chunk, and trailers") {
  CheckRows({
      {"0\r\n\r\n", 0, "", ""},
      {"000\r\n\r\n", 0, "", ""},
      {"5\r\nhello\r\n0\r\n\r\n", 0, "hello", ""},
      {"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", 0, "hello!", ""},
      {"A\r\n0123456789\r\n0\r\n\r\n", 0, "0123456789", ""},
      {"a\r\n0123456789\r\n0\r\n\r\n", 0, "0123456789", ""},
      {"0000000000000005\r\nhello\r\n0\r\n\r\n", 0, "hello", ""},
      {"2\r\n\r\n\r\n0\r\n\r\n", 0, "\r\n", ""},
      {"5\r\nhello\r\n0\r\nX-Sum: 1 \r\n\r\n", 0, "hello", "X-Sum: 1\r\n"},
      {"0\r\nA: 1\r\nB:\r\n\r\n", 0, "", "A: 1\r\nB: \r\n"},
      {std::string_view("3\r\na\0b\r\n0\r\n\r\n", 13), 0, std::string_view("a\0b", 3), ""},
  });
}

TEST("a chunk size is 1*HEXDIG, at most 16 digits and below 2^63; nothing else") {
  CheckRows({
      {"\r\n", 400, "", ""},
      {"g\r\n", 400, "", ""},
      {"-1\r\n", 400, "", ""},
      {"+5\r\nhello\r\n", 400, "", ""},
      {"0x5\r\nhello\r\n", 400, "", ""},
      {" 5\r\nhello\r\n", 400, "", ""},
      {"5 \r\nhello\r\n", 400, "", ""},
      {"5\t\r\nhello\r\n", 400, "", ""},
      {"5_0\r\n", 400, "", ""},
      {"5.\r\n", 400, "", ""},
      {"00000000000000005\r\n", 400, "", ""},
      {"8000000000000000\r\n", 400, "", ""},
      {"ffffffffffffffff\r\n", 400, "", ""},
      {"10000000000000005\r\n", 400, "", ""},
      {"GET / HTTP/1.1\r\n", 400, "", ""},
      {"\x80\r\n", 400, "", ""},
      {std::string_view("5\0\r\n", 4), 400, "", ""},
      {"\n", 400, "", ""},
  });
  CHECK(Decode("7fffffffffffffff\r\n", 1).status == ParseStatus::kIncomplete);
  CHECK_EQ(Decode("5\r\nhello\r\n7fffffffffffffff\r\n", 64).refused(), 413);
  // Refused at once, not when its line is whole.
  CHECK_EQ(Decode("G", 1).refused(), 400);
}

TEST("lines end in CRLF and chunk data is followed by CRLF, exactly") {
  CheckRows({
      {"5\nhello\r\n0\r\n\r\n", 400, "", ""},
      {"5\rhello\r\n0\r\n\r\n", 400, "", ""},
      {"5\r\r\nhello", 400, "", ""},
      {"5\r\nhello\n0\r\n\r\n", 400, "", ""},
      {"5\r\nhello0\r\n\r\n", 400, "", ""},
      {"5\r\nhelloXX0\r\n\r\n", 400, "", ""},
      {"5\r\nhello\r0\r\n\r\n", 400, "", ""},
      {"5\r\nhello\r\n\r\n0\r\n\r\n", 400, "", ""},
      {"0\r\n\n", 400, "", ""},
      {"0\r\n\r\r\n", 400, "", ""},
      {"0\n\n", 400, "", ""},
  });
}

TEST("chunk extensions are checked, and ignored") {
  CheckRows({
      {"1;a\r\nx\r\n0;b\r\n\r\n", 0, "x", ""},
      {"1;a=b;c=\"d;e\"\r\nx\r\n0\r\n\r\n", 0, "x", ""},
      {"1 ; a = b\r\nx\r\n0\r\n\r\n", 0, "x", ""},
      {"1;a=\"q\\\"q\"\r\nx\r\n0\r\n\r\n", 0, "x", ""},
      {"1;a=\"\x80\"\r\nx\r\n0\r\n\r\n", 0, "x", ""},
      {"1;a=\"\"\r\nx\r\n0\r\n\r\n", 0, "x", ""},
      {"1;\r\nx\r\n", 400, "", ""},
      {"1;;a\r\nx\r\n", 400, "", ""},
      {"1;a=\r\nx\r\n", 400, "", ""},
      {"1;=b\r\nx\r\n", 400, "", ""},
      {"1;a b\r\nx\r\n", 400, "", ""},
      {"1;a=b c\r\nx\r\n", 400, "", ""},
      {"1;a \r\nx\r\n", 400, "", ""},
      {"1;a=\"\r\nx\r\n", 400, "", ""},
      {"1;a=\"\\\r\nx\r\n", 400, "", ""},
      {"1;a=\"b\"c\r\nx\r\n", 400, "", ""},
      {"1;a=\x80\r\nx\r\n", 400, "", ""},
      {"1;a\rb\r\nx\r\n", 400, "", ""},
      {"1;a\nb\r\nx\r\n", 400, "", ""},
      {"1;a\x7f\r\nx\r\n", 400, "", ""},
  });
}

TEST("extensions have a budget for the whole body, a chunk line has one of its own") {
  Limits limits;
  limits.max_chunk_line_bytes = 20;
  limits.max_chunk_extension_bytes = 30;
  const std::string line = "1;" + std::string(18, 'e') + "\r\nx\r\n";  // 20 bytes
  CheckRows({{line + "1;aaaaaaaaaa\r\nx\r\n0\r\n\r\n", 0, "xx", ""},
             {line + "1;aaaaaaaaaaa\r\nx\r\n0\r\n\r\n", 400, "", ""}},
            limits);
  const std::string longer = "1;" + std::string(19, 'e');
  CHECK_EQ(Decode(longer, 1, limits).refused(), 400);
  CHECK_EQ(Decode(std::string(21, '0'), 1, limits).refused(), 400);
}

TEST("trailers are fields with a limit of their own; what frames or routes is refused") {
  for (std::string_view name :
       {"Content-Length", "transfer-encoding", "Host", "Authorization", "Cookie", "Connection",
        "TE", "Trailer", "Content-Type", "Expect", "X-Forwarded-For", "Range", "Cache-Control"}) {
    Row(name);
    CHECK_EQ(Decode("0\r\n" + std::string(name) + ": 1\r\n\r\n", 3).refused(), 400);
  }
  CheckRows({
      {"0\r\n X: 1\r\n\r\n", 400, "", ""},
      {"0\r\nX : 1\r\n\r\n", 400, "", ""},
      {"0\r\nX: 1\r\n 2\r\n\r\n", 400, "", ""},
      {"0\r\nX\r\n\r\n", 400, "", ""},
      {"0\r\nX: \x01\r\n\r\n", 400, "", ""},
      {"0\r\n: 1\r\n\r\n", 400, "", ""},
  });
  Limits limits;
  limits.max_trailer_bytes = 20;
  // "A: " and CRLF are 5 bytes of the line.
  const std::string at = "0\r\nA: " + std::string(15, 'v') + "\r\n\r\n";
  const std::string over = "0\r\nA: " + std::string(16, 'v') + "\r\n\r\n";
  const std::string two = "0\r\nA: 1\r\nB: 22222222\r\nC: 3\r\n\r\n";
  CheckRows(
      {{at, 0, "", std::string_view(at).substr(3, 20)}, {over, 431, "", ""}, {two, 431, "", ""}},
      limits);
  CHECK_EQ(Decode("0\r\nA: " + std::string(80, 'v'), 1, limits).refused(), 431);
}

TEST("a body at the limit is taken, one byte more is 413 as soon as its chunk is announced") {
  Limits limits;
  limits.max_body_bytes = 6;
  CheckRows({{"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", 0, "abcdef", ""},
             {"3\r\nabc\r\n4\r\n", 413, "", ""},
             {"7\r\n", 413, "", ""},
             {"7fffffffffffffff\r\n", 413, "", ""}},
            limits);
}

TEST("bytes behind the body are not consumed") {
  for (size_t step : {1, 2, 5, 64}) {
    const Decoded decoded = Decode("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n", step);
    CHECK(decoded.status == ParseStatus::kComplete);
    CHECK(decoded.rest == "GET / HTTP/1.1\r\n");
  }
}

TEST("what EncodeChunkHeader writes is what the decoder reads") {
  for (uint64_t size : {1ull, 9ull, 10ull, 15ull, 16ull, 255ull, 256ull, 4095ull, 70000ull}) {
    uint8_t header[kMaxChunkHeaderBytes];
    const uint8_t* const end = EncodeChunkHeader(size, header);
    std::string text(reinterpret_cast<char*>(header), static_cast<size_t>(end - header));
    text += std::string(size, 'd') + kChunkEnd + kLastChunk;
    Row(std::to_string(size));
    const Decoded decoded = Decode(text, 4096);
    CHECK(decoded.status == ParseStatus::kComplete);
    CHECK_EQ(decoded.body.size(), size);
  }
  uint8_t header[kMaxChunkHeaderBytes];
  CHECK_EQ(EncodeChunkHeader(UINT64_MAX, header) - header, 18);
}
