// Request bodies: chunks at once and in pieces, and chunks of our own making.
#include "protocols/body_reader.h"
#include "protocols/http1_response.h"
#include "target.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::fuzz;  // NOLINT(build/namespaces)

namespace {

struct Outcome {
  ParseStatus status = ParseStatus::kIncomplete;
  size_t consumed = 0;
  std::string payload;
  std::string trailers;
};

// As the engine does it: what was not consumed is given again, with more behind it.
template <typename Piece>
Outcome Read(ByteView bytes, BodyFraming framing, uint64_t length, const Limits& limits,
             Piece piece) {
  Outcome out;
  BodyReader reader;
  reader.Begin(framing, length);
  size_t given = 0;
  for (;;) {
    const Exact in(bytes.Sub(out.consumed, given - out.consumed));
    size_t consumed;
    ByteView data;
    ParseError error;
    out.status = reader.Feed(in.View(), limits, &consumed, &data, &error);
    MUST(consumed <= in.size() && in.Holds(data) && data.size <= consumed);
    MUST((out.status == ParseStatus::kComplete) == reader.done());
    if (out.status == ParseStatus::kInvalid) {
      MUST(error.status >= 400 && strlen(error.reason) > 0 && data.empty());
      return out;
    }
    out.payload += Text(data);
    out.consumed += consumed;
    if (out.status == ParseStatus::kComplete) break;
    if (consumed > 0) continue;
    if (given == bytes.size) break;
    given += piece(bytes.size - given);
  }
  out.trailers = Text(reader.trailers());
  MUST(ValidateFieldLines(reader.trailers()));
  return out;
}

void CheckSame(const Outcome& whole, const Outcome& cut) {
  MUST(whole.status == cut.status && whole.consumed == cut.consumed);
  MUST(whole.payload == cut.payload && whole.trailers == cut.trailers);
}

// By the book, without extensions being looked at; gives up where something is not as it should.
bool ReadByTheBook(std::string_view text, std::string* payload) {
  for (;;) {
    const size_t line = text.find("\r\n");
    if (line == text.npos) return false;
    const size_t digits = text.find_first_not_of("0123456789abcdefABCDEF");
    if (digits == 0 || digits > 16) return false;
    const uint64_t size = strtoull(std::string(text.substr(0, digits)).c_str(), nullptr, 16);
    text.remove_prefix(line + 2);
    if (size == 0) return text.starts_with("\r\n") || text.find("\r\n\r\n") != text.npos;
    if (text.size() < size + 2 || text.substr(size, 2) != "\r\n") return false;
    *payload += text.substr(0, size);
    text.remove_prefix(size + 2);
  }
}

void CheckOwnChunks(const Input& input) {
  Cuts cuts(input.cuts);
  std::string coded;
  for (ByteView rest = input.bytes; !rest.empty();) {
    const size_t size = cuts.Piece(rest.size);
    uint8_t header[kMaxChunkHeaderBytes];
    coded += Text({header, static_cast<size_t>(EncodeChunkHeader(size, header) - header)});
    coded += Text(rest.Sub(0, size)) + kChunkEnd;
    rest = rest.From(size);
  }
  coded += kLastChunk;
  const auto piece = [&cuts](size_t left) { return cuts.Piece(left); };
  const Outcome read = Read(Bytes(coded), BodyFraming::kChunked, 0, {}, piece);
  MUST(read.status == ParseStatus::kComplete && read.consumed == coded.size());
  MUST(read.payload == input.text() && read.trailers.empty());
}

}  // namespace

FUZZ_TARGET(chunked) {
  Limits limits;
  if (input.Flag(0)) {
    limits.max_body_bytes = 50;
    limits.max_chunk_line_bytes = 20;
    limits.max_chunk_extension_bytes = 30;
    limits.max_trailer_bytes = 40;
    limits.max_field_bytes = 30;
  }
  const BodyFraming framing = input.Flag(1) ? BodyFraming::kLength : BodyFraming::kChunked;
  const uint64_t length = 1 + input.cuts % 100;
  const auto all = [](size_t left) { return left; };
  const Outcome whole = Read(input.bytes, framing, length, limits, all);
  Cuts cuts(input.cuts);
  const auto piece = [&cuts](size_t left) { return cuts.Piece(left); };
  CheckSame(whole, Read(input.bytes, framing, length, limits, piece));
  if (input.bytes.size <= 200) {
    CheckSame(whole, Read(input.bytes, framing, length, limits, [](size_t) { return size_t{1}; }));
  }
  if (framing == BodyFraming::kChunked && whole.status == ParseStatus::kComplete) {
    std::string payload;
    MUST(ReadByTheBook(input.text(), &payload) && payload == whole.payload);
  }
  const bool limited = limits.max_body_bytes != 0 && framing == BodyFraming::kChunked;
  MUST(!limited || whole.payload.size() <= limits.max_body_bytes);
  CheckOwnChunks(input);
}
