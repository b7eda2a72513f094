// See ip_address.h.
#include "base/ip_address.h"

#include <algorithm>
#include <cstdio>

#include "base/ascii.h"
#include "base/scan.h"

namespace postern {
namespace {

// 1*3DIGIT without a leading zero, at most `most`.
bool TakeNumber(ByteView* text, unsigned most, unsigned* value) {
  size_t digits = 0;
  *value = 0;
  while (digits < text->size && digits < 4 && IsDigit((*text)[digits])) {
    *value = *value * 10 + ((*text)[digits] - '0');
    ++digits;
  }
  const bool zero_led = digits > 1 && (*text)[0] == '0';
  *text = text->From(digits);
  return digits > 0 && digits <= 3 && !zero_led && *value <= most;
}

bool ParseV4(ByteView text, uint8_t* out) {
  for (int i = 0; i < 4; ++i) {
    unsigned value;
    if (i > 0) {
      if (text.empty() || text[0] != '.') return false;
      text = text.From(1);
    }
    if (!TakeNumber(&text, 255, &value)) return false;
    out[i] = static_cast<uint8_t>(value);
  }
  return text.empty();
}

bool TakeGroup(ByteView* text, unsigned* value) {
  size_t digits = 0;
  *value = 0;
  while (digits < text->size && digits < 4 && HexValue((*text)[digits]) >= 0) {
    *value = *value << 4 | static_cast<unsigned>(HexValue((*text)[digits]));
    ++digits;
  }
  *text = text->From(digits);
  return digits > 0;
}

// Groups of hexadecimal digits; "::" once, for at least one group of zeros; the last two groups
// may be written as IPv4.
bool ParseV6(ByteView text, uint8_t* out) {
  uint8_t groups[16] = {};
  size_t filled = 0;
  size_t gap = SIZE_MAX;
  if (StartsWith(text, "::")) {
    gap = 0;
    text = text.From(2);
  }
  while (!text.empty()) {
    const uint8_t* const colon = FindByte(text.begin(), text.end(), ':');
    const bool last = colon == text.end();
    if (last && filled <= 12 && FindByte(text.begin(), text.end(), '.') != text.end()) {
      if (!ParseV4(text, groups + filled)) return false;
      filled += 4;
      break;
    }
    unsigned value;
    if (filled == 16 || !TakeGroup(&text, &value)) return false;
    groups[filled++] = static_cast<uint8_t>(value >> 8);
    groups[filled++] = static_cast<uint8_t>(value);
    if (text.empty()) break;
    if (text[0] != ':') return false;
    text = text.From(1);
    if (text.empty()) return false;
    if (text[0] != ':') continue;
    if (gap != SIZE_MAX) return false;
    gap = filled;
    text = text.From(1);
  }
  if (gap == SIZE_MAX ? filled != 16 : filled > 14) return false;
  if (gap == SIZE_MAX) gap = filled;
  std::fill_n(out, 16, uint8_t{0});
  std::copy_n(groups, gap, out);
  std::copy_n(groups + gap, filled - gap, out + 16 - (filled - gap));
  return true;
}

bool ParsePort(ByteView text, uint16_t* port) {
  uint64_t value;
  if (text.size > 5 || !ParseDecimal(text, &value) || value > 65535) return false;
  *port = static_cast<uint16_t>(value);
  return true;
}

}  // namespace

bool ParseIp(ByteView text, IpAddress* out) {
  *out = IpAddress();
  if (FindByte(text.begin(), text.end(), ':') == text.end()) {
    if (!ParseV4(text, out->bytes)) return false;
    out->family = IpAddress::Family::kV4;
    return true;
  }
  if (!ParseV6(text, out->bytes)) return false;
  out->family = IpAddress::Family::kV6;
  return true;
}

bool ParseIpAndPort(ByteView text, IpAddress* out, uint16_t* port) {
  *port = 0;
  if (ParseIp(text, out)) return true;
  const bool bracketed = !text.empty() && text[0] == '[';
  const uint8_t* const end = FindByte(text.begin(), text.end(), bracketed ? ']' : ':');
  if (end == text.end()) return false;
  const size_t skip = bracketed ? 1 : 0;
  const ByteView host{text.data + skip, static_cast<size_t>(end - text.data) - skip};
  ByteView rest{end + skip, static_cast<size_t>(text.end() - end) - skip};
  if (!ParseIp(host, out)) return false;
  if (bracketed != (out->family == IpAddress::Family::kV6)) return false;
  if (rest.empty()) return bracketed;
  return rest[0] == ':' && ParsePort(rest.From(1), port);
}

std::string FormatIp(const IpAddress& address) {
  char text[64] = "";
  const uint8_t* const b = address.bytes;
  if (address.family == IpAddress::Family::kV4) {
    snprintf(text, sizeof(text), "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
    return text;
  }
  if (address.family == IpAddress::Family::kNone) return {};
  // RFC 5952 §4.2: the longest run of two or more zero groups, the first of equals, becomes "::".
  int best = -1;
  int best_size = 1;
  for (int i = 0; i < 8; ++i) {
    int size = 0;
    while (i + size < 8 && b[2 * (i + size)] == 0 && b[2 * (i + size) + 1] == 0) ++size;
    if (size > best_size) {
      best = i;
      best_size = size;
    }
  }
  std::string out;
  for (int i = 0; i < 8; ++i) {
    if (i == best) {
      out += "::";
      i += best_size - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    snprintf(text, sizeof(text), "%x", static_cast<unsigned>(b[2 * i] << 8 | b[2 * i + 1]));
    out += text;
  }
  return out;
}

bool IpNetwork::Contains(const IpAddress& other) const {
  if (other.family != address.family || !address.known()) return false;
  const size_t whole = prefix_bits / 8;
  if (memcmp(address.bytes, other.bytes, whole) != 0) return false;
  const unsigned rest = prefix_bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<uint8_t>(0xff << (8 - rest));
  return ((address.bytes[whole] ^ other.bytes[whole]) & mask) == 0;
}

bool ParseNetwork(ByteView text, IpNetwork* out) {
  const uint8_t* const slash = FindByte(text.begin(), text.end(), '/');
  const ByteView host{text.data, static_cast<size_t>(slash - text.data)};
  if (!ParseIp(host, &out->address)) return false;
  const auto most = static_cast<uint8_t>(out->address.size() * 8);
  out->prefix_bits = most;
  if (slash == text.end()) return true;
  ByteView bits{slash + 1, static_cast<size_t>(text.end() - slash - 1)};
  unsigned value;
  if (!TakeNumber(&bits, most, &value) || !bits.empty()) return false;
  out->prefix_bits = static_cast<uint8_t>(value);
  return true;
}

}  // namespace postern
