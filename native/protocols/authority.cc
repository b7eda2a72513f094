// See authority.h.
#include "protocols/authority.h"

#include "base/ascii.h"

namespace postern {
namespace {

// unreserved / sub-delims of RFC 3986; '%' is left out on purpose: an encoded host name is a way
// to write one name in two forms.
bool IsRegName(uint8_t c) {
  if (IsAlnum(c)) return true;
  switch (c) {
    case '-':
    case '.':
    case '_':
    case '~':
    case '!':
    case '$':
    case '&':
    case '\'':
    case '(':
    case ')':
    case '*':
    case '+':
    case ',':
    case ';':
    case '=':
      return true;
    default:
      return false;
  }
}

bool ParsePort(ByteView text) {
  if (text.empty()) return true;
  uint64_t port;
  return text.size <= 5 && ParseDecimal(text, &port) && port <= 65535;
}

// "[" up to and with "]"; 0: not one. Only the characters are checked, not the groups.
size_t IpLiteralSize(ByteView text) {
  for (size_t i = 1; i < text.size; ++i) {
    if (text[i] == ']') return i > 2 ? i + 1 : 0;
    if (HexValue(text[i]) < 0 && text[i] != ':' && text[i] != '.') return 0;
  }
  return 0;
}

}  // namespace

bool ParseAuthority(ByteView text, Authority* out) {
  size_t host = 0;
  if (!text.empty() && text[0] == '[') {
    host = IpLiteralSize(text);
    if (host == 0) return false;
  } else {
    while (host < text.size && IsRegName(text[host])) ++host;
  }
  out->host = text.Sub(0, host);
  out->port = {};
  if (host == text.size) return true;
  if (text[host] != ':') return false;
  out->port = text.From(host + 1);
  return ParsePort(out->port);
}

}  // namespace postern
