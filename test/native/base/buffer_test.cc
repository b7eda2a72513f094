#include "base/buffer.h"

#include <string>

#include "check.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

TEST("a buffer gives back its bytes in order, however they came and went") {
  Buffer buffer;
  std::string expected;
  uint32_t random = 1;
  for (int i = 0; i < 2000; ++i) {
    random = random * 1103515245 + 12345;
    const std::string piece(random >> 16 & 0x3ff, static_cast<char>('a' + i % 26));
    CHECK(buffer.Append(Bytes(piece)));
    expected += piece;
    const size_t gone = std::min<size_t>(expected.size(), random >> 8 & 0x3ff);
    buffer.Consume(gone);
    expected.erase(0, gone);
    CHECK(Text(buffer.View()) == expected);
  }
}

TEST("appending nothing changes nothing, and an empty buffer is empty") {
  Buffer buffer;
  CHECK(buffer.Append({}));
  CHECK(buffer.empty() && buffer.size() == 0);
  CHECK(buffer.Append(ByteView("x")));
  CHECK(buffer.Append({}));
  CHECK_TEXT(buffer.View(), "x");
  buffer.Consume(1);
  CHECK(buffer.empty());
}

TEST("a buffer that was moved from is empty and can be used again") {
  Buffer a;
  CHECK(a.Append(ByteView("one")));
  Buffer b(std::move(a));
  CHECK(a.empty());  // NOLINT(bugprone-use-after-move): this is the promise
  CHECK(a.Append(ByteView("two")));
  CHECK_TEXT(b.View(), "one");
  b = std::move(a);
  CHECK_TEXT(b.View(), "two");
  Buffer& self = b;
  b = std::move(self);
  CHECK_TEXT(b.View(), "two");
}

TEST("Free gives the memory back, and the buffer can be used again") {
  Buffer buffer;
  CHECK(buffer.Append(ByteView("abc")));
  buffer.Consume(1);
  buffer.Free();
  CHECK(buffer.empty());
  CHECK(buffer.Append(ByteView("d")));
  CHECK_TEXT(buffer.View(), "d");
}
