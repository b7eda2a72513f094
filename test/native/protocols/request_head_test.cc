#include "protocols/request_head.h"

#include "check.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

TEST("Find gives the last field of a key, and nothing for a key that is not there") {
  Field fields[3] = {{ByteView("Via"), ByteView("1"), Key::kVia},
                     {ByteView("X"), ByteView("2"), Key::kNone},
                     {ByteView("via"), ByteView("3"), Key::kVia}};
  RequestHead head;
  head.fields = fields;
  head.field_capacity = head.field_count = 3;
  head.keys.TestAndSet(Key::kVia);
  CHECK_TEXT(head.Find(Key::kVia)->value, "3");
  CHECK(head.Find(Key::kHost) == nullptr);
}

TEST("Reset forgets everything but the storage") {
  Field fields[1];
  RequestHead head;
  head.fields = fields;
  head.field_capacity = 1;
  head.field_count = 1;
  head.method = ByteView("GET");
  head.keys.TestAndSet(Key::kHost);
  head.hidden.TestAndSet(Key::kHost);
  head.told.remote = true;
  head.framing = BodyFraming::kChunked;
  head.modifier1 = 100;
  head.Reset();
  CHECK(head.fields == fields && head.field_capacity == 1 && head.field_count == 0);
  CHECK(head.method.empty() && !head.keys.Has(Key::kHost) && !head.hidden.Has(Key::kHost));
  CHECK(!head.told.remote && head.framing == BodyFraming::kNone && head.modifier1 == 0);
}
