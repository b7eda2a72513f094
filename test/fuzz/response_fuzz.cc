// Response heads: what the validators let through is read by somebody else as exactly the status
// and the fields that were given, and never as the start of something more.
#include <vector>

#include "base/ascii.h"
#include "protocols/http1.h"
#include "protocols/http1_response.h"
#include "target.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::fuzz;  // NOLINT(build/namespaces)

namespace {

using Lines = std::vector<std::string>;

// A naive client: everything up to the first empty line, at every LF.
Lines ReadNaively(std::string_view text, size_t* used) {
  Lines lines;
  size_t at = 0;
  for (;;) {
    const size_t end = text.find('\n', at);
    MUST(end != text.npos && end > at && text[end - 1] == '\r');
    const std::string_view line = text.substr(at, end - 1 - at);
    at = end + 1;
    if (line.empty()) break;
    MUST(line.find('\r') == line.npos && line.find('\0') == line.npos);
    lines.emplace_back(line);
  }
  *used = at;
  return lines;
}

Lines SplitLines(std::string_view lines) {
  Lines out;
  for (size_t at = 0; at < lines.size();) {
    const size_t end = lines.find("\r\n", at);
    MUST(end != lines.npos);
    out.emplace_back(lines.substr(at, end - at));
    at = end + 2;
  }
  return out;
}

ResponseOptions OptionsOf(const Input& input, ByteView date) {
  ResponseOptions options;
  options.framing = static_cast<ResponseFraming>(input.flags & 3);
  options.content_length = input.Flag(2) ? input.cuts : kNoLength;
  options.close = input.Flag(3);
  options.keep_alive_1_0 = input.Flag(4);
  if (input.Flag(5)) options.date_line = date;
  if (input.Flag(6)) options.server_line = ByteView("Server: postern\r\n");
  return options;
}

void CheckFields(ByteView lines) {
  const uint8_t* at = lines.begin();
  Limits limits;
  limits.max_field_bytes = UINT32_MAX;
  while (at < lines.end()) {
    FieldLine field;
    bool done = false;
    ParseError error;
    MUST(ParseFieldLine(&at, lines.end(), limits, {}, &field, &done, &error) ==
         ParseStatus::kComplete);
    MUST(!done && IsToken(field.name));
  }
}

void CheckHead(const Input& input, ByteView status, ByteView lines) {
  uint8_t date[kDateLineBytes];
  EncodeDateLine(int64_t{input.cuts} * 58, date);  // up to the year 9863
  const ResponseOptions options = OptionsOf(input, {date, kDateLineBytes});
  ResponseHead head;
  head.status = status;
  head.lines = lines;
  head.has_date = input.Flag(7);
  std::string out(MaxHeadBytes(head, options), '\xee');
  auto* const start = reinterpret_cast<uint8_t*>(out.data());
  const size_t size = static_cast<size_t>(EncodeHead(head, options, start) - start);
  MUST(size <= out.size());
  out.resize(size);
  size_t used;
  const Lines read = ReadNaively(out, &used);
  MUST(used == size && read[0] == "HTTP/1.1 " + Text(status));
  const Lines given = SplitLines(Text(lines));
  MUST(read.size() >= 1 + given.size() && read.size() <= given.size() + 5);
  for (size_t i = 0; i < given.size(); ++i) MUST(read[1 + i] == given[i]);
  CheckFields({start + out.find("\r\n") + 2, size - out.find("\r\n") - 4});
}

void CheckError(const Input& input, bool head_only) {
  uint8_t out[kMaxErrorBytes];
  const std::string reason(
      input.text().substr(0, input.text().find_first_of(std::string("\0\r\n", 3))));
  const auto status = static_cast<uint16_t>(100 + input.cuts % 900);
  const size_t size =
      static_cast<size_t>(EncodeError(status, reason.c_str(), head_only, {}, out) - out);
  MUST(size <= sizeof(out));
  size_t used;
  const Lines lines = ReadNaively(Text({out, size}), &used);
  MUST(lines.size() == 4 && lines[2].starts_with("Content-Length: "));
  const size_t length = strtoul(lines[2].c_str() + 16, nullptr, 10);
  MUST(size - used == (head_only ? 0 : length));
}

}  // namespace

// The first line of the bytes is the status, the rest the field lines.
FUZZ_TARGET(response) {
  const std::string_view text = input.text();
  const size_t end = std::min(text.find('\n'), text.size());
  const Exact status(Bytes(text.substr(0, end)));
  const Exact lines(Bytes(text.substr(std::min(end + 1, text.size()))));
  if (ValidateStatus(status.View()) && ValidateFieldLines(lines.View())) {
    CheckHead(input, status.View(), lines.View());
  }
  CheckError(input, input.Flag(0));
}
