// See http1_response.h.
#include "protocols/http1_response.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "base/ascii.h"
#include "base/scan.h"

namespace postern {
namespace {

constexpr size_t kMaxDigits = 20;

uint8_t* Put(ByteView bytes, uint8_t* out) {
  if (!bytes.empty()) memcpy(out, bytes.data, bytes.size);
  return out + bytes.size;
}

template <size_t N>
uint8_t* PutText(const char (&text)[N], uint8_t* out) {
  memcpy(out, text, N - 1);
  return out + N - 1;
}

uint8_t* PutDecimal(uint64_t value, uint8_t* out) {
  uint8_t digits[kMaxDigits];
  size_t at = kMaxDigits;
  do {
    digits[--at] = static_cast<uint8_t>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return Put({digits + at, kMaxDigits - at}, out);
}

constexpr char kVersion[] = "HTTP/1.1 ";
constexpr char kCrLf[] = "\r\n";
constexpr char kLength[] = "Content-Length: ";
constexpr char kChunked[] = "Transfer-Encoding: chunked\r\n";
constexpr char kClose[] = "Connection: close\r\n";
constexpr char kKeepAlive[] = "Connection: keep-alive\r\n";
constexpr size_t kFixedBytes = sizeof(kVersion) + 3 * sizeof(kCrLf) + sizeof(kLength) + kMaxDigits +
                               sizeof(kChunked) + sizeof(kClose) + sizeof(kKeepAlive);

bool TellsLength(const ResponseOptions& options) {
  return options.content_length != kNoLength && (options.framing == ResponseFraming::kLength ||
                                                 options.framing == ResponseFraming::kNoBody);
}

}  // namespace

bool ValidateStatus(ByteView status) {
  if (status.size < 3 || !IsDigit(status[0]) || !IsDigit(status[1]) || !IsDigit(status[2])) {
    return false;
  }
  if (status[0] == '0' || (status.size > 3 && status[3] != ' ')) return false;
  return FindFieldValueEnd(status.begin(), status.end()) == status.end();
}

bool ValidateFieldLines(ByteView lines) {
  const uint8_t* p = lines.begin();
  while (p < lines.end()) {
    const uint8_t* name = p;
    while (p < lines.end() && IsToken(*p)) ++p;
    if (p == name || lines.end() - p < 4 || p[0] != ':' || p[1] != ' ') return false;
    p = FindFieldValueEnd(p + 2, lines.end());
    if (lines.end() - p < 2 || p[0] != kCr || p[1] != kLf) return false;
    p += 2;
  }
  return true;
}

size_t MaxHeadBytes(const ResponseHead& head, const ResponseOptions& options) {
  return head.status.size + head.lines.size + options.date_line.size + options.server_line.size +
         kFixedBytes;
}

uint8_t* EncodeHead(const ResponseHead& head, const ResponseOptions& options, uint8_t* out) {
  out = PutText(kVersion, out);
  out = Put(head.status, out);
  out = PutText(kCrLf, out);
  out = Put(head.lines, out);
  if (!head.has_server) out = Put(options.server_line, out);
  if (!head.has_date) out = Put(options.date_line, out);
  if (TellsLength(options)) {
    out = PutText(kLength, out);
    out = PutDecimal(options.content_length, out);
    out = PutText(kCrLf, out);
  } else if (options.framing == ResponseFraming::kChunked) {
    out = PutText(kChunked, out);
  }
  if (options.close) {
    out = PutText(kClose, out);
  } else if (options.keep_alive_1_0) {
    out = PutText(kKeepAlive, out);
  }
  return PutText(kCrLf, out);
}

uint8_t* EncodeChunkHeader(uint64_t size, uint8_t* out) {
  uint8_t digits[16];
  size_t at = sizeof(digits);
  do {
    digits[--at] = static_cast<uint8_t>("0123456789abcdef"[size & 15]);
    size >>= 4;
  } while (size != 0);
  out = Put({digits + at, sizeof(digits) - at}, out);
  return PutText(kCrLf, out);
}

uint8_t* EncodeError(uint16_t status, const char* reason, bool head_only, ByteView date_line,
                     uint8_t* out) {
  char body[384];
  const int printed =
      snprintf(body, sizeof(body), "%u %s: %s\n", status, ReasonPhrase(status), reason);
  const size_t size = std::min<size_t>(static_cast<size_t>(printed), sizeof(body) - 1);
  out = PutText(kVersion, out);
  out = PutDecimal(status, out);
  *out++ = ' ';
  out = Put(ByteView(ReasonPhrase(status)), out);
  out = PutText("\r\nContent-Type: text/plain; charset=utf-8\r\n", out);
  out = Put(date_line, out);
  out = PutText(kLength, out);
  out = PutDecimal(size, out);
  out = PutText(kCrLf, out);
  out = PutText(kClose, out);
  out = PutText(kCrLf, out);
  return head_only ? out : Put(ByteView(body, size), out);
}

const char* ReasonPhrase(uint16_t status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

void EncodeDateLine(int64_t unix_seconds, uint8_t* out) {
  static constexpr char kDays[] = "SunMonTueWedThuFriSat";
  static constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const time_t seconds = static_cast<time_t>(unix_seconds);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char line[64];
  snprintf(line, sizeof(line), "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
           kDays + 3 * parts.tm_wday, parts.tm_mday, kMonths + 3 * parts.tm_mon,
           parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  memcpy(out, line, kDateLineBytes);
}

}  // namespace postern
