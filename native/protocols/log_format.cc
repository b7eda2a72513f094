// See log_format.h; the compiler is in log_compiler.cc.
#include "protocols/log_format.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/check.h"
#include "base/escape.h"
#include "base/scan.h"
#include "protocols/log_atoms.h"

namespace postern {
namespace {

constexpr size_t kLengthBytes = sizeof(uint32_t);
constexpr size_t kMaxUserBytes = 128;
constexpr size_t kUsualBytes = 1024;
constexpr char kNothing[] = "-";

// In the order of LogCompiler::Compile.
enum Slot : uint8_t {
  kRemoteAddrSlot = 1,
  kRemoteUserSlot,
  kAuthorizationSlot,
  kProtocolSlot,
  kForwardedForSlot
};

uint8_t* Put(ByteView bytes, uint8_t* out) {
  if (!bytes.empty()) memcpy(out, bytes.data, bytes.size);
  return out + bytes.size;
}

// At least `digits` of them.
uint8_t* PutDecimal(uint64_t value, uint8_t* out, int digits = 1) {
  uint8_t reversed[20];
  int count = 0;
  do {
    reversed[count++] = static_cast<uint8_t>('0' + value % 10);
    value /= 10;
  } while (value != 0 || count < digits);
  while (count > 0) *out++ = reversed[--count];
  return out;
}

uint8_t* PutFraction(uint64_t value, uint64_t unit, int digits, uint8_t* out) {
  out = PutDecimal(value / unit, out);
  *out++ = '.';
  return PutDecimal(value % unit, out, digits);
}

// The first line of bytes that are no request, taken apart as far as it goes.
struct LineParts {
  explicit LineParts(ByteView line) {
    const uint8_t* const first = FindByte(line.begin(), line.end(), ' ');
    if (first == line.end() || first == line.begin()) return;
    if (!std::all_of(line.begin(), first, [](uint8_t c) { return IsToken(c); })) return;
    method = {line.begin(), static_cast<size_t>(first - line.begin())};
    const uint8_t* const second = FindByte(first + 1, line.end(), ' ');
    target = {first + 1, static_cast<size_t>(second - first - 1)};
    if (second == line.end()) return;
    const ByteView last = line.From(static_cast<size_t>(second + 1 - line.begin()));
    if (StartsWith(last, "HTTP/")) protocol = last;
  }
  ByteView method, target, protocol;
};

// The user of Basic credentials.
size_t DecodeUser(ByteView authorization, uint8_t* out) {
  constexpr size_t kScheme = sizeof("Basic ") - 1;
  if (authorization.size <= kScheme || authorization[kScheme - 1] != ' ') return 0;
  for (size_t i = 0; i + 1 < kScheme; ++i) {
    if (ToLower(authorization[i]) != static_cast<uint8_t>("basic"[i])) return 0;
  }
  const size_t size = DecodeBase64(authorization.From(kScheme), out, kMaxUserBytes);
  const uint8_t* const end = FindByte(out, out + size, ':');
  return static_cast<size_t>(end - out);
}

bool SameName(ByteView a, const std::string& b) {
  if (a.size != b.size()) return false;
  for (size_t i = 0; i < a.size; ++i) {
    if (ToLower(a[i]) != ToLower(static_cast<uint8_t>(b[i]))) return false;
  }
  return true;
}

// The value of the first field of that name in an encoded head.
ByteView FindResponseField(ByteView head, const std::string& name) {
  const uint8_t* line = FindByte(head.begin(), head.end(), kLf);
  while (line < head.end()) {
    ++line;
    const uint8_t* const end = FindByte(line, head.end(), kCr);
    const uint8_t* const colon = FindByte(line, end, ':');
    if (colon != end && SameName({line, static_cast<size_t>(colon - line)}, name)) {
      const uint8_t* value = colon + 1;
      while (value < end && IsOws(*value)) ++value;
      return {value, static_cast<size_t>(end - value)};
    }
    line = FindByte(end, head.end(), kLf);
  }
  return {};
}

ByteView TakeRun(ByteView* from) {
  uint32_t size;
  if (from->size < kLengthBytes) return {};
  memcpy(&size, from->data, kLengthBytes);
  const ByteView run = from->Sub(kLengthBytes, size);
  *from = from->From(kLengthBytes + size);
  return run;
}

uint8_t* CloseRun(uint8_t* run, uint8_t* end) {
  const auto size = static_cast<uint32_t>(end - run - kLengthBytes);
  memcpy(run, &size, kLengthBytes);
  return end;
}

}  // namespace

struct LogFormat::Values {
  // From LogAtom::kAddr to LogAtom::kProtocol.
  static constexpr size_t kWords = 7;
  ByteView words[kWords];
  ByteView slots[kMaxSlots];
  uint8_t user_bytes[kMaxUserBytes];

