// See meta_variables.h.
#include "protocols/meta_variables.h"

#include "base/ascii.h"
#include "protocols/percent.h"
#include "protocols/uwsgi.h"

namespace postern {
namespace {

class Builder {
 public:
  Builder(const RequestHead& head, Arena* arena, MetaVariable* out)
      : head_(head), arena_(arena), out_(out) {}

  ParseStatus BuildHttp(ParseError* error);
  ParseStatus BuildGateway(ParseError* error);
  uint32_t count() const { return count_; }

 private:
  void Put(Key key, ByteView value) { out_[count_++] = {key, {}, value}; }
  ParseStatus PutPath(ParseError* error);
  void PutToldEnds();
  bool PutUnknownField(const Field& field);
  bool PutRepeated(uint32_t index);
  bool IsRepeatOfEarlier(uint32_t index) const;
  void PutLastOf(const Field& field);

  const RequestHead& head_;
  Arena* const arena_;
  MetaVariable* const out_;
  uint32_t count_ = 0;
};

ParseStatus Builder::PutPath(ParseError* error) {
  if (!head_.path_has_escape) {
    Put(Key::kPathInfo, head_.path);
    return ParseStatus::kComplete;
  }
  uint8_t* const decoded = arena_->Allocate(head_.path.size);
  if (decoded == nullptr) return ParseStatus::kIncomplete;
  size_t size;
  if (!PercentDecode(head_.path, decoded, &size)) {
    return Refuse(error, 400, "an invalid percent-escape in the path");
  }
  arena_->GiveBack(head_.path.size - size);
  Put(Key::kPathInfo, {decoded, size});
  return ParseStatus::kComplete;
}

// "x-foo" → "HTTP_X_FOO".
bool Builder::PutUnknownField(const Field& field) {
  constexpr char kPrefix[] = "HTTP_";
  constexpr size_t kPrefixSize = sizeof(kPrefix) - 1;
  uint8_t* const name = arena_->Allocate(kPrefixSize + field.name.size);
  if (name == nullptr) return false;
  memcpy(name, kPrefix, kPrefixSize);
  for (size_t i = 0; i < field.name.size; ++i) {
    const uint8_t c = field.name[i];
    name[kPrefixSize + i] = c == '-' ? '_' : ToUpper(c);
  }
  out_[count_++] = {Key::kNone, {name, kPrefixSize + field.name.size}, field.value};
  return true;
}

bool SameName(const Field& a, const Field& b) {
  if (a.key != Key::kNone || b.key != Key::kNone) return a.key == b.key;
  if (a.name.size != b.name.size) return false;
  for (size_t i = 0; i < a.name.size; ++i) {
    if (ToLower(a.name[i]) != ToLower(b.name[i])) return false;
  }
  return true;
}

bool Builder::IsRepeatOfEarlier(uint32_t index) const {
  for (uint32_t i = 0; i < index; ++i) {
    if (SameName(head_.fields[i], head_.fields[index])) return true;
  }
  return false;
}

// Joins the field at `index` with all later ones of its name: "; " for Cookie (RFC 9113 §8.2.3),
// "," for the rest (RFC 3875 §4.1.18). One pass to measure, one to copy: never quadratic in bytes.
bool Builder::PutRepeated(uint32_t index) {
  const Field& first = head_.fields[index];
  const ByteView separator(first.key == Key::kCookie ? "; " : ",");
  size_t size = first.value.size;
  for (uint32_t i = index + 1; i < head_.field_count; ++i) {
    if (SameName(first, head_.fields[i])) size += separator.size + head_.fields[i].value.size;
  }
  uint8_t* const joined = arena_->Allocate(size);
  if (joined == nullptr) return false;
  uint8_t* p = joined;
  const auto put = [&p](ByteView bytes) {
    if (!bytes.empty()) memcpy(p, bytes.data, bytes.size);
    p += bytes.size;
  };
  put(first.value);
  for (uint32_t i = index + 1; i < head_.field_count; ++i) {
    if (!SameName(first, head_.fields[i])) continue;
    put(separator);
    put(head_.fields[i].value);
  }
  Field field = first;
  field.value = {joined, size};
  if (field.key != Key::kNone) Put(field.key, field.value);
  return field.key != Key::kNone || PutUnknownField(field);
}

void Builder::PutToldEnds() {
  const ToldEnds& told = head_.told;
  if (told.remote) {
    Put(Key::kRemoteAddr, told.remote_addr);
    Put(Key::kRemotePort, told.remote_port);
  }
  if (!told.http_host.empty()) Put(Key::kHost, told.http_host);
  if (!told.server_name.empty()) Put(Key::kServerName, told.server_name);
  if (!told.server_port.empty()) Put(Key::kServerPort, told.server_port);
}

ParseStatus Builder::BuildHttp(ParseError* error) {
  Put(Key::kRequestMethod, head_.method);
  Put(Key::kQueryString, head_.query);
  Put(Key::kRequestUri, head_.target);
  Put(Key::kServerProtocol, ByteView(head_.version_minor == 0 ? "HTTP/1.0" : "HTTP/1.1"));
  const ParseStatus status = PutPath(error);
  if (status != ParseStatus::kComplete) return status;

  PutToldEnds();
  KeySet once;
  KeySet repeated;
  bool unknown = false;
  for (uint32_t i = 0; i < head_.field_count; ++i) {
    const Key key = head_.fields[i].key;
    if (key == Key::kNone) {
      unknown = true;
    } else if (once.TestAndSet(key)) {
      repeated.TestAndSet(key);
    }
  }
  for (uint32_t i = 0; i < head_.field_count; ++i) {
    const Field& field = head_.fields[i];
    if (field.key == Key::kProxy) continue;  // httpoxy: HTTP_PROXY configures HTTP clients
    if (field.key != Key::kNone && head_.hidden.Has(field.key)) continue;
    if (field.key == Key::kHost && !head_.told.http_host.empty()) continue;
    if (field.key != Key::kNone && !repeated.Has(field.key)) {
      Put(field.key, field.value);
      continue;
    }
    if (IsRepeatOfEarlier(i)) continue;
    bool again = field.key != Key::kNone;
    for (uint32_t j = i + 1; unknown && !again && j < head_.field_count; ++j) {
      again = SameName(field, head_.fields[j]);
    }
    if (!(again ? PutRepeated(i) : PutUnknownField(field))) return ParseStatus::kIncomplete;
  }
  return ParseStatus::kComplete;
}

bool IsReservedVariable(const Field& field) {
  switch (field.key) {
    case Key::kProxy:     // httpoxy
    case Key::kPathInfo:  // both are put from the head
    case Key::kQueryString:
      return true;
    case Key::kNone:
      return StartsWith(field.name, "wsgi.") || Equals(field.name, "HTTP_CONTENT_TYPE") ||
             Equals(field.name, "HTTP_CONTENT_LENGTH");
    default:
      return false;
  }
}

// A variable that comes twice keeps its last value, as it does in uWSGI.
void Builder::PutLastOf(const Field& field) {
  for (uint32_t i = 0; i < count_; ++i) {
    const bool same = field.key != Key::kNone
                          ? out_[i].key == field.key
                          : out_[i].key == Key::kNone && Equals(out_[i].name, field.name);
    if (same) {
      out_[i].value = field.value;
      return;
    }
  }
  out_[count_++] = {field.key, field.name, field.value};
}

ByteView StripScriptName(const RequestHead& head) {
  const Field* script = head.Find(Key::kScriptName);
  if (script == nullptr || script->value.size > head.path.size) return head.path;
  const bool prefix = Equals(head.path.Sub(0, script->value.size), script->value);
  return prefix ? head.path.From(script->value.size) : head.path;
}

ParseStatus Builder::BuildGateway(ParseError* error) {
  const ParseStatus status = PutPath(error);
  if (status != ParseStatus::kComplete) return status;
  if (head_.modifier1 == kUwsgiModifierWsgiStripped) out_[0].value = StripScriptName(head_);
  Put(Key::kQueryString, head_.query);
  if (!head_.keys.Has(Key::kRequestMethod)) Put(Key::kRequestMethod, head_.method);
  if (!head_.keys.Has(Key::kServerProtocol)) Put(Key::kServerProtocol, ByteView("HTTP/1.1"));
  KeySet seen;
  for (uint32_t i = 0; i < head_.field_count; ++i) {
    const Field& field = head_.fields[i];
    if (IsReservedVariable(field)) continue;
    if (field.key != Key::kNone && !seen.TestAndSet(field.key)) {
      Put(field.key, field.value);
    } else {
      PutLastOf(field);
    }
  }
  return ParseStatus::kComplete;
}

}  // namespace

ParseStatus BuildMetaVariables(const RequestHead& head, HeadKind kind, Arena* arena,
                               MetaVariable* out, uint32_t* count, ParseError* error) {
  Builder builder(head, arena, out);
  const ParseStatus status =
      kind == HeadKind::kHttp ? builder.BuildHttp(error) : builder.BuildGateway(error);
  *count = builder.count();
  return status;
}

}  // namespace postern
