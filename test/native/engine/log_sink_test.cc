// Where log lines go: files, pipes and sockets, and that none of them is waited for.
#include "engine/log_sink.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "check.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

struct Ends {
  UniqueFd read, write;
};

Ends MakePipe() {
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Ends MakeSockets() {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool Waits(int fd) {
  return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

std::string LineOf(size_t number, size_t size) {
  std::string line = std::to_string(number) + " ";
  line.resize(size - 1, 'x');
  return line + '\n';
}

// What is there to be read now.
std::string ReadAll(int fd) {
  std::string all;
  char buffer[65536];
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  for (;;) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got <= 0) return all;
    all.append(buffer, static_cast<size_t>(got));
  }
}

}  // namespace

TEST("a file gets everything at once, at its end") {
  UniqueFd file(open("/tmp", O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600));
  LogSink sink;
  CHECK(!sink.open());
  CHECK(sink.Open(file.get()) && sink.open() && sink.fd() != file.get());
  Buffer lines;
  std::string expected;
  for (size_t i = 0; i < 2000; ++i) expected += LineOf(i, 100);
  CHECK(lines.Append(Bytes(expected)));
  CHECK(sink.Write(&lines) == LogSink::Result::kDone && lines.empty());
  std::string got(expected.size() + 1, '\0');
  CHECK_EQ(pread(file.get(), got.data(), got.size(), 0), static_cast<ssize_t>(expected.size()));
  CHECK(got.compare(0, expected.size(), expected) == 0);
}

TEST(
    "a full pipe, or a socket that nobody reads, is not waited for, and loses and reorders "
    "nothing") {
  for (const char* kind : {"pipe", "shared pipe", "socket"}) {
    Row(kind);
    Ends ends = kind[1] == 'o' ? MakeSockets() : MakePipe();
    LogSink sink;
    CHECK(sink.Open(ends.write.get(), kind[1] != 'h'));
    CHECK(Waits(ends.write.get()));  // others have inherited it, and count on that
    Buffer lines;
    std::string expected;
    for (size_t i = 0; i < 20000; ++i) expected += LineOf(i, 100);
    CHECK(lines.Append(Bytes(expected)));
    CHECK(sink.Write(&lines) == LogSink::Result::kBlocked);
    CHECK(!lines.empty());
    std::string got;
    do {
      got += ReadAll(ends.read.get());
      // Another process may write now: into a pipe, not into the middle of a line.
      CHECK(kind[1] == 'o' || (!got.empty() && got.back() == '\n'));
    } while (sink.Write(&lines) == LogSink::Result::kBlocked);
    got += ReadAll(ends.read.get());
    CHECK(got == expected);
  }
}

TEST("what goes into a pipe in one write is whole lines, also if one is longer than the others") {
  Ends ends = MakePipe();
  LogSink sink;
  CHECK(sink.Open(ends.write.get()));
  Buffer lines;
  std::string expected;
  for (const size_t size : {100u, 3990u, 10u, 9000u, 4096u, 50u}) expected += LineOf(size, size);
  CHECK(lines.Append(Bytes(expected)));
  CHECK(sink.Write(&lines) == LogSink::Result::kDone);
  CHECK_EQ(ReadAll(ends.read.get()), expected);
  // Another writer has left room for less than a line: nothing of it goes.
  const std::string filler(PIPE_BUF, 'f');
  fcntl(ends.write.get(), F_SETFL, O_NONBLOCK);
  while (write(ends.write.get(), filler.data(), filler.size()) > 0) continue;
  char some[1000];
  CHECK(read(ends.read.get(), some, sizeof(some)) == sizeof(some));
  CHECK(lines.Append(Bytes(LineOf(1, 2000))));
  CHECK(sink.Write(&lines) == LogSink::Result::kBlocked);
  CHECK_EQ(lines.size(), 2000u);
}

TEST("a reader that has gone is an error") {
  signal(SIGPIPE, SIG_IGN);  // as Node does
  for (const bool socket : {false, true}) {
    Row(socket ? "socket" : "pipe");
    Ends ends = socket ? MakeSockets() : MakePipe();
    LogSink sink;
    CHECK(sink.Open(ends.write.get()));
    ends.read.Reset();
    Buffer lines;
    CHECK(lines.Append(Bytes(LineOf(1, 20))));
    CHECK(sink.Write(&lines) == LogSink::Result::kFailed);
    CHECK_EQ(errno, EPIPE);
  }
}

TEST("a descriptor may be closed once a sink has it, and one that is none is refused") {
  Ends ends = MakePipe();
  LogSink sink;
  CHECK(sink.Open(ends.write.get()));
  const int gone = ends.write.get();
  ends.write.Reset();
  Buffer lines;
  CHECK(lines.Append(Bytes("a\n")));
  CHECK(sink.Write(&lines) == LogSink::Result::kDone);
  CHECK_EQ(ReadAll(ends.read.get()), "a\n");
  LogSink none;
  CHECK(!none.Open(gone) && errno == EBADF && !none.open());
}
