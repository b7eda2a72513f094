// Parses heads from guarded copies, and keeps what the views of the result point into.
#ifndef POSTERN_TEST_PROTOCOLS_PARSE_H_
#define POSTERN_TEST_PROTOCOLS_PARSE_H_

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "check.h"
#include "guard_page.h"
#include "protocols/http1.h"
#include "protocols/uwsgi.h"

namespace postern::test {

struct Parsed {
  explicit Parsed(std::string_view text, uint32_t capacity = 1200) : bytes(text), fields(capacity) {
    head.fields = fields.data();
    head.field_capacity = capacity;
  }

  Guarded bytes;
  std::vector<Field> fields;
  RequestHead head;
  ParseError error;
  ParseStatus status = ParseStatus::kIncomplete;

  bool complete() const { return status == ParseStatus::kComplete; }
  // 0 unless it was refused. The reason has static storage: it must be readable long after.
  int refused() const {
    if (status != ParseStatus::kInvalid) return 0;
    CHECK(strlen(error.reason) > 0);
    return error.status;
  }
  ByteView Value(Key key) const {
    const Field* field = head.Find(key);
    return field == nullptr ? ByteView() : field->value;
  }
};

struct ParsedHttp : Parsed {
  explicit ParsedHttp(std::string_view text, const Limits& limits = {},
                      const Http1Options& options = {})
      : Parsed(text) {
    status = ParseHttp1Head(bytes.data(), bytes.size(), limits, options, &head, &error);
  }
};

struct ParsedUwsgi : Parsed {
  explicit ParsedUwsgi(std::string_view text, const Limits& limits = {}) : Parsed(text) {
    status = ParseUwsgiPacket(bytes.View(), limits, &head, &error);
  }
};

// "GET / HTTP/1.1", Host, the lines given (each with its CRLF), and the empty line.
inline std::string Get(std::string_view lines, std::string_view target = "/") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}

}  // namespace postern::test

#endif  // POSTERN_TEST_PROTOCOLS_PARSE_H_
