// A channel that carries descriptors from one process to another (SCM_RIGHTS), each with a tag. The
// two ends never wait, and are closed on exec unless a spawn passes one on.
#ifndef POSTERN_ENGINE_DESCRIPTOR_CHANNEL_H_
#define POSTERN_ENGINE_DESCRIPTOR_CHANNEL_H_

#include <cstdint>

#include "base/unique_fd.h"

namespace postern {

// False: errno.
bool OpenDescriptorChannel(UniqueFd* first, UniqueFd* second);
// `fd` stays the sender's, too. False: errno.
bool SendDescriptor(int channel, int fd, uint8_t tag);
// True with an invalid *fd: nothing was sent. False: errno.
bool ReceiveDescriptor(int channel, UniqueFd* fd, uint8_t* tag);

}  // namespace postern

#endif  // POSTERN_ENGINE_DESCRIPTOR_CHANNEL_H_
