// See body_reader.h.
#include "protocols/body_reader.h"

#include <algorithm>

namespace postern {

void BodyReader::Begin(BodyFraming framing, uint64_t content_length) {
  framing_ = framing;
  left_ = content_length;
  if (framing == BodyFraming::kChunked) {
    chunked_ = std::make_unique<ChunkedDecoder>();
  } else if (chunked_ != nullptr) {
    chunked_.reset();
  }
}

ParseStatus BodyReader::Feed(ByteView in, const Limits& limits, size_t* consumed, ByteView* data,
                             ParseError* error) {
  *consumed = 0;
  *data = {};
  if (framing_ == BodyFraming::kChunked) {
    const ParseStatus status = chunked_->Feed(in, limits, consumed, data, error);
    if (status == ParseStatus::kComplete) framing_ = BodyFraming::kNone;
    return status;
  }
  if (framing_ == BodyFraming::kLength) {
    const size_t size = static_cast<size_t>(std::min<uint64_t>(in.size, left_));
    *data = in.Sub(0, size);
    *consumed = size;
    left_ -= size;
    if (left_ > 0) return ParseStatus::kIncomplete;
    framing_ = BodyFraming::kNone;
  }
  return ParseStatus::kComplete;
}

uint64_t BodyReader::Remaining() const {
  if (framing_ == BodyFraming::kChunked) return UINT64_MAX;
  return framing_ == BodyFraming::kLength ? left_ : 0;
}

ByteView BodyReader::trailers() const {
  return chunked_ == nullptr ? ByteView() : chunked_->trailers();
}

}  // namespace postern
