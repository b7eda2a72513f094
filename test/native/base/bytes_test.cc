#include "base/bytes.h"

#include "check.h"
#include "guard_page.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

TEST("integers are read in the order of bytes that is named") {
  Guarded bytes("\x01\x02\xff\xfe");
  ByteView in = bytes.View();
  uint16_t value = 0;
  CHECK(ReadU16Le(&in, &value));
  CHECK_EQ(value, 0x0201);
  CHECK(ReadU16Be(&in, &value));
  CHECK_EQ(value, 0xfffe);
  CHECK(in.empty());
}

TEST("a reader that lacks bytes returns false and leaves the view alone") {
  Guarded bytes("\x01");
  ByteView in = bytes.View();
  uint16_t value = 7;
  ByteView part;
  CHECK(!ReadU16Le(&in, &value));
  CHECK(!ReadU16Be(&in, &value));
  CHECK(!ReadBytes(&in, 2, &part));
  CHECK(!ReadBytes(&in, SIZE_MAX, &part));
  CHECK_EQ(in.size, 1u);
  CHECK_EQ(value, 7);
  uint8_t byte = 0;
  CHECK(ReadU8(&in, &byte));
  CHECK_EQ(byte, 1);
  CHECK(!ReadU8(&in, &byte));
  CHECK(ReadBytes(&in, 0, &part));
  CHECK(part.empty());
}

TEST("views are equal by their bytes, NULs included") {
  CHECK(Equals(ByteView("a\0b", 3), ByteView("a\0b", 3)));
  CHECK(!Equals(ByteView("a\0b", 3), ByteView("a\0c", 3)));
  CHECK(!Equals(ByteView("ab"), ByteView("abc")));
  CHECK(Equals(ByteView(), ByteView("")));
  CHECK(Equals(ByteView("GET"), "GET"));
  CHECK(!Equals(ByteView("GET "), "GET"));
}

TEST("a view starts with what it starts with") {
  CHECK(StartsWith(ByteView("wsgi.input"), "wsgi."));
  CHECK(!StartsWith(ByteView("wsgi"), "wsgi."));
  CHECK(StartsWith(ByteView(""), ""));
}
