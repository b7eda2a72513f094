// See body_framing.h.
#include "protocols/body_framing.h"

#include "base/ascii.h"

namespace postern {
namespace {

ParseStatus SetLength(ByteView digits, const Limits& limits, RequestHead* head, ParseError* error) {
  uint64_t length;
  if (!ParseDecimal(digits, &length)) {
    return Refuse(error, 400, "Content-Length is not a number of bytes");
  }
  if (limits.max_body_bytes != 0 && length > limits.max_body_bytes) {
    return Refuse(error, 413, "the body is larger than limit-post");
  }
  head->framing = length == 0 ? BodyFraming::kNone : BodyFraming::kLength;
  head->content_length = length;
  return ParseStatus::kComplete;
}

// Anything but the one word is refused: lists, parameters and look-alikes have all been read
// differently by two servers in a row (CVE-2024-1135, CVE-2019-16786, CVE-2020-10109).
ParseStatus CheckTransferEncoding(const FramingFields& fields, const RequestHead& head,
                                  ParseError* error) {
  if (head.version_minor == 0) return Refuse(error, 400, "Transfer-Encoding in HTTP/1.0");
  if (fields.content_length != nullptr) {
    return Refuse(error, 400, "Content-Length and Transfer-Encoding together");
  }
  if (fields.repeated_transfer_encoding) {
    return Refuse(error, 400, "Transfer-Encoding more than once");
  }
  if (fields.transfer_encoding->empty()) return Refuse(error, 400, "Transfer-Encoding is empty");
  if (!EqualsIgnoreCase(*fields.transfer_encoding, "chunked")) {
    return Refuse(error, 501, "a Transfer-Encoding other than chunked");
  }
  return ParseStatus::kComplete;
}

}  // namespace

ParseStatus DecideHttpBody(const FramingFields& fields, const Limits& limits, RequestHead* head,
                           ParseError* error) {
  if (fields.transfer_encoding != nullptr) {
    const ParseStatus status = CheckTransferEncoding(fields, *head, error);
    if (status == ParseStatus::kComplete) head->framing = BodyFraming::kChunked;
    return status;
  }
  if (fields.content_length != nullptr) {
    return SetLength(*fields.content_length, limits, head, error);
  }
  head->framing = BodyFraming::kNone;
  return ParseStatus::kComplete;
}

ParseStatus DecideGatewayBody(const Limits& limits, RequestHead* head, ParseError* error) {
  const Field* length = nullptr;
  for (uint32_t i = 0; i < head->field_count; ++i) {
    if (head->fields[i].key != Key::kContentLength) continue;
    if (length != nullptr && !Equals(length->value, head->fields[i].value)) {
      return Refuse(error, 400, "CONTENT_LENGTH twice, with different values");
    }
    length = &head->fields[i];
  }
  if (length != nullptr && !length->value.empty()) {
    return SetLength(length->value, limits, head, error);
  }
  if (head->keys.Has(Key::kTransferEncoding)) {
    return Refuse(error, 411, "a body without CONTENT_LENGTH");
  }
  head->framing = BodyFraming::kNone;
  return ParseStatus::kComplete;
}

}  // namespace postern
