// The chunked transfer coding.
//
//   body      := chunk* last-chunk trailer-section CRLF
//   chunk     := 1*HEXDIG chunk-ext CRLF chunk-data CRLF
//   chunk-ext := *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
//
//   kSize ─► kData ─► kDataEnd ─► kSize … kSize(0) ─► kTrailers ─► kDone        any ─► kFailed
//
// Source: RFC 9112 §7.1. Extensions are checked and ignored, within a budget for the whole body.
// A chunk line is only looked at when it is whole, so the decoder keeps no half-read digits: the
// caller gives the unconsumed bytes again, with more behind them.
#ifndef POSTERN_PROTOCOLS_CHUNKED_H_
#define POSTERN_PROTOCOLS_CHUNKED_H_

#include "base/buffer.h"
#include "base/limits.h"
#include "protocols/http1.h"
#include "protocols/request_head.h"

namespace postern {

class ChunkedDecoder {
 public:
  ChunkedDecoder() = default;

  // Takes what it can from the front of `in`.
  //
  // *consumed: bytes of `in` that are done with. *data: payload, a view into `in` (maybe empty);
  // each call gives at most one run of it, so call until nothing is consumed.
  // kComplete: the body and its trailers are over. kInvalid: 400, 413 or 431 in *error.
  ParseStatus Feed(ByteView in, const Limits& limits, size_t* consumed, ByteView* data,
                   ParseError* error);

  // The trailer section as "name: value CRLF" lines, once Feed was kComplete.
  ByteView trailers() const { return trailers_.View(); }

 private:
  enum class State : uint8_t { kSize, kData, kDataEnd, kTrailers, kDone };

  ParseStatus FeedSize(ByteView in, const Limits& limits, size_t* consumed, ParseError* error);
  ParseStatus FeedData(ByteView in, size_t* consumed, ByteView* data);
  ParseStatus FeedDataEnd(ByteView in, size_t* consumed, ParseError* error);
  ParseStatus FeedTrailers(ByteView in, const Limits& limits, size_t* consumed, ParseError* error);

  State state_ = State::kSize;
  uint64_t chunk_left_ = 0;
  uint64_t total_ = 0;
  uint32_t extension_bytes_ = 0;
  uint32_t trailer_bytes_ = 0;
  Buffer trailers_;
};

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_CHUNKED_H_
