// See proxy.h.
#include "protocols/proxy.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/scan.h"

namespace postern {
namespace {

constexpr uint8_t kSignature[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};
constexpr char kPrefix[] = "PROXY ";
constexpr size_t kPrefixBytes = sizeof(kPrefix) - 1;
constexpr size_t kMaxLineBytes = 107;
constexpr size_t kBinaryHeaderBytes = sizeof(kSignature) + 4;

bool StartsAlike(ByteView in, const void* expected, size_t size) {
  return memcmp(in.data, expected, std::min(in.size, size)) == 0;
}

// Takes the next field of a line, which one space ends.
ByteView TakeWord(ByteView* line) {
  const uint8_t* const space = FindByte(line->begin(), line->end(), ' ');
  const ByteView word{line->data, static_cast<size_t>(space - line->data)};
  *line = line->From(std::min(word.size + 1, line->size));
  return word;
}

bool ParsePort(ByteView text, uint16_t* port) {
  uint64_t value;
  const bool zero_led = text.size > 1 && text[0] == '0';
  if (zero_led || text.size > 5 || !ParseDecimal(text, &value) || value > 65535) return false;
  *port = static_cast<uint16_t>(value);
  return true;
}

bool ParseLine(ByteView line, Peer* source) {
  const ByteView family = TakeWord(&line);
  if (Equals(family, "UNKNOWN")) return true;
  const bool v4 = Equals(family, "TCP4");
  if (!v4 && !Equals(family, "TCP6")) return false;
  const auto wanted = v4 ? IpAddress::Family::kV4 : IpAddress::Family::kV6;
  Peer from;
  Peer to;
  if (!ParseIp(TakeWord(&line), &from.address) || from.address.family != wanted ||
      !ParseIp(TakeWord(&line), &to.address) || to.address.family != wanted ||
      !ParsePort(TakeWord(&line), &from.port) || !ParsePort(line, &to.port)) {
    return false;
  }
  *source = from;
  return true;
}

ParseStatus ParseText(ByteView in, ProxyHeader* out, ParseError* error) {
  const ByteView seen = in.Sub(0, std::min(in.size, kMaxLineBytes));
  const uint8_t* const end = FindByte(seen.begin(), seen.end(), kLf);
  if (end == seen.end()) {
    if (seen.size < kMaxLineBytes) return ParseStatus::kIncomplete;
    return Refuse(error, 400, "a PROXY line that does not end");
  }
  if (end[-1] != kCr) return Refuse(error, 400, "a PROXY line without CRLF");
  const ByteView line{seen.data + kPrefixBytes,
                      static_cast<size_t>(end - 1 - seen.data) - kPrefixBytes};
  if (!ParseLine(line, &out->source)) return Refuse(error, 400, "a malformed PROXY line");
  out->consumed = static_cast<size_t>(end + 1 - in.data);
  return ParseStatus::kComplete;
}

// Addresses of the TCP families; of the others nothing is taken.
bool ParseAddresses(uint8_t family, ByteView in, Peer* source) {
  const bool v4 = family >> 4 == 1;
  const size_t size = v4 ? 4 : 16;
  ByteView address;
  if (!ReadBytes(&in, size, &address)) return false;
  ByteView destination;
  if (!ReadBytes(&in, size, &destination) || !ReadU16Be(&in, &source->port)) return false;
  source->address.family = v4 ? IpAddress::Family::kV4 : IpAddress::Family::kV6;
  memcpy(source->address.bytes, address.data, size);
  uint16_t destination_port;
  return ReadU16Be(&in, &destination_port);
}

ParseStatus ParseBinary(ByteView in, ProxyHeader* out, ParseError* error) {
  if (in.size < kBinaryHeaderBytes) return ParseStatus::kIncomplete;
  ByteView rest = in.From(sizeof(kSignature));
  uint8_t version_command = 0;
  uint8_t family = 0;
  uint16_t size = 0;
  ReadU8(&rest, &version_command);
  ReadU8(&rest, &family);
  ReadU16Be(&rest, &size);
  if (version_command != 0x20 && version_command != 0x21) {
    return Refuse(error, 400, "a PROXY header of another version or command");
  }
  constexpr uint16_t kMostBytes = 2048;  // addresses, and TLVs of a sane size
  if (size > kMostBytes) return Refuse(error, 400, "a PROXY header that is too large");
  if (rest.size < size) return ParseStatus::kIncomplete;
  out->consumed = kBinaryHeaderBytes + size;
  const bool local = version_command == 0x20;
  if (local || family == 0x00) return ParseStatus::kComplete;
  const uint8_t transport = family & 0x0f;
  if (transport != 1) return Refuse(error, 400, "a PROXY header for something that is no stream");
  if (family >> 4 == 3) return ParseStatus::kComplete;  // a unix client
  if (family >> 4 > 3 || !ParseAddresses(family, rest.Sub(0, size), &out->source)) {
    return Refuse(error, 400, "a PROXY header with malformed addresses");
  }
  return ParseStatus::kComplete;
}

}  // namespace

bool MayBeProxyHeader(ByteView in) {
  return StartsAlike(in, kPrefix, kPrefixBytes) || StartsAlike(in, kSignature, sizeof(kSignature));
}

ParseStatus ParseProxyHeader(ByteView in, ProxyHeader* out, ParseError* error) {
  *out = ProxyHeader();
  if (in.size < sizeof(kSignature)) return ParseStatus::kIncomplete;
  return in[0] == 'P' ? ParseText(in, out, error) : ParseBinary(in, out, error);
}

}  // namespace postern
