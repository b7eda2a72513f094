#include "protocols/http1_response.h"

#include <string>
#include <vector>

#include "check.h"
#include "guard_page.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

// Encodes into exactly the room that MaxHeadBytes asks for.
std::string Encode(const ResponseHead& head, const ResponseOptions& options) {
  const size_t room = MaxHeadBytes(head, options);
  Guarded memory{std::string(room, '\xee')};
  const uint8_t* const end = EncodeHead(head, options, memory.data());
  CHECK(end <= memory.data() + room);
  return std::string(Text({memory.data(), static_cast<size_t>(end - memory.data())}));
}

constexpr char kDate[] = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
constexpr char kServer[] = "Server: postern\r\n";

}  // namespace

TEST("a head is encoded in every framing with the fields that framing needs and no others") {
  const struct {
    ResponseFraming framing;
    uint64_t length;
    bool close;
    bool keep_alive_1_0;
    std::string_view fields;
  } rows[] = {
      {ResponseFraming::kLength, 0, false, false, "Content-Length: 0\r\n"},
      {ResponseFraming::kLength, 1234567890, false, false, "Content-Length: 1234567890\r\n"},
      {ResponseFraming::kLength, UINT64_MAX - 1, true, false,
       "Content-Length: 18446744073709551614\r\nConnection: close\r\n"},
      {ResponseFraming::kLength, 1, false, true, "Content-Length: 1\r\nConnection: keep-alive\r\n"},
      {ResponseFraming::kLength, 1, true, true, "Content-Length: 1\r\nConnection: close\r\n"},
      {ResponseFraming::kChunked, kNoLength, false, false, "Transfer-Encoding: chunked\r\n"},
      {ResponseFraming::kChunked, kNoLength, true, false,
       "Transfer-Encoding: chunked\r\nConnection: close\r\n"},
      {ResponseFraming::kUntilClose, kNoLength, true, false, "Connection: close\r\n"},
      {ResponseFraming::kNoBody, kNoLength, false, false, ""},
      {ResponseFraming::kNoBody, 42, false, false, "Content-Length: 42\r\n"},
  };
  for (const auto& one : rows) {
    ResponseHead head;
    head.status = ByteView("200 OK");
    head.lines = ByteView("X: 1\r\n");
    ResponseOptions options;
    options.framing = one.framing;
    options.content_length = one.length;
    options.close = one.close;
    options.keep_alive_1_0 = one.keep_alive_1_0;
    Row(one.fields);
    CHECK_EQ(Encode(head, options),
             "HTTP/1.1 200 OK\r\nX: 1\r\n" + std::string(one.fields) + "\r\n");
  }
}

TEST("Date and Server are added unless the application sent its own") {
  ResponseHead head;
  head.status = ByteView("204 No Content");
  ResponseOptions options;
  options.framing = ResponseFraming::kNoBody;
  options.date_line = ByteView(kDate);
  options.server_line = ByteView(kServer);
  const std::string line = "HTTP/1.1 204 No Content\r\n";
  CHECK_EQ(Encode(head, options), line + kServer + kDate + "\r\n");
  head.has_date = true;
  CHECK_EQ(Encode(head, options), line + kServer + "\r\n");
  head.has_server = true;
  CHECK_EQ(Encode(head, options), line + "\r\n");
}

TEST("MaxHeadBytes is enough for the longest head there is") {
  ResponseHead head;
  head.status = ByteView("200");
  ResponseOptions options;
  options.framing = ResponseFraming::kLength;
  options.content_length = UINT64_MAX - 1;
  options.close = true;
  options.date_line = ByteView(kDate);
  options.server_line = ByteView(kServer);
  CHECK(!Encode(head, options).empty());
}

