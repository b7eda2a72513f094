// HTTP/1 heads: whole and in every cut, parsed twice, and written again from what was parsed.
#include "base/ascii.h"
#include "head_checks.h"
#include "protocols/http1.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::fuzz;  // NOLINT(build/namespaces)

namespace {

constexpr uint32_t kFields = 100;

struct Setting {
  explicit Setting(const Input& input) {
    options.header_map = input.Flag(0) ? HeaderMap::kRefuse : HeaderMap::kDrop;
    options.strip_header_spaces = input.Flag(1);
    options.permit_obs_fold = input.Flag(2);
    options.obs_target = input.Flag(3);
    if (!input.Flag(4)) return;
    limits.max_request_line_bytes = 40;
    limits.max_fields = 4;
    limits.max_field_bytes = 30;
    limits.max_head_bytes = 120;
    limits.max_empty_lines = 2;
    limits.max_method_bytes = 8;
    limits.max_body_bytes = 1000;
  }
  void Parse(Parsed* parsed) const {
    parsed->status = ParseHttp1Head(parsed->memory.data(), parsed->memory.size(), limits, options,
                                    &parsed->head, &parsed->error);
  }
  Limits limits;
  Http1Options options;
};

// Everything that another reader of the same bytes could have been told differently.
void CheckBytes(std::string_view bytes, const Setting& setting) {
  MUST(bytes.ends_with("\r\n\r\n"));
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\n') MUST(i > 0 && bytes[i - 1] == '\r');
    if (bytes[i] == '\r') MUST(i + 1 < bytes.size() && bytes[i + 1] == '\n');
    if (!setting.options.obs_target) MUST(bytes[i] != '\0' && bytes[i] != '\x7f');
  }
}

void CheckComplete(const Parsed& parsed, const Setting& setting) {
  const RequestHead& head = parsed.head;
  MUST(head.consumed <= parsed.memory.size() && head.consumed <= setting.limits.max_head_bytes);
  CheckFields(parsed, setting.limits.max_fields);
  CheckBody(head);
  MUST(IsToken(head.method) && parsed.memory.Holds(head.method));
  MUST(!head.target.empty() && parsed.memory.Holds(head.target));
  MUST(HoldsOr(parsed.memory, head.path, "/") && parsed.memory.Holds(head.query));
  MUST(parsed.memory.Holds(head.authority) && !head.path.empty());
  MUST(Text(head.target).find_first_of(" #\r\n") == std::string::npos);
  for (uint32_t i = 0; i < head.field_count; ++i) {
    MUST(IsToken(head.fields[i].name));
    MUST(Text(head.fields[i].name).find('_') == std::string::npos);
    MUST(Text(head.fields[i].value).find_first_of("\r\n") == std::string::npos);
    MUST(TrimOws(head.fields[i].value).size == head.fields[i].value.size);
  }
  MUST(head.version_minor == 0 || head.keys.Has(Key::kHost));
  if (head.framing == BodyFraming::kChunked) MUST(!head.keys.Has(Key::kContentLength));
  if (head.framing != BodyFraming::kChunked) MUST(!head.keys.Has(Key::kTransferEncoding));
}

// What was parsed, written down strictly, is read as the same by the strict parser.
void CheckRoundTrip(const Parsed& parsed, const Setting& setting) {
  const RequestHead& head = parsed.head;
  std::string text = Text(head.method) + " " + Text(head.target) +
                     (head.version_minor == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  for (uint32_t i = 0; i < head.field_count; ++i) {
    text += Text(head.fields[i].name) + ": " + Text(head.fields[i].value) + "\r\n";
  }
  text += "\r\n";
  Setting strict(Input{});
  strict.options.obs_target = setting.options.obs_target;
  strict.limits.max_field_bytes = strict.limits.max_head_bytes *= 2;
  Parsed again(Bytes(text), kFields);
  strict.Parse(&again);
  MUST(again.complete() && again.head.consumed == text.size());
  again.head.consumed = head.consumed;
  MUST(SameHead(again.head, head));
}

}  // namespace

FUZZ_TARGET(http1_head) {
  const Setting setting(input);
  Parsed whole(input.bytes, kFields);
  setting.Parse(&whole);
  if (!setting.options.permit_obs_fold) MUST(Equals(whole.memory.View(), input.bytes));
  Cuts cuts(input.cuts);
  for (int i = 0; i < 6; ++i) {
    Parsed part(input.bytes.Sub(0, cuts.Next(0, input.bytes.size)), kFields);
    setting.Parse(&part);
    CheckPart(part, whole);
  }
  if (!whole.complete()) return;
  if (!setting.options.permit_obs_fold) {
    CheckBytes(input.text().substr(0, whole.head.consumed), setting);
  }
  CheckComplete(whole, setting);
  Parsed again(whole.memory.View(), kFields);
  setting.Parse(&again);
  MUST(again.complete() && SameHead(again.head, whole.head));
  CheckRoundTrip(whole, setting);
}
