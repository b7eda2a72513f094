// See descriptor_channel.h.
#include "engine/descriptor_channel.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace postern {
namespace {

// A message of one byte, with room for one descriptor.
struct Message {
  Message() {
    head.msg_iov = &part;
    head.msg_iovlen = 1;
    head.msg_control = room;
    head.msg_controllen = sizeof(room);
  }
  uint8_t tag = 0;
  iovec part{&tag, 1};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  msghdr head{};
};

}  // namespace

bool OpenDescriptorChannel(UniqueFd* first, UniqueFd* second) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return false;
  }
  first->Reset(ends[0]);
  second->Reset(ends[1]);
  return true;
}

bool SendDescriptor(int channel, int fd, uint8_t tag) {
  Message message;
  message.tag = tag;
  cmsghdr* const control = CMSG_FIRSTHDR(&message.head);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(control), &fd, sizeof(int));
  return sendmsg(channel, &message.head, MSG_NOSIGNAL) >= 0;
}

bool ReceiveDescriptor(int channel, UniqueFd* fd, uint8_t* tag) {
  fd->Reset();
  Message message;
  const ssize_t got = recvmsg(channel, &message.head, MSG_CMSG_CLOEXEC);
  if (got < 0) return errno == EAGAIN;
  const cmsghdr* const control = got == 0 ? nullptr : CMSG_FIRSTHDR(&message.head);
  if (control == nullptr || control->cmsg_type != SCM_RIGHTS) return true;
  int received;
  memcpy(&received, CMSG_DATA(control), sizeof(int));
  fd->Reset(received);
  *tag = message.tag;
  return true;
}

}  // namespace postern
