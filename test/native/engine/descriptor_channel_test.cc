// Descriptors over a channel: they arrive in order, with their tags, and as descriptors of their
// own.
#include "engine/descriptor_channel.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "check.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

TEST("a channel carries descriptors in order, each with its tag, and never waits") {
  UniqueFd ours;
  UniqueFd theirs;
  CHECK(OpenDescriptorChannel(&ours, &theirs));
  UniqueFd got;
  uint8_t tag = 77;
  CHECK(ReceiveDescriptor(theirs.get(), &got, &tag) && !got.valid());
  int pipe_ends[2];
  CHECK(pipe2(pipe_ends, O_CLOEXEC) == 0);
  UniqueFd read_end(pipe_ends[0]);
  UniqueFd write_end(pipe_ends[1]);
  CHECK(SendDescriptor(ours.get(), write_end.get(), 0));
  CHECK(SendDescriptor(ours.get(), read_end.get(), 255));
  write_end.Reset();
  CHECK(ReceiveDescriptor(theirs.get(), &got, &tag) && got.valid() && tag == 0);
  CHECK((fcntl(got.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(write(got.get(), "x", 1) == 1);
  char byte = 0;
  CHECK(read(read_end.get(), &byte, 1) == 1 && byte == 'x');
  CHECK(ReceiveDescriptor(theirs.get(), &got, &tag) && got.valid() && tag == 255);
  CHECK(ReceiveDescriptor(theirs.get(), &got, &tag) && !got.valid());
}

TEST("the end of the other side is the end of descriptors") {
  UniqueFd ours;
  UniqueFd theirs;
  CHECK(OpenDescriptorChannel(&ours, &theirs));
  ours.Reset();
  UniqueFd got;
  uint8_t tag = 0;
  CHECK(ReceiveDescriptor(theirs.get(), &got, &tag) && !got.valid());
  CHECK(!SendDescriptor(theirs.get(), STDIN_FILENO, 1) && errno == EPIPE);
}
