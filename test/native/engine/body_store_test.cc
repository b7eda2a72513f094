#include "engine/body_store.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <string>

#include "check.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

std::string ReadAll(BodyStore* store, size_t step) {
  std::string out;
  std::string buffer(step, '\0');
  for (;;) {
    const int64_t got = store->Read(reinterpret_cast<uint8_t*>(buffer.data()), step);
    CHECK(got >= 0);
    if (got <= 0) return out;
    out.append(buffer, 0, static_cast<size_t>(got));
  }
}

}  // namespace

TEST("a body comes back as it went in, from memory and from a file") {
  for (uint64_t limit : {0, 1, 10, 1000, 100000}) {
    for (size_t step : {1, 7, 4096}) {
      BodyStore store(limit);
      std::string expected;
      for (int i = 0; i < 50; ++i) {
        const std::string piece(static_cast<size_t>(i), static_cast<char>('a' + i % 26));
        CHECK(store.Append(Bytes(piece)));
        expected += piece;
      }
      Row("limit " + std::to_string(limit) + " step " + std::to_string(step));
      CHECK_EQ(store.size(), expected.size());
      CHECK_EQ(store.spooled(), limit != 0 && limit < expected.size());
      CHECK(ReadAll(&store, step) == expected);
      CHECK(store.empty());
    }
  }
}

TEST("a body at the limit stays in memory, one byte more goes to a file") {
  BodyStore store(4);
  CHECK(store.Append(ByteView("abcd")));
  CHECK(!store.spooled());
  CHECK(store.Append(ByteView("e")));
  CHECK(store.spooled());
  CHECK(ReadAll(&store, 3) == "abcde");
}

TEST("a body may be read while it grows, across the change from memory to file") {
  BodyStore store(10);
  uint8_t buffer[4];
  CHECK(store.Append(ByteView("12345678")));
  CHECK_EQ(store.Read(buffer, 3), 3);
  CHECK(store.Append(ByteView("90abcdef")));
  CHECK(store.spooled());
  CHECK_EQ(store.Read(buffer, 4), 4);
  CHECK(memcmp(buffer, "4567", 4) == 0);
  CHECK(store.Append(ByteView("XY")));
  CHECK(ReadAll(&store, 5) == "890abcdefXY");
  CHECK(store.Append(ByteView("Z")));
  CHECK(ReadAll(&store, 5) == "Z");
}

TEST("reading an empty store gives nothing, and appending nothing spools nothing") {
  BodyStore store(1);
  uint8_t byte;
  CHECK_EQ(store.Read(&byte, 1), 0);
  CHECK(store.Append({}));
  CHECK(!store.spooled() && store.empty());
}

TEST("a file that cannot be made or written is reported, not survived with half a body") {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit none{0, 0};
    setrlimit(RLIMIT_FSIZE, &none);
    BodyStore store(4);
    const bool small = store.Append(ByteView("abc"));
    const bool large = store.Append(ByteView("defgh"));
    setenv("TMPDIR", "/nonexistent", 1);
    BodyStore nowhere(1);
    const bool unnamed = nowhere.Append(ByteView("ab"));
    _exit(small && !large && !unnamed ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
