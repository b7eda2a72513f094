// Descriptors that change hands: files of logs, from a master to its workers, and into the place of
// a standard stream. Node itself can neither pass nor replace a plain descriptor.
#ifndef POSTERN_BINDING_JS_DESCRIPTORS_H_
#define POSTERN_BINDING_JS_DESCRIPTORS_H_

#include <node_api.h>

namespace postern {

// replaceDescriptor(from, to): `to` is from now on what `from` is.
napi_value JsReplaceDescriptor(napi_env env, napi_callback_info info);
// descriptorChannel(): [one end, the other end], close-on-exec, never waiting.
napi_value JsDescriptorChannel(napi_env env, napi_callback_info info);
// sendDescriptor(channel, fd, tag): tag is 0 to 255.
napi_value JsSendDescriptor(napi_env env, napi_callback_info info);
// receiveDescriptor(channel): [tag, fd], or null when nothing was sent.
napi_value JsReceiveDescriptor(napi_env env, napi_callback_info info);

}  // namespace postern

#endif  // POSTERN_BINDING_JS_DESCRIPTORS_H_