  ByteView& at(LogAtom atom) { return words[static_cast<size_t>(atom) - 1]; }
  const ByteView& at(LogAtom atom) const { return words[static_cast<size_t>(atom) - 1]; }
};

size_t LogFormat::escape_factor() const {
  return json_ ? kMaxEscapeJson : kMaxEscapeText;
}

void LogFormat::Resolve(const LogRequest& request, Values* values) const {
  for (uint32_t i = 0; i < request.variable_count; ++i) {
    const uint8_t slot = slot_of_key_[static_cast<size_t>(request.variables[i].key)];
    if (slot != 0) values->slots[slot] = request.variables[i].value;
  }
  const ByteView* const slots = values->slots;
  ByteView& addr = values->at(LogAtom::kAddr);
  addr = slots[kRemoteAddrSlot].empty() ? request.peer : slots[kRemoteAddrSlot];
  if (request.forwarded_for && !slots[kForwardedForSlot].empty()) addr = slots[kForwardedForSlot];
  ByteView& user = values->at(LogAtom::kUser);
  user = slots[kRemoteUserSlot];
  if (user.empty() && !slots[kAuthorizationSlot].empty()) {
    user = {values->user_bytes, DecodeUser(slots[kAuthorizationSlot], values->user_bytes)};
  }
  ByteView& uri = values->at(LogAtom::kUri);
  if (const RequestHead* const head = request.head; head != nullptr) {
    values->at(LogAtom::kMethod) = head->method;
    uri = head->target;
    values->at(LogAtom::kQuery) = head->query;
    values->at(LogAtom::kProtocol) = slots[kProtocolSlot];
  } else {
    const LineParts parts(request.line);
    values->at(LogAtom::kMethod) = parts.method;
    uri = parts.target;
    values->at(LogAtom::kProtocol) = parts.protocol;
  }
  if (!wants_path_) return;
  const uint8_t* const mark = FindByte(uri.begin(), uri.end(), '?');
  const auto path_size = static_cast<size_t>(mark - uri.begin());
  values->at(LogAtom::kPath) = {uri.begin(), path_size};
  ByteView& query = values->at(LogAtom::kQuery);
  if (query.empty() && mark != uri.end()) query = uri.From(path_size + 1);
}

// Of an atom that stands for bytes of a client; empty otherwise.
ByteView LogFormat::ValueOf(const Op& op, const LogRequest& request, const Values& values) const {
  if (op.atom <= LogAtom::kProtocol) return values.at(op.atom);
  if (op.atom != LogAtom::kVariable) return {};
  if (op.slot != 0) return values.slots[op.slot];
  for (uint32_t i = 0; i < request.variable_count; ++i) {
    const MetaVariable& one = request.variables[i];
    const ByteView name = one.key == Key::kNone ? one.name : VariableName(one.key);
    if (Equals(name, {op.name.data(), op.name.size()})) return one.value;
  }
  return {};
}

// Most texts are shorter than the slack: no call for them.
uint8_t* LogFormat::PutTextOf(const Op& op, uint8_t* out) const {
  const uint8_t* const text = text_.data() + op.text_at;
  memcpy(out, text, kTextSlack);
  if (op.text_size > kTextSlack) memcpy(out, text, op.text_size);
  return out + op.text_size;
}

// A word is what has no space in it in all that is well-formed.
uint8_t* LogFormat::PutValue(ByteView value, bool is_word, bool quoted, uint8_t* out) const {
  if (value.empty()) return Put(ByteView(quoted ? "null" : kNothing), out);
  if (!json_) return EscapeText(value, is_word, out);
  if (quoted) *out++ = '"';
  out = EscapeJson(value, out);
  if (quoted) *out++ = '"';
  return out;
}

uint8_t* LogFormat::PutRequestLine(const LogRequest& request, const Values& values,
                                   uint8_t* out) const {
  if (request.head == nullptr) return PutValue(request.line, false, false, out);
  out = PutValue(values.at(LogAtom::kMethod), true, false, out);
  *out++ = ' ';
  out = PutValue(values.at(LogAtom::kUri), true, false, out);
  *out++ = ' ';
  return PutValue(values.at(LogAtom::kProtocol), true, false, out);
}

uint8_t* LogFormat::PutRequestOp(const Op& op, ByteView value, const LogRequest& request,
                                 const LogTime& time, const Values& values, uint8_t* out) const {
  static const RequestHead kNoHead;
  const RequestHead& head = request.head == nullptr ? kNoHead : *request.head;
  const auto start = static_cast<uint64_t>(std::max<int64_t>(0, request.start_us));
  switch (op.atom) {
    case LogAtom::kEndOfRun:
      return out;
    case LogAtom::kRequestLine:
      return PutRequestLine(request, values, out);
    case LogAtom::kTimeClf:
      memcpy(out, time.clf, sizeof(time.clf));
      return out + time.clf_size;
    case LogAtom::kTimeCtime:
      memcpy(out, time.ctime, sizeof(time.ctime));
      return out + time.ctime_size;
    case LogAtom::kTimeIso:
      memcpy(out, time.iso, sizeof(time.iso));
      out += time.iso_size;
      *out++ = '.';
      out = PutDecimal(start / 1000 % 1000, out, 3);
      *out++ = 'Z';
      return out;
    case LogAtom::kTimeSeconds:
      return PutDecimal(static_cast<uint64_t>(std::max<int64_t>(0, time.seconds)), out);
    case LogAtom::kTimeMillis:
      return PutDecimal(start / 1000, out);
    case LogAtom::kTimeMicros:
      return PutDecimal(start, out);
    case LogAtom::kVariableCount:
      return PutDecimal(request.variable_count, out);
    case LogAtom::kPacketBytes:
      return PutDecimal(head.consumed, out);
    case LogAtom::kContentLength:
      return PutDecimal(head.content_length, out);
    case LogAtom::kModifier1:
      return PutDecimal(head.modifier1, out);
    case LogAtom::kModifier2:
      return PutDecimal(head.modifier2, out);
    default:
      return PutValue(value, op.atom <= LogAtom::kProtocol, op.quoted, out);
  }
}

// What an op can take, with its text.
size_t LogFormat::MostBytes(const Op& op, ByteView value, const LogRequest& request,
                            const Values& values) const {
  const size_t own = op.text_size + kTextSlack + kMaxOwnBytes;
  if (op.atom != LogAtom::kRequestLine) return own + value.size * escape_factor();
  const size_t line = values.at(LogAtom::kMethod).size + values.at(LogAtom::kUri).size +
                      values.at(LogAtom::kProtocol).size;
  return own + std::max(line, request.line.size) * escape_factor();
}

bool LogFormat::PutRequest(const LogRequest& request, const LogTime& time, Buffer* note) const {
  Values values;
  Resolve(request, &values);
  size_t run = note->size();
  uint8_t* out = note->Room(kUsualBytes);
  if (out == nullptr) return false;
  const uint8_t* end = out + note->room();
  out += kLengthBytes;
  for (const Op& op : request_ops_) {
    const ByteView value = ValueOf(op, request, values);
    const size_t most = MostBytes(op, value, request, values) + kLengthBytes;
    if (static_cast<size_t>(end - out) < most) {
      note->Grow(out);
      out = note->Room(std::max(most, kUsualBytes));
      if (out == nullptr) return false;
      end = out + note->room();
    }
    out = PutTextOf(op, out);
    out = PutRequestOp(op, value, request, time, values, out);
    POSTERN_DCHECK(out <= end);
    if (op.atom != LogAtom::kEndOfRun) continue;
    CloseRun(note->data() + run, out);
    run = static_cast<size_t>(out - note->data());
    out += kLengthBytes;
  }
  note->Grow(note->data() + run);
  return true;
}

bool LogFormat::PutResponseHead(ByteView fields, Buffer* note) const {
  if (head_ops_.empty()) return true;
  size_t bytes = 0;
  for (const Op& op : head_ops_) bytes += FindResponseField(fields, op.name).size;
  const size_t most =
      head_ops_.size() * (kLengthBytes + sizeof(kNothing)) + bytes * escape_factor();
  uint8_t* const start = note->Room(most);
  if (start == nullptr) return false;
  uint8_t* run = start;
  for (const Op& op : head_ops_) {
    const ByteView value = FindResponseField(fields, op.name);
    uint8_t* const out = PutValue(value, false, false, run + kLengthBytes);
    run = CloseRun(run, out);
  }
  POSTERN_DCHECK(static_cast<size_t>(run - start) <= most);
  note->Grow(run);
  return true;
}

uint8_t* LogFormat::PutLineOp(const Op& op, const LogResponse& response, uint8_t* out) const {
  constexpr uint64_t kMb = 1024 * 1024;
  const auto micros = static_cast<uint64_t>(std::max<int64_t>(0, response.duration_us));
  switch (op.atom) {
    case LogAtom::kStatus:
      return PutDecimal(response.status, out);
    case LogAtom::kBodyBytes:
      return PutDecimal(response.body_bytes, out);
    case LogAtom::kBodyBytesOrDash:
      return response.body_bytes == 0 ? Put(ByteView(kNothing), out)
                                      : PutDecimal(response.body_bytes, out);
    case LogAtom::kHeadBytes:
      return PutDecimal(response.head_bytes, out);
    case LogAtom::kAllBytes:
      return PutDecimal(response.head_bytes + response.body_bytes, out);
    case LogAtom::kFieldCount:
      return PutDecimal(response.field_count, out);
    case LogAtom::kMicros:
      return PutDecimal(micros, out);
    case LogAtom::kMillis:
      return PutDecimal(micros / 1000, out);
    case LogAtom::kMillisDecimal:
      return PutFraction(micros, 1000, 3, out);
    case LogAtom::kSeconds:
      return PutDecimal(micros / 1000000, out);
    case LogAtom::kSecondsDecimal:
      return PutFraction(micros, 1000000, 6, out);
    case LogAtom::kEpoch:
      return PutDecimal(static_cast<uint64_t>(std::max<int64_t>(0, response.now_s)), out);
    case LogAtom::kRss:
      return PutDecimal(response.rss, out);
    case LogAtom::kRssMb:
      return PutDecimal(response.rss / kMb, out);
    case LogAtom::kVsz:
      return PutDecimal(response.vsz, out);
    case LogAtom::kVszMb:
      return PutDecimal(response.vsz / kMb, out);
    case LogAtom::kAborted:
      return Put(ByteView(response.aborted ? "true" : "false"), out);
    case LogAtom::kAbortedFlag:
      return PutDecimal(response.aborted ? 1 : 0, out);
    default:
      return out;
  }
}

bool LogFormat::PutLine(ByteView request, ByteView head, const LogResponse& response,
                        Buffer* out) const {
  const size_t most = line_bytes_ + kTextSlack + request.size + head.size;
  uint8_t* const start = out->Room(most);
  if (start == nullptr) return false;
  uint8_t* p = start;
  for (const Op& op : line_ops_) {
    p = PutTextOf(op, p);
    if (op.atom == LogAtom::kRun) {
      p = Put(TakeRun(&request), p);
    } else if (op.atom == LogAtom::kResponseField) {
      p = Put(head.empty() ? ByteView(kNothing) : TakeRun(&head), p);
    } else {
      p = PutLineOp(op, response, p);
    }
  }
  POSTERN_DCHECK(static_cast<size_t>(p - start) <= most);
  out->Grow(p);
  return true;
}

}  // namespace postern