TEST("a status is three digits, a space and a reason without control bytes") {
  const struct {
    std::string_view status;
    bool valid;
  } rows[] = {
      {"200 OK", true},
      {"200", true},
      {"200 ", true},
      {"599 \xe4\xf6", true},
      {"404 Not\tFound", true},
      {"100 Continue", true},
      {"", false},
      {"20", false},
      {"20 OK", false},
      {"2000", false},
      {"200OK", false},
      {"200\tOK", false},
      {"099 No", false},
      {"+20 OK", false},
      {" 200 OK", false},
      {"200 O\rK", false},
      {"200 O\nK", false},
      {"200 OK\r\nX: 1", false},
      {"200 \x7f", false},
      {"2\xb2\x30 OK", false},
      {std::string_view("200 \0", 5), false},
  };
  for (const auto& one : rows) {
    Row(one.status);
    Guarded status(one.status);
    CHECK_EQ(ValidateStatus(status.View()), one.valid);
  }
}

TEST("field lines of an application are token, colon, space, value, CRLF: nothing can be split") {
  const struct {
    std::string_view lines;
    bool valid;
  } rows[] = {
      {"", true},
      {"X: 1\r\n", true},
      {"X: \r\n", true},
      {"X: 1\r\nY: 2\r\n", true},
      {"X: a\tb \xff\r\n", true},
      {"X: 1", false},
      {"X: 1\r", false},
      {"X: 1\n", false},
      {"X: 1\n\n", false},
      {"X: 1\r\n\r\n", false},
      {"X: 1\r\r\n", false},
      {"X: 1\rY: 2\r\n", false},
      {"X: 1\nY: 2\r\n", false},
      {"X:1\r\n", false},
      {"X\r\n", false},
      {"X : 1\r\n", false},
      {": 1\r\n", false},
      {" X: 1\r\n", false},
      {"X\x80: 1\r\n", false},
      {"X: \x7f\r\n", false},
      {"\r\n", false},
      {"X:", false},
      {"X: ", false},
      {std::string_view("X: \0\r\n", 6), false},
      {std::string_view("X\0: 1\r\n", 7), false},
  };
  for (const auto& one : rows) {
    Row(one.lines);
    Guarded lines(one.lines);
    CHECK_EQ(ValidateFieldLines(lines.View()), one.valid);
  }
}

TEST("an error response is short, tells its length, and says that the connection closes") {
  for (int status : {400, 408, 413, 414, 417, 431, 500, 501, 503, 505, 599}) {
    for (bool head_only : {false, true}) {
      Guarded memory{std::string(kMaxErrorBytes, '\xee')};
      const std::string reason(1000, 'r');
      const uint8_t* const end = EncodeError(static_cast<uint16_t>(status), reason.c_str(),
                                             head_only, ByteView(kDate), memory.data());
      const std::string text(Text({memory.data(), static_cast<size_t>(end - memory.data())}));
      Row(std::to_string(status));
      CHECK(text.starts_with("HTTP/1.1 " + std::to_string(status) + " "));
      CHECK(text.find("\r\nConnection: close\r\n") != text.npos);
      CHECK(text.find("\r\nContent-Type: text/plain") != text.npos);
      CHECK(text.find("\r\nDate: ") != text.npos);
      const size_t body = text.find("\r\n\r\n") + 4;
      const size_t length = static_cast<size_t>(atoi(text.c_str() + text.find("Length: ") + 8));
      CHECK(length > 0 && text.size() - body == (head_only ? 0 : length));
    }
  }
}

TEST("a date is that of RFC 9110 5.6.7") {
  const struct {
    int64_t seconds;
    std::string_view line;
  } rows[] = {
      {784111777, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"},
      {0, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"},
      {951827696, "Date: Tue, 29 Feb 2000 12:34:56 GMT\r\n"},
      {4102444799, "Date: Thu, 31 Dec 2099 23:59:59 GMT\r\n"},
  };
  for (const auto& one : rows) {
    Guarded memory{std::string(kDateLineBytes, ' ')};
    EncodeDateLine(one.seconds, memory.data());
    CHECK_TEXT(memory.View(), one.line);
  }
}
