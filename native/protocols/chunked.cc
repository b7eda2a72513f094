// See chunked.h.
#include "protocols/chunked.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/scan.h"

namespace postern {
namespace {

// Skips BWS; a byte that must follow is checked by the caller.
void SkipBws(ByteView* in) {
  while (!in->empty() && IsOws((*in)[0])) *in = in->From(1);
}

bool TakeToken(ByteView* in) {
  size_t size = 0;
  while (size < in->size && IsToken((*in)[size])) ++size;
  *in = in->From(size);
  return size > 0;
}

// quoted-string of RFC 9110 §5.6.4, from its opening quote on.
bool TakeQuotedString(ByteView* in) {
  for (size_t i = 1; i < in->size; ++i) {
    const uint8_t c = (*in)[i];
    if (c == '"') {
      *in = in->From(i + 1);
      return true;
    }
    if (c == '\\') ++i;
    if (i >= in->size || !IsFieldByte((*in)[i])) return false;
  }
  return false;
}

// The whole of chunk-ext. White space alone is not an extension: "5 CRLF" is refused, because
// servers disagree about it.
bool IsChunkExtension(ByteView in) {
  while (!in.empty()) {
    SkipBws(&in);
    if (in.empty() || in[0] != ';') return false;
    in = in.From(1);
    SkipBws(&in);
    if (!TakeToken(&in)) return false;
    ByteView after = in;
    SkipBws(&after);
    if (after.empty() || after[0] != '=') continue;
    in = after.From(1);
    SkipBws(&in);
    const bool quoted = !in.empty() && in[0] == '"';
    if (quoted ? !TakeQuotedString(&in) : !TakeToken(&in)) return false;
  }
  return true;
}

// 1*HEXDIG without sign, prefix or separator; at most 16 of them and below 2^63.
bool ParseChunkSize(ByteView* line, uint64_t* size) {
  uint64_t value = 0;
  size_t digits = 0;
  for (; digits < line->size; ++digits) {
    const int digit = HexValue((*line)[digits]);
    if (digit < 0) break;
    if (digits == 16) return false;
    value = value << 4 | static_cast<uint64_t>(digit);
  }
  *line = line->From(digits);
  *size = value;
  return digits > 0 && value <= INT64_MAX;
}

// Fields that frame, route, authenticate or negotiate mean nothing behind the body, and a server
// that merged them could be fooled (RFC 9110 §6.5.1).
bool IsForbiddenTrailer(Key key) {
  switch (key) {
    case Key::kContentLength:
    case Key::kTransferEncoding:
    case Key::kHost:
    case Key::kTrailer:
    case Key::kConnection:
    case Key::kKeepAlive:
    case Key::kTe:
    case Key::kUpgrade:
    case Key::kExpect:
    case Key::kRange:
    case Key::kIfMatch:
    case Key::kIfNoneMatch:
    case Key::kIfRange:
    case Key::kIfModifiedSince:
    case Key::kIfUnmodifiedSince:
    case Key::kAuthorization:
    case Key::kProxyAuthorization:
    case Key::kProxyConnection:
    case Key::kCookie:
    case Key::kContentType:
    case Key::kContentEncoding:
    case Key::kCacheControl:
    case Key::kForwarded:
    case Key::kXForwardedFor:
    case Key::kXForwardedProto:
    case Key::kXForwardedHost:
    case Key::kXForwardedPort:
    case Key::kXRealIp:
      return true;
    default:
      return false;
  }
}

}  // namespace

ParseStatus ChunkedDecoder::Feed(ByteView in, const Limits& limits, size_t* consumed,
                                 ByteView* data, ParseError* error) {
  *consumed = 0;
  *data = {};
  switch (state_) {
    case State::kSize:
      return FeedSize(in, limits, consumed, error);
    case State::kData:
      return FeedData(in, consumed, data);
    case State::kDataEnd:
      return FeedDataEnd(in, consumed, error);
    case State::kTrailers:
      return FeedTrailers(in, limits, consumed, error);
    case State::kDone:
      break;
  }
  return ParseStatus::kComplete;
}

ParseStatus ChunkedDecoder::FeedSize(ByteView in, const Limits& limits, size_t* consumed,
                                     ParseError* error) {
  const uint8_t* const end = FindFieldValueEnd(in.begin(), in.end());
  ByteView line = {in.data, static_cast<size_t>(end - in.data)};
  if (line.size > limits.max_chunk_line_bytes) {
    return Refuse(error, 400, "a chunk line is too long");
  }
  // The size is judged before the line is whole: "GET / …" in its place is refused at once.
  if (end == in.end() && (line.empty() || HexValue(line[0]) >= 0)) return ParseStatus::kIncomplete;
  uint64_t size;
  if (!ParseChunkSize(&line, &size)) return Refuse(error, 400, "an invalid chunk size");
  if (end == in.end()) return Refuse(error, 400, "an invalid chunk size");
  if (*end != kCr) return Refuse(error, 400, "a control byte in a chunk line");
  if (in.end() - end < 2) return ParseStatus::kIncomplete;
  if (end[1] != kLf) return Refuse(error, 400, "CR without LF in a chunk line");
  if (!IsChunkExtension(line)) return Refuse(error, 400, "an invalid chunk extension");
  extension_bytes_ += static_cast<uint32_t>(line.size);
  if (extension_bytes_ > limits.max_chunk_extension_bytes) {
    return Refuse(error, 400, "too many chunk extensions");
  }
  if (limits.max_body_bytes != 0 &&
      size > limits.max_body_bytes - std::min(total_, limits.max_body_bytes)) {
    return Refuse(error, 413, "the body is larger than limit-post");
  }
  if (size > INT64_MAX - total_) return Refuse(error, 413, "the body is too large");
  total_ += size;
  chunk_left_ = size;
  state_ = size == 0 ? State::kTrailers : State::kData;
  *consumed = static_cast<size_t>(end + 2 - in.data);
  return ParseStatus::kIncomplete;
}

ParseStatus ChunkedDecoder::FeedData(ByteView in, size_t* consumed, ByteView* data) {
  const size_t size = static_cast<size_t>(std::min<uint64_t>(in.size, chunk_left_));
  *data = in.Sub(0, size);
  *consumed = size;
  chunk_left_ -= size;
  if (chunk_left_ == 0) state_ = State::kDataEnd;
  return ParseStatus::kIncomplete;
}

ParseStatus ChunkedDecoder::FeedDataEnd(ByteView in, size_t* consumed, ParseError* error) {
  if (in.size >= 1 && in[0] != kCr) return Refuse(error, 400, "chunk data without CRLF");
  if (in.size < 2) return ParseStatus::kIncomplete;
  if (in[1] != kLf) return Refuse(error, 400, "chunk data without CRLF");
  *consumed = 2;
  state_ = State::kSize;
  return ParseStatus::kIncomplete;
}

ParseStatus ChunkedDecoder::FeedTrailers(ByteView in, const Limits& limits, size_t* consumed,
                                         ParseError* error) {
  const uint8_t* at = in.begin();
  FieldLine line;
  bool done = false;
  const ParseStatus status =
      ParseFieldLine(&at, in.end(), limits, Http1Options(), &line, &done, error);
  if (status == ParseStatus::kInvalid) return status;
  const size_t size =
      static_cast<size_t>((status == ParseStatus::kComplete ? at : in.end()) - in.begin());
  if (trailer_bytes_ + size > limits.max_trailer_bytes + 2) {
    return Refuse(error, 431, "the trailer section is too large");
  }
  if (status == ParseStatus::kIncomplete) return status;
  trailer_bytes_ += static_cast<uint32_t>(size);
  *consumed = size;
  if (done) {
    state_ = State::kDone;
    return ParseStatus::kComplete;
  }
  if (IsForbiddenTrailer(FindFieldKey(line.name))) {
    return Refuse(error, 400, "a field that is not allowed in trailers");
  }
  const bool kept = trailers_.Append(line.name) && trailers_.Append(ByteView(": ")) &&
                    trailers_.Append(line.value) && trailers_.Append(ByteView("\r\n"));
  if (!kept) return Refuse(error, 503, "out of memory");
  return ParseStatus::kIncomplete;
}

}  // namespace postern
