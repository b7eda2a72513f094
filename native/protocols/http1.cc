// See http1.h. The functions below read top-down: head, request line, target, fields.
#include "protocols/http1.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/scan.h"
#include "protocols/authority.h"
#include "protocols/body_framing.h"

namespace postern {
namespace {

constexpr uint8_t kTlsHandshake = 0x16;  // the first byte of a ClientHello, RFC 8446 §5.1

// The end of a line that is not whole yet, without the first bytes of its CRLF, so that a line at
// its limit is not refused where it is cut there.
const uint8_t* EndOfText(const uint8_t* line, const uint8_t* end) {
  while (end > line && (end[-1] == kLf || end[-1] == kCr)) --end;
  return end;
}

class HeadParser {
 public:
  HeadParser(uint8_t* data, size_t size, const Limits& limits, const Http1Options& options,
             RequestHead* head, ParseError* error)
      : begin_(data),
        p_(data),
        end_(data + size),
        limits_(limits),
        options_(options),
        head_(head),
        error_(error) {}

  ParseStatus Parse();

 private:
  ParseStatus Invalid(uint16_t status, const char* reason) {
    return Refuse(error_, status, reason);
  }
  ParseStatus SkipEmptyLines();
  ParseStatus ParseRequestLine();
  ParseStatus ParseMethod();
  ParseStatus ParseTarget();
  ParseStatus ParseVersion();
  ParseStatus ClassifyTarget();
  ParseStatus ParseAbsoluteForm();
  void SplitPath(ByteView path_and_query);
  ParseStatus ParseFields();
  ParseStatus AddField(const FieldLine& line, Key key);
  ParseStatus TakeFact(Key key, ByteView value, bool repeated);
  void TakeConnection(ByteView value);
  void UnfoldFields();
  ParseStatus CheckHead();
  size_t LineBytes() const { return static_cast<size_t>(p_ - line_); }

  const uint8_t* const begin_;
  const uint8_t* p_;
  const uint8_t* const end_;
  const uint8_t* line_ = nullptr;  // start of the request line
  const Limits& limits_;
  const Http1Options& options_;
  RequestHead* const head_;
  ParseError* const error_;

