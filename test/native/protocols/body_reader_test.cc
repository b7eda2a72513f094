#include "protocols/body_reader.h"

#include <string>

#include "check.h"
#include "guard_page.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

struct Fed {
  ParseStatus status;
  size_t consumed;
  std::string data;
  ParseError error;
};

Fed Feed(BodyReader* reader, std::string_view text) {
  Guarded in(text);
  Fed fed;
  ByteView data;
  fed.status = reader->Feed(in.View(), {}, &fed.consumed, &data, &fed.error);
  fed.data = Text(data);
  return fed;
}

}  // namespace

TEST("a body of a known length ends after that many bytes, whatever they are") {
  BodyReader reader;
  reader.Begin(BodyFraming::kLength, 5);
  CHECK_EQ(reader.Remaining(), 5u);
  Fed fed = Feed(&reader, "ab");
  CHECK(fed.status == ParseStatus::kIncomplete && fed.consumed == 2 && fed.data == "ab");
  fed = Feed(&reader, "");
  CHECK(fed.status == ParseStatus::kIncomplete && fed.consumed == 0);
  fed = Feed(&reader, "cdeGET /");
  CHECK(fed.status == ParseStatus::kComplete && fed.consumed == 3 && fed.data == "cde");
  CHECK(reader.done() && reader.Remaining() == 0);
  fed = Feed(&reader, "GET /");
  CHECK(fed.status == ParseStatus::kComplete && fed.consumed == 0);
}

TEST("a request without a body is over before its first byte") {
  BodyReader reader;
  reader.Begin(BodyFraming::kNone, 0);
  CHECK(reader.done());
  const Fed fed = Feed(&reader, "GET /");
  CHECK(fed.status == ParseStatus::kComplete && fed.consumed == 0 && fed.data.empty());
}

TEST("a length above 2^32 counts in 64 bits") {
  BodyReader reader;
  reader.Begin(BodyFraming::kLength, 0x100000001ull);
  const Fed fed = Feed(&reader, "a");
  CHECK(fed.status == ParseStatus::kIncomplete);
  CHECK_EQ(reader.Remaining(), 0x100000000ull);
}

TEST("of a chunked body only the sender knows the length, and its trailers survive its end") {
  BodyReader reader;
  reader.Begin(BodyFraming::kChunked, 0);
  CHECK_EQ(reader.Remaining(), UINT64_MAX);
  CHECK_EQ(Feed(&reader, "1\r\nx").consumed, 3u);
  CHECK(Feed(&reader, "x").data == "x");
  CHECK_EQ(Feed(&reader, "\r\n").consumed, 2u);
  CHECK_EQ(Feed(&reader, "0\r\n").consumed, 3u);
  CHECK_EQ(Feed(&reader, "T: 1\r\n").consumed, 6u);
  CHECK(!reader.done());
  CHECK(Feed(&reader, "\r\n").status == ParseStatus::kComplete);
  CHECK(reader.done() && reader.Remaining() == 0);
  CHECK_TEXT(reader.trailers(), "T: 1\r\n");
  CHECK_EQ(Feed(&reader, "GET").consumed, 0u);
}

TEST("an error in chunks is passed on") {
  BodyReader reader;
  reader.Begin(BodyFraming::kChunked, 0);
  const Fed fed = Feed(&reader, "zz\r\n");
  CHECK(fed.status == ParseStatus::kInvalid && fed.error.status == 400);
}

TEST("a reader is used again for the next request, whatever framed the last one") {
  BodyReader reader;
  reader.Begin(BodyFraming::kChunked, 0);
  Feed(&reader, "5\r\nhe");
  reader.Begin(BodyFraming::kLength, 2);
  CHECK(reader.trailers().empty());
  CHECK(Feed(&reader, "5\r\n").data == "5\r");
  reader.Begin(BodyFraming::kChunked, 0);
  CHECK_EQ(Feed(&reader, "0\r\n").consumed, 3u);
}
