// See listen_queue.h.
#include "engine/listen_queue.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstring>

#include "base/unique_fd.h"

namespace postern {
namespace {

// Of a listening socket, Linux keeps its queue in two fields with other names (tcp(7) is silent;
// inet_diag's tcp_diag_get_info fills the same two).
bool ReadTcpQueue(int fd, ListenQueue* out) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  if (info.tcpi_state != TCP_LISTEN) return false;
  *out = {info.tcpi_unacked, info.tcpi_sacked};
  return true;
}

bool AskKernel(const UniqueFd& netlink, ino_t inode) {
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } message{};
  message.header.nlmsg_len = sizeof(message);
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST;
  message.request.sdiag_family = AF_UNIX;
  message.request.udiag_states = UINT32_MAX;
  message.request.udiag_ino = static_cast<uint32_t>(inode);
  message.request.udiag_show = UDIAG_SHOW_RQLEN;
  message.request.udiag_cookie[0] = message.request.udiag_cookie[1] = UINT32_MAX;
  return send(netlink.get(), &message, sizeof(message), 0) == sizeof(message);
}

bool ReadUnixQueue(int fd, ListenQueue* out) {
  struct stat status;
  if (fstat(fd, &status) != 0) return false;
  const UniqueFd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink.valid() || !AskKernel(netlink, status.st_ino)) return false;
  alignas(nlmsghdr) uint8_t reply[512];
  const ssize_t got = recv(netlink.get(), reply, sizeof(reply), 0);
  const auto* header = reinterpret_cast<const nlmsghdr*>(reply);
  if (got < 0 || !NLMSG_OK(header, static_cast<uint32_t>(got))) return false;
  if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY) return false;
  const auto* message = static_cast<const unix_diag_msg*>(NLMSG_DATA(header));
  auto left = static_cast<int>(NLMSG_PAYLOAD(header, sizeof(*message)));
  const auto* attribute = reinterpret_cast<const rtattr*>(message + 1);
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type != UNIX_DIAG_RQLEN) continue;
    unix_diag_rqlen lengths;
    memcpy(&lengths, RTA_DATA(attribute), sizeof(lengths));
    *out = {lengths.udiag_rqueue, lengths.udiag_wqueue};
    return true;
  }
  return false;
}

}  // namespace

bool ReadListenQueue(int fd, ListenQueue* out) {
  int listening = 0;
  int domain = 0;
  socklen_t size = sizeof(int);
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
    return false;
  }
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return false;
  return domain == AF_UNIX ? ReadUnixQueue(fd, out) : ReadTcpQueue(fd, out);
}

}  // namespace postern
