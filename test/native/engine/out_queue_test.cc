#include "engine/out_queue.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "check.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

struct Pair {
  explicit Pair(int send_buffer = 0) {
    int fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    ours.Reset(fds[0]);
    theirs.Reset(fds[1]);
    if (send_buffer == 0) return;
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
  }
  // What the other side has got by now.
  std::string Receive() {
    std::string out;
    char buffer[65536];
    for (ssize_t got; (got = recv(theirs.get(), buffer, sizeof(buffer), 0)) > 0;) {
      out.append(buffer, static_cast<size_t>(got));
    }
    return out;
  }
  UniqueFd ours;
  UniqueFd theirs;
};

UniqueFd FileOf(std::string_view text) {
  UniqueFd fd(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  CHECK(fd.valid() &&
        write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return fd;
}

std::string Pattern(size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 131 >> 3);
  return out;
}

void CountRelease(void* context) {
  ++*static_cast<int*>(context);
}

// Sends and receives by turns until the queue is empty.
std::string Transfer(OutQueue* queue, Pair* pair, int* blocked) {
  std::string got;
  for (int turns = 0; turns < 100000; ++turns) {
    const SendResult result = queue->Send(pair->ours.get());
    CHECK(result != SendResult::kFailed);
    CHECK(result == SendResult::kBlocked || queue->empty());
    got += pair->Receive();
    if (result == SendResult::kDone) return got;
    ++*blocked;
  }
  return got;
}

}  // namespace

TEST("copied, borrowed and file bytes arrive in order and whole, whatever the socket takes") {
  const std::string copied = Pattern(200000);
  const std::string borrowed = Pattern(150000);
  const std::string filed = Pattern(120000);
  Pair pair(4096);
  OutQueue queue;
  int released = 0;
  CHECK(queue.Copy(ByteView("head")));
  queue.Borrow({Bytes(borrowed), CountRelease, &released});
  CHECK(queue.Copy(Bytes(copied)));
  queue.File(FileOf(filed), 10, 100000);
  CHECK(queue.Copy(ByteView("tail")));
  const uint64_t size = 4 + 150000 + 200000 + 100000 + 4;
  CHECK_EQ(queue.size(), size);
  int blocked = 0;
  const std::string got = Transfer(&queue, &pair, &blocked);
  CHECK(got == "head" + borrowed + copied + filed.substr(10, 100000) + "tail");
  CHECK(blocked > 10);
  CHECK_EQ(queue.size(), 0u);
  CHECK_EQ(released, 1);
}

TEST("many small copies gather, and the queue counts what is left of them") {
  Pair pair;
  OutQueue queue;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    const std::string piece = std::to_string(i) + ",";
    expected += piece;
    CHECK(queue.Copy(Bytes(piece)));
  }
  CHECK_EQ(queue.size(), expected.size());
  CHECK(queue.Copy({}));
  int blocked = 0;
  CHECK(Transfer(&queue, &pair, &blocked) == expected);
}

TEST("what is borrowed is released exactly once: when it is sent, or when the queue goes") {
  int released = 0;
  {
    Pair pair;
    OutQueue queue;
    queue.Borrow({ByteView("a"), CountRelease, &released});
    queue.Borrow({ByteView("b"), CountRelease, &released});
    CHECK(queue.Send(pair.ours.get()) == SendResult::kDone);
    CHECK_EQ(released, 2);
    queue.Borrow({ByteView("c"), CountRelease, &released});
    CHECK_EQ(released, 2);
  }
  CHECK_EQ(released, 3);
}

TEST("a peer that is gone is a failure, not a signal") {
  Pair pair;
  pair.theirs.Reset();
  OutQueue queue;
  CHECK(queue.Copy(ByteView("x")));
  CHECK(queue.Send(pair.ours.get()) == SendResult::kFailed);
  signal(SIGPIPE, SIG_IGN);  // as File requires
  OutQueue files;
  files.File(FileOf("x"), 0, 1);
  CHECK(files.Send(pair.ours.get()) == SendResult::kFailed);
}

TEST("a long file is sent in steps, however fast it is taken, so that others have their turn") {
  constexpr uint64_t kSize = 20 * 1024 * 1024;
  const UniqueFd takes_all(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  UniqueFd file = FileOf("abc");
  CHECK(ftruncate(file.get(), kSize) == 0);
  OutQueue queue;
  queue.File(std::move(file), 0, kSize);
  CHECK(queue.Send(takes_all.get()) == SendResult::kMore);
  CHECK(queue.size() > kSize / 2 && queue.size() < kSize);
  for (int i = 0; i < 10 && !queue.empty(); ++i) queue.Send(takes_all.get());
  CHECK(queue.empty() && lseek(takes_all.get(), 0, SEEK_END) == kSize);
}

TEST("a file that is shorter than was promised is a failure") {
  Pair pair;
  OutQueue queue;
  queue.File(FileOf("abc"), 0, 10);
  CHECK(queue.Send(pair.ours.get()) == SendResult::kFailed);
  CHECK(pair.Receive() == "abc");
}

TEST("a socket that takes nothing leaves the queue as it is") {
  Pair pair(4096);
  OutQueue queue;
  CHECK(queue.Copy(Bytes(Pattern(300000))));
  CHECK(queue.Send(pair.ours.get()) == SendResult::kBlocked);
  const uint64_t left = queue.size();
  CHECK(left > 0 && left < 300000);
  CHECK(queue.Send(pair.ours.get()) == SendResult::kBlocked);
  CHECK_EQ(queue.size(), left);
}
