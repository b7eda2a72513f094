// See js_descriptors.h. Errors are thrown with their errno name as `code`.
#include "binding/js_descriptors.h"

#include <unistd.h>
#include <uv.h>

#include <cerrno>

#include "binding/napi_util.h"
#include "engine/descriptor_channel.h"

namespace postern {
namespace {

constexpr size_t kMaxNumbers = 3;

// False: an exception is pending, an argument is no descriptor.
bool ReadNumbers(napi_env env, napi_callback_info info, int (&numbers)[kMaxNumbers],
                 size_t wanted) {
  size_t count = kMaxNumbers;
  napi_value arguments[kMaxNumbers];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  for (size_t i = 0; i < wanted; ++i) {
    const double number = ToDouble(env, arguments[i], -1);
    if (number < 0 || number > INT32_MAX) {
      napi_throw_type_error(env, "ERR_POSTERN_ARGUMENT", "a descriptor is a small whole number");
      return false;
    }
    numbers[i] = static_cast<int>(number);
  }
  return true;
}

napi_value ThrowErrno(napi_env env, const char* call) {
  const int error = uv_translate_sys_error(errno);
  const std::string text = std::string(call) + " " + uv_err_name(error) + ": " + uv_strerror(error);
  napi_throw_error(env, uv_err_name(error), text.c_str());
  return nullptr;
}

napi_value Pair(napi_env env, int first, int second) {
  napi_value pair;
  napi_create_array_with_length(env, 2, &pair);
  napi_set_element(env, pair, 0, Number(env, first));
  napi_set_element(env, pair, 1, Number(env, second));
  return pair;
}

}  // namespace

napi_value JsReplaceDescriptor(napi_env env, napi_callback_info info) {
  int numbers[kMaxNumbers];
  if (!ReadNumbers(env, info, numbers, 2)) return nullptr;
  if (dup2(numbers[0], numbers[1]) < 0) return ThrowErrno(env, "dup2");
  return nullptr;
}

napi_value JsDescriptorChannel(napi_env env, napi_callback_info) {
  UniqueFd first;
  UniqueFd second;
  if (!OpenDescriptorChannel(&first, &second)) return ThrowErrno(env, "socketpair");
  return Pair(env, first.Release(), second.Release());
}

napi_value JsSendDescriptor(napi_env env, napi_callback_info info) {
  int numbers[kMaxNumbers];
  if (!ReadNumbers(env, info, numbers, 3)) return nullptr;
  if (!SendDescriptor(numbers[0], numbers[1], static_cast<uint8_t>(numbers[2]))) {
    return ThrowErrno(env, "sendmsg");
  }
  return nullptr;
}

napi_value JsReceiveDescriptor(napi_env env, napi_callback_info info) {
  int numbers[kMaxNumbers];
  if (!ReadNumbers(env, info, numbers, 1)) return nullptr;
  UniqueFd fd;
  uint8_t tag = 0;
  if (!ReceiveDescriptor(numbers[0], &fd, &tag)) return ThrowErrno(env, "recvmsg");
  if (fd.valid()) return Pair(env, tag, fd.Release());
  napi_value nothing;
  napi_get_null(env, &nothing);
  return nothing;
}

}  // namespace postern