  ByteView content_length_;
  ByteView transfer_encoding_;
  FramingFields framing_;
  bool close_ = false;
  bool keep_alive_ = false;
};

ParseStatus HeadParser::Parse() {
  ParseStatus status = SkipEmptyLines();
  if (status == ParseStatus::kComplete) status = ParseRequestLine();
  if (status == ParseStatus::kComplete) status = ParseFields();
  if (status == ParseStatus::kIncomplete &&
      static_cast<size_t>(end_ - begin_) > limits_.max_head_bytes) {
    return Invalid(431, "the head is larger than buffer-size");
  }
  if (status != ParseStatus::kComplete) return status;
  head_->consumed = static_cast<size_t>(p_ - begin_);
  if (head_->consumed > limits_.max_head_bytes) {
    return Invalid(431, "the head is larger than buffer-size");
  }
  return CheckHead();
}

// RFC 9112 §2.2: a few CRLFs before a request line are forgiven, a flood of them is not.
ParseStatus HeadParser::SkipEmptyLines() {
  for (uint32_t lines = 0; p_ < end_ && *p_ == kCr; ++lines) {
    if (lines == limits_.max_empty_lines) return Invalid(400, "empty lines without a request");
    if (end_ - p_ < 2) return ParseStatus::kIncomplete;
    if (p_[1] != kLf) return Invalid(400, "CR without LF");
    p_ += 2;
  }
  line_ = p_;
  return p_ < end_ ? ParseStatus::kComplete : ParseStatus::kIncomplete;
}

ParseStatus HeadParser::ParseRequestLine() {
  ParseStatus status = ParseMethod();
  if (status == ParseStatus::kComplete) status = ParseTarget();
  if (status == ParseStatus::kComplete) status = ParseVersion();
  if (status == ParseStatus::kIncomplete &&
      static_cast<size_t>(EndOfText(line_, end_) - line_) > limits_.max_request_line_bytes) {
    return Invalid(414, "the request line is too long");
  }
  if (status != ParseStatus::kComplete) return status;
  return ClassifyTarget();
}

ParseStatus HeadParser::ParseMethod() {
  const uint8_t* q = p_;
  while (q < end_ && IsToken(*q)) ++q;
  if (q == end_) return ParseStatus::kIncomplete;
  if (q == p_ && *p_ == kTlsHandshake) {
    return RefuseForeign(error_,
                         "TLS spoken to an HTTP socket: use http:// here, or let a front server "
                         "take the TLS off");
  }
  if (q == p_) return Invalid(400, "the request line does not start with a method");
  if (*q != ' ') return Invalid(400, "the method is not followed by one space");
  head_->method = {p_, static_cast<size_t>(q - p_)};
  if (head_->method.size > limits_.max_method_bytes) return Invalid(501, "the method is too long");
  p_ = q + 1;
  return ParseStatus::kComplete;
}

ParseStatus HeadParser::ParseTarget() {
  const uint8_t* q = FindTargetEnd(p_, end_);
  if (options_.obs_target) {
    while (q < end_ && *q >= 0x80) q = FindTargetEnd(q + 1, end_);
  }
  if (static_cast<size_t>(q - line_) > limits_.max_request_line_bytes) {
    return Invalid(414, "the request line is too long");
  }
  if (q == end_) return ParseStatus::kIncomplete;
  if (*q == '#') return Invalid(400, "a fragment in the request-target");
  if (*q >= 0x80) return Invalid(400, "a byte outside of ASCII in the request-target");
  if (*q != ' ') return Invalid(400, "the request-target is not followed by one space");
  if (q == p_) return Invalid(400, "the request-target is empty");
  head_->target = {p_, static_cast<size_t>(q - p_)};
  p_ = q + 1;
  return ParseStatus::kComplete;
}

// "HTTP/" DIGIT "." DIGIT CRLF. The major version must be 1; a minor above 1 is read as 1.
ParseStatus HeadParser::ParseVersion() {
  static constexpr char kPattern[] = "HTTP/d.d\r\n";
  constexpr size_t kSize = sizeof(kPattern) - 1;
  const size_t have = std::min(static_cast<size_t>(end_ - p_), kSize);
  for (size_t i = 0; i < have; ++i) {
    const auto wanted = static_cast<uint8_t>(kPattern[i]);
    const bool fits = wanted == 'd' ? IsDigit(p_[i]) : p_[i] == wanted;
    if (!fits) return Invalid(400, "the request line does not end in HTTP/1.1 and CRLF");
  }
  if (have < kSize) return ParseStatus::kIncomplete;
  if (p_[5] != '1') return Invalid(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  head_->version_minor = p_[7] == '0' ? 0 : 1;
  if (LineBytes() + kSize - 2 > limits_.max_request_line_bytes) {
    return Invalid(414, "the request line is too long");
  }
  p_ += kSize;
  return ParseStatus::kComplete;
}

ParseStatus HeadParser::ClassifyTarget() {
  const ByteView target = head_->target;
  if (Equals(head_->method, "CONNECT")) return Invalid(501, "CONNECT is not for this server");
  if (target[0] == '/') {
    SplitPath(target);
    return ParseStatus::kComplete;
  }
  if (Equals(target, "*")) {
    if (!Equals(head_->method, "OPTIONS")) return Invalid(400, "'*' is for OPTIONS only");
    SplitPath(target);
    return ParseStatus::kComplete;
  }
  return ParseAbsoluteForm();
}

// absolute-form := ( "http" / "https" ) "://" authority path-abempty [ "?" query ]
ParseStatus HeadParser::ParseAbsoluteForm() {
  const ByteView target = head_->target;
  size_t scheme = 0;
  while (scheme < target.size && IsAlpha(target[scheme])) ++scheme;
  const ByteView name = target.Sub(0, scheme);
  const bool known = EqualsIgnoreCase(name, "http") || EqualsIgnoreCase(name, "https");
  if (!known || !StartsWith(target.From(scheme), "://")) {
    return Invalid(400, "the request-target is neither a path nor an http URI");
  }
  const ByteView rest = target.From(scheme + 3);
  size_t authority = 0;
  while (authority < rest.size && rest[authority] != '/' && rest[authority] != '?') ++authority;
  Authority parsed;
  if (!ParseAuthority(rest.Sub(0, authority), &parsed) || parsed.host.empty()) {
    return Invalid(400, "the request-target has no valid authority");
  }
  head_->authority = rest.Sub(0, authority);
  // RFC 9112 §3.2.2: this is the server that was meant, whatever Host says. Host itself stays what
  // was sent.
  head_->told.server_name = parsed.host;
  head_->told.server_port =
      parsed.port.empty() ? ByteView(EqualsIgnoreCase(name, "https") ? "443" : "80") : parsed.port;
  SplitPath(rest.From(authority));
  return ParseStatus::kComplete;
}

void HeadParser::SplitPath(ByteView path_and_query) {
  static constexpr uint8_t kSlash[] = {'/'};
  const uint8_t* const mark = FindByte(path_and_query.begin(), path_and_query.end(), '?');
  head_->path = {path_and_query.data, static_cast<size_t>(mark - path_and_query.data)};
  head_->query = {};
  if (mark != path_and_query.end()) {
    head_->query = {mark + 1, static_cast<size_t>(path_and_query.end() - mark - 1)};
  }
  if (head_->path.empty()) head_->path = {kSlash, 1};  // RFC 9110 §4.2.3: empty means "/"
  head_->path_has_escape =
      FindByte(head_->path.begin(), head_->path.end(), '%') != head_->path.end();
}

ParseStatus HeadParser::ParseFields() {
  for (uint32_t lines = 0;; ++lines) {
    FieldLine line;
    bool done = false;
    const ParseStatus status = ParseFieldLine(&p_, end_, limits_, options_, &line, &done, error_);
    if (status != ParseStatus::kComplete || done) return status;
    if (lines == limits_.max_fields) return Invalid(431, "too many header fields");
    const Key key = FindFieldKey(line.name);
    const ParseStatus added = AddField(line, key);
    if (added != ParseStatus::kComplete) return added;
  }
}

// A fold (CRLF and the white space around it) becomes one space, RFC 9112 §5.2. Only with
// permit_obs_fold. The bytes that become free are behind the value; they become spaces, because a
// head may be parsed again (pipelining, post-buffering) and must then have the same value.
ByteView UnfoldInPlace(ByteView value) {
  auto* out = const_cast<uint8_t*>(value.data);
  size_t size = 0;
  for (size_t i = 0; i < value.size; ++i) {
    if (value[i] != kCr) {
      out[size++] = value[i];
      continue;
    }
    while (size > 0 && IsOws(out[size - 1])) --size;
    i += 2;  // CR LF
    while (i < value.size && IsOws(value[i])) ++i;
    --i;
    out[size++] = ' ';
  }
  memset(out + size, ' ', value.size - size);
  return TrimOws({value.data, size});
}

// Two servers read a folded Transfer-Encoding differently, so even permit_obs_fold leaves it out.
bool DecidesRouteOrFraming(Key key) {
  return key == Key::kHost || key == Key::kContentLength || key == Key::kTransferEncoding ||
         key == Key::kConnection || key == Key::kExpect;
}

ParseStatus HeadParser::AddField(const FieldLine& line, Key key) {
  if (key == Key::kNone) {
    // '_' is a token character, hence only unknown names can hold it.
    const bool underscore = FindByte(line.name.begin(), line.name.end(), '_') != line.name.end();
    if (underscore && options_.header_map == HeaderMap::kRefuse) {
      return Invalid(400, "a field name with an underscore");
    }
    if (underscore) return ParseStatus::kComplete;
  }
  Field& field = head_->fields[head_->field_count++];
  field.name = line.name;
  field.value = line.value;
  field.key = key;
  if (key == Key::kNone) return ParseStatus::kComplete;
  if (line.folded && DecidesRouteOrFraming(key)) {
    return Invalid(400, "a folded field that frames or routes");
  }
  return TakeFact(key, field.value, head_->keys.TestAndSet(key));
}

ParseStatus HeadParser::TakeFact(Key key, ByteView value, bool repeated) {
  switch (key) {
    case Key::kHost: {
      Authority authority;
      if (repeated) return Invalid(400, "Host more than once");
      if (!ParseAuthority(value, &authority)) return Invalid(400, "Host is not a valid authority");
      break;
    }
    case Key::kContentLength:
      if (repeated) return Invalid(400, "Content-Length more than once");
      content_length_ = value;
      framing_.content_length = &content_length_;
      break;
    case Key::kTransferEncoding:
      framing_.repeated_transfer_encoding |= repeated;
      transfer_encoding_ = value;
      framing_.transfer_encoding = &transfer_encoding_;
      break;
    case Key::kContentType:
      if (repeated) return Invalid(400, "Content-Type more than once");
      break;
    case Key::kConnection:
      TakeConnection(value);
      break;
    case Key::kExpect:
      if (head_->version_minor == 0) break;  // RFC 9110 §10.1.1: HTTP/1.0 clients do not mean it
      if (!EqualsIgnoreCase(value, "100-continue")) return Invalid(417, "an unknown Expect");
      head_->expect_continue = true;
      break;
    default:
      break;
  }
  return ParseStatus::kComplete;
}

// A list of tokens in any case; `close` anywhere in it wins (RFC 9112 §9.6).
void HeadParser::TakeConnection(ByteView value) {
  while (!value.empty()) {
    const uint8_t* const comma = FindByte(value.begin(), value.end(), ',');
    const size_t size = static_cast<size_t>(comma - value.data);
    const ByteView token = TrimOws(value.Sub(0, size));
    close_ |= EqualsIgnoreCase(token, "close");
    keep_alive_ |= EqualsIgnoreCase(token, "keep-alive");
    value = value.From(std::min(size + 1, value.size));
  }
}

// Only once the head is whole: a head that is parsed again must find its bytes unchanged.
void HeadParser::UnfoldFields() {
  for (uint32_t i = 0; i < head_->field_count; ++i) {
    ByteView& value = head_->fields[i].value;
    if (FindByte(value.begin(), value.end(), kCr) != value.end()) value = UnfoldInPlace(value);
  }
}

ParseStatus HeadParser::CheckHead() {
  if (head_->version_minor == 1 && !head_->keys.Has(Key::kHost)) {
    return Invalid(400, "HTTP/1.1 without Host");
  }
  const ParseStatus status = DecideHttpBody(framing_, limits_, head_, error_);
  if (status != ParseStatus::kComplete) return status;
  if (options_.permit_obs_fold) UnfoldFields();
  head_->is_head = Equals(head_->method, "HEAD");
  head_->keep_alive = !close_ && (head_->version_minor == 1 || keep_alive_);
  // Nothing to continue with: a 100 would only confuse.
  if (head_->framing == BodyFraming::kNone) head_->expect_continue = false;
  return ParseStatus::kComplete;
}

// Where the name ends and the value starts; nullptr: *error is set, or the line is incomplete.
ParseStatus ParseFieldName(const uint8_t* line, const uint8_t* end, const Http1Options& options,
                           FieldLine* out, const uint8_t** value, ParseError* error) {
  const uint8_t* q = line;
  while (q < end && IsToken(*q)) ++q;
  out->name = {line, static_cast<size_t>(q - line)};
  if (q == end) return ParseStatus::kIncomplete;
  if (options.strip_header_spaces && q > line) {
    while (q < end && IsOws(*q)) ++q;
    if (q == end) return ParseStatus::kIncomplete;
  }
  if (*q != ':') {
    if (q == line && IsOws(*q)) return Refuse(error, 400, "a header line starts with white space");
    if (IsOws(*q)) return Refuse(error, 400, "white space before the colon of a field");
    return Refuse(error, 400, "a header line without a valid field name and colon");
  }
  if (q == line) return Refuse(error, 400, "an empty field name");
  *value = q + 1;
  return ParseStatus::kComplete;
}

// From the colon to the CRLF that ends the field, over folds if they are permitted.
ParseStatus ParseFieldValue(const uint8_t* value, const uint8_t* end, const Http1Options& options,
                            FieldLine* out, const uint8_t** next, ParseError* error) {
  const uint8_t* q = value;
  for (;;) {
    q = FindFieldValueEnd(q, end);
    if (q == end) return ParseStatus::kIncomplete;
    if (*q != kCr) return Refuse(error, 400, "a control byte in a field value");
    if (end - q < 2) return ParseStatus::kIncomplete;
    if (q[1] != kLf) return Refuse(error, 400, "CR without LF");
    if (!options.permit_obs_fold) break;
    if (end - q < 3) return ParseStatus::kIncomplete;
    if (!IsOws(q[2])) break;
    out->folded = true;
    q += 2;
  }
  out->value = TrimOws({value, static_cast<size_t>(q - value)});
  *next = q + 2;
  return ParseStatus::kComplete;
}

}  // namespace

ParseStatus ParseFieldLine(const uint8_t** at, const uint8_t* end, const Limits& limits,
                           const Http1Options& options, FieldLine* line, bool* done,
                           ParseError* error) {
  const uint8_t* const start = *at;
  if (start == end) return ParseStatus::kIncomplete;
  if (*start == kCr) {
    if (end - start < 2) return ParseStatus::kIncomplete;
    if (start[1] != kLf) return Refuse(error, 400, "CR without LF");
    *at = start + 2;
    *done = true;
    return ParseStatus::kComplete;
  }
  const uint8_t* next = start;
  ParseStatus status = ParseFieldName(start, end, options, line, &next, error);
  if (status == ParseStatus::kComplete) {
    status = ParseFieldValue(next, end, options, line, &next, error);
  }
  const uint8_t* const reached = status == ParseStatus::kComplete ? next : end;
  if (status != ParseStatus::kInvalid &&
      static_cast<size_t>(reached - start) > limits.max_field_bytes) {
    return Refuse(error, 431, "a header field is too large");
  }
  if (status == ParseStatus::kComplete) *at = next;
  return status;
}

ParseStatus ParseHttp1Head(uint8_t* data, size_t size, const Limits& limits,
                           const Http1Options& options, RequestHead* head, ParseError* error) {
  head->Reset();
  return HeadParser(data, size, limits, options, head, error).Parse();
}

}  // namespace postern
