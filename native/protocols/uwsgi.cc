// See uwsgi.h.
#include "protocols/uwsgi.h"

#include "base/ascii.h"
#include "base/scan.h"
#include "protocols/body_framing.h"

namespace postern {
namespace {

// Values that the front server has percent-decoded: any byte but NUL may be in them.
bool HoldsDecodedPath(Key key) {
  return key == Key::kPathInfo || key == Key::kScriptName || key == Key::kDocumentUri ||
         key == Key::kScriptFilename || key == Key::kPathTranslated;
}

bool IsKeyText(ByteView key) {
  for (uint8_t c : key) {
    if (c <= 0x20 || c == kDel) return false;
  }
  return true;
}

bool IsValueText(ByteView value, Key key) {
  const bool decoded = HoldsDecodedPath(key);
  for (uint8_t c : value) {
    if (c == 0 || (!decoded && (c == kCr || c == kLf))) return false;
  }
  return true;
}

ParseStatus ParseVars(ByteView block, const Limits& limits, RequestHead* head, ParseError* error) {
  while (!block.empty()) {
    uint16_t size;
    ByteView key;
    ByteView value;
    if (!ReadU16Le(&block, &size) || !ReadBytes(&block, size, &key) || !ReadU16Le(&block, &size) ||
        !ReadBytes(&block, size, &value)) {
      return Refuse(error, 400, "a uwsgi variable runs past the end of its packet");
    }
    if (key.empty()) return Refuse(error, 400, "a uwsgi variable without a name");
    if (!IsKeyText(key))
      return Refuse(error, 400, "a control byte in the name of a uwsgi variable");
    const Key known = FindVariableKey(key);
    if (!IsValueText(value, known)) {
      return Refuse(error, 400, "CR, LF or NUL in the value of a uwsgi variable");
    }
    if (head->field_count == limits.max_vars) {
      return Refuse(error, 431, "more uwsgi variables than max-vars");
    }
    head->fields[head->field_count++] = {key, value, known};
    if (known != Key::kNone) head->keys.TestAndSet(known);
  }
  return ParseStatus::kComplete;
}

ByteView ValueOr(const RequestHead& head, Key key, ByteView fallback) {
  const Field* field = head.Find(key);
  return field == nullptr ? fallback : field->value;
}

bool SaysHttps(const RequestHead& head) {
  const ByteView https = ValueOr(head, Key::kHttps, {});
  if (EqualsIgnoreCase(https, "on") || EqualsIgnoreCase(https, "https") || Equals(https, "1")) {
    return true;
  }
  return Equals(ValueOr(head, Key::kRequestScheme, {}), "https") ||
         Equals(ValueOr(head, Key::kUwsgiScheme, {}), "https");
}

// PATH_INFO from the packet, or else decoded from REQUEST_URI: nginx without `include
// uwsgi_params` sends neither, and "/" is then all that is known.
void TakePath(RequestHead* head) {
  head->target = ValueOr(*head, Key::kRequestUri, {});
  const uint8_t* const mark = FindByte(head->target.begin(), head->target.end(), '?');
  const size_t path_size = static_cast<size_t>(mark - head->target.begin());
  const bool has_query = mark != head->target.end();
  head->query =
      ValueOr(*head, Key::kQueryString, has_query ? head->target.From(path_size + 1) : ByteView());
  if (const Field* path = head->Find(Key::kPathInfo); path != nullptr) {
    head->path = path->value;
    return;
  }
  head->path = path_size > 0 ? head->target.Sub(0, path_size) : ByteView("/");
  head->path_has_escape = FindByte(head->path.begin(), head->path.end(), '%') != head->path.end();
}

ParseStatus TakeFacts(const Limits& limits, RequestHead* head, ParseError* error) {
  head->method = ValueOr(*head, Key::kRequestMethod, ByteView("GET"));
  if (head->method.empty()) head->method = ByteView("GET");
  if (!IsToken(head->method)) return Refuse(error, 400, "REQUEST_METHOD is not a token");
  TakePath(head);
  head->is_head = Equals(head->method, "HEAD");
  head->https = SaysHttps(*head);
  const ByteView protocol = ValueOr(*head, Key::kServerProtocol, ByteView("HTTP/1.1"));
  head->version_minor = Equals(protocol, "HTTP/1.0") ? 0 : 1;
  head->keep_alive = false;
  return DecideGatewayBody(limits, head, error);
}

ParseStatus RefuseModifier(ByteView in, ParseError* error) {
  const char* const foreign = RecogniseForeignProtocol(in);
  if (foreign != nullptr) return RefuseForeign(error, foreign);
  return Refuse(error, 501, "no application type has this modifier1");
}

}  // namespace

const char* RecogniseForeignProtocol(ByteView in) {
  if (in[0] == 0x16 && in[1] == 0x03) {
    return "TLS spoken to a uwsgi socket: point the client at an https-socket, or use uwsgi_pass "
           "without suwsgi://";
  }
  for (const char* method :
       {"GET ", "POST", "HEAD", "PUT ", "DELE", "OPTI", "PATC", "TRAC", "CONN"}) {
    if (memcmp(in.data, method, 4) == 0) {
      return "HTTP spoken to a uwsgi socket: use http-socket, or uwsgi_pass instead of proxy_pass";
    }
  }
  if (IsDigit(in[0])) {
    return "SCGI spoken to a uwsgi socket: use uwsgi_pass instead of scgi_pass";
  }
  if (in[0] == 1 && in[1] == 1 && in[2] == 0) {
    return "FastCGI spoken to a uwsgi socket: use uwsgi_pass instead of fastcgi_pass";
  }
  return nullptr;
}

ParseStatus ParseUwsgiPacket(ByteView in, const Limits& limits, RequestHead* head,
                             ParseError* error) {
  head->Reset();
  if (in.size < kUwsgiHeaderBytes) return ParseStatus::kIncomplete;
  ByteView rest = in;
  uint16_t datasize = 0;
  ReadU8(&rest, &head->modifier1);
  ReadU16Le(&rest, &datasize);
  ReadU8(&rest, &head->modifier2);
  head->consumed = kUwsgiHeaderBytes + datasize;
  const bool ping = head->modifier1 == kUwsgiModifierPing;
  if (!ping && head->modifier1 != kUwsgiModifierWsgi &&
      head->modifier1 != kUwsgiModifierWsgiStripped) {
    return RefuseModifier(in, error);
  }
  if (datasize > limits.max_head_bytes) {
    return Refuse(error, 431, "the uwsgi packet is larger than buffer-size");
  }
  if (datasize == 0 && !ping) return Refuse(error, 0, "an empty uwsgi packet");
  if (rest.size < datasize) return ParseStatus::kIncomplete;
  if (ping) return ParseStatus::kComplete;
  const ParseStatus status = ParseVars(rest.Sub(0, datasize), limits, head, error);
  return status == ParseStatus::kComplete ? TakeFacts(limits, head, error) : status;
}

bool EncodeUwsgiPacket(uint8_t modifier1, uint8_t modifier2, std::span<const UwsgiVar> vars,
                       Buffer* out) {
  size_t datasize = 0;
  for (const UwsgiVar& var : vars) {
    if (var.key.size > UINT16_MAX || var.value.size > UINT16_MAX) return false;
    datasize += 4 + var.key.size + var.value.size;
  }
  if (datasize > UINT16_MAX) return false;
  const auto put = [out](size_t low, size_t high) {
    const uint8_t bytes[] = {static_cast<uint8_t>(low), static_cast<uint8_t>(high)};
    return out->Append({bytes, 2});
  };
  bool kept = put(modifier1, datasize & 0xff) && put(datasize >> 8, modifier2);
  for (const UwsgiVar& var : vars) {
    kept = kept && put(var.key.size & 0xff, var.key.size >> 8) && out->Append(var.key) &&
           put(var.value.size & 0xff, var.value.size >> 8) && out->Append(var.value);
  }
  return kept;
}

}  // namespace postern
