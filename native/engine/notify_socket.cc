// See notify_socket.h.
#include "engine/notify_socket.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/unique_fd.h"

namespace postern {

bool SendNotification(const std::string& address, const std::string& text) {
  sockaddr_un un = {};
  un.sun_family = AF_UNIX;
  if (address.empty() || address.size() >= sizeof(un.sun_path)) {
    errno = EINVAL;
    return false;
  }
  memcpy(un.sun_path, address.data(), address.size());
  if (address[0] == '@') un.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());

  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return false;
  const timeval patience = {1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  return sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&un), size) >= 0;
}

}  // namespace postern
