// Takes a request body off a stream, whatever its framing: bytes in, payload and bytes used out.
// No I/O; the payload is a view into what was given. Source: RFC 9112 §6.3.
#ifndef POSTERN_PROTOCOLS_BODY_READER_H_
#define POSTERN_PROTOCOLS_BODY_READER_H_

#include <memory>

#include "protocols/chunked.h"
#include "protocols/request_head.h"

namespace postern {

class BodyReader {
 public:
  // Starts a new body. Chunked framing makes a decoder, the others own nothing.
  void Begin(BodyFraming framing, uint64_t content_length);

  // Takes what it can from the front of `in`; call again while something is consumed.
  // kComplete: the body is over, the bytes behind *consumed are the next message.
  // kInvalid: *error, and nothing that follows can be trusted.
  ParseStatus Feed(ByteView in, const Limits& limits, size_t* consumed, ByteView* data,
                   ParseError* error);

  bool done() const { return framing_ == BodyFraming::kNone; }
  // Bytes that are still to come; UINT64_MAX when only the sender knows.
  uint64_t Remaining() const;
  // The trailer lines of a chunked body that is over.
  ByteView trailers() const;

 private:
  BodyFraming framing_ = BodyFraming::kNone;
  uint64_t left_ = 0;
  std::unique_ptr<ChunkedDecoder> chunked_;
};

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_BODY_READER_H_
