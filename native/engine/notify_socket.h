// Tells an init system something: one datagram to its socket, as sd_notify(3) does it.
#ifndef POSTERN_ENGINE_NOTIFY_SOCKET_H_
#define POSTERN_ENGINE_NOTIFY_SOCKET_H_

#include <string>

namespace postern {

// `address` is a path, or "@name" for an abstract socket. False: errno says why it did not arrive.
// Waits for an init system whose queue is full, but no longer than a second.
bool SendNotification(const std::string& address, const std::string& text);

}  // namespace postern

#endif  // POSTERN_ENGINE_NOTIFY_SOCKET_H_
