// The format of an access log: compiled once, then filled in for each exchange.
//
//   format := name | ( text | atom )*
//   name   := "combined" | "common" | "uwsgi" | "json"
//   atom   := "%(" uwsgi-name ")"                      uri, status, msecs, var.HTTP_HOST …
//           | "%(" gunicorn-letter ")s"                h, r, D …
//           | "%({" name "}" ( "i" | "o" | "e" ) ")s"  request field, response field, variable
//           | "%%"
//
// A format that begins with "{" is JSON, and values are escaped for it; values of all others are
// escaped as text (base/escape.h). Sources: uwsgi-docs "Formatting uWSGI requests logs", gunicorn's
// settings "access_log_format".
//
// A line is made in three steps, because what it is about is not there at once: PutRequest notes
// what the head of the request says, before its bytes go; PutResponseHead notes fields of the
// response; PutLine joins both with what only the end tells. No I/O, no clock.
#ifndef POSTERN_PROTOCOLS_LOG_FORMAT_H_
#define POSTERN_PROTOCOLS_LOG_FORMAT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "protocols/log_time.h"
#include "protocols/meta_variables.h"
#include "protocols/request_head.h"

namespace postern {

enum class LogAtom : uint8_t;

// What does not change from line to line.
struct LogConstants {
  int64_t pid = 0;
  uint32_t worker = 0;
  uint32_t core = 0;
};

// A request whose exchange begins. Without a head: bytes that were refused.
struct LogRequest {
  const RequestHead* head = nullptr;
  ByteView line;  // without a head: the first line of the bytes
  const MetaVariable* variables = nullptr;
  uint32_t variable_count = 0;
  ByteView peer;               // address of the connection; empty: a unix peer
  bool forwarded_for = false;  // the address is that of X-Forwarded-For, if there is one
  int64_t start_us = 0;        // of the wall clock
};

// An exchange that is over.
struct LogResponse {
  uint16_t status = 0;
  uint32_t field_count = 0;  // of the response head
  uint64_t head_bytes = 0;
  uint64_t body_bytes = 0;  // without chunk framing
  int64_t duration_us = 0;
  int64_t now_s = 0;
  bool aborted = false;  // the client did not get all of it
  // Memory of this process, in bytes.
  uint64_t rss = 0;
  uint64_t vsz = 0;
};

class LogFormat {
 public:
  // False: *error says what is wrong with it.
  bool Compile(ByteView text, const LogConstants& constants, std::string* error);

  // For durations; for parts of the second in which a request came.
  bool wants_clock() const { return wants_clock_; }
  bool wants_start() const { return wants_start_; }
  bool wants_response_fields() const { return !head_ops_.empty(); }
  bool wants_field_count() const { return wants_field_count_; }
  bool wants_memory() const { return wants_memory_; }

  // Each appends to its buffer; false: no memory, and nothing was appended.
  bool PutRequest(const LogRequest& request, const LogTime& time, Buffer* note) const;
  // `fields`: the encoded head of the response.
  bool PutResponseHead(ByteView fields, Buffer* note) const;
  // `request` and `head` are what the two before have noted, `head` may be empty. The line ends
  // with LF.
  bool PutLine(ByteView request, ByteView head, const LogResponse& response, Buffer* out) const;

  static constexpr size_t kMaxAtoms = 128;
  static constexpr size_t kTextSlack = 16;
  // What a number, a time or a word of ours takes at most.
  static constexpr size_t kMaxOwnBytes = 64;

 private:
  friend class LogCompiler;

  // A value, and the text in front of it.
  struct Op {
    LogAtom atom;
    bool quoted = false;  // JSON: with its quotation marks, or null
    uint8_t slot = 0;     // of a variable; 0: it is looked for by name
    uint32_t text_at = 0;
    uint32_t text_size = 0;
    std::string name;
  };
  // Values of known variables are found in one pass over all of them.
  static constexpr uint8_t kMaxSlots = 16;
  struct Values;

  void Resolve(const LogRequest& request, Values* values) const;
  ByteView ValueOf(const Op& op, const LogRequest& request, const Values& values) const;
  size_t MostBytes(const Op& op, ByteView value, const LogRequest& request,
                   const Values& values) const;
  uint8_t* PutTextOf(const Op& op, uint8_t* out) const;
  uint8_t* PutValue(ByteView value, bool is_word, bool quoted, uint8_t* out) const;
  uint8_t* PutRequestLine(const LogRequest& request, const Values& values, uint8_t* out) const;
  uint8_t* PutRequestOp(const Op& op, ByteView value, const LogRequest& request,
                        const LogTime& time, const Values& values, uint8_t* out) const;
  uint8_t* PutLineOp(const Op& op, const LogResponse& response, uint8_t* out) const;
  size_t escape_factor() const;

  std::vector<Op> request_ops_;  // runs, each closed by kEndOfRun
  std::vector<Op> head_ops_;
  std::vector<Op> line_ops_;
  std::vector<uint8_t> slot_of_key_;
  std::vector<uint8_t> text_;  // all literal text, and kTextSlack bytes more
  size_t line_bytes_ = 0;      // more than a line takes without what was noted
  bool wants_path_ = false;
  bool json_ = false;
  bool wants_clock_ = false;
  bool wants_start_ = false;
  bool wants_field_count_ = false;
  bool wants_memory_ = false;
};

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_LOG_FORMAT_H_
