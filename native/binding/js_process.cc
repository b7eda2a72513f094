// See js_process.h.
#include "binding/js_process.h"

#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>

#include "binding/napi_util.h"
#include "engine/listen_queue.h"
#include "engine/notify_socket.h"

namespace postern {
namespace {

napi_value OnlyArgument(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  return argument;
}

// For a thread that is held: process.exit() would wait for those who look at it.
napi_value JsExitNow(napi_env env, napi_callback_info info) {
  _exit(static_cast<int>(ToDouble(env, OnlyArgument(env, info), 1)));
}

// -1: it cannot.
napi_value JsDuplicate(napi_env env, napi_callback_info info) {
  const int fd = static_cast<int>(ToDouble(env, OnlyArgument(env, info), -1));
  return Number(env, fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

// [waiting, capacity], or null.
napi_value JsListenQueue(napi_env env, napi_callback_info info) {
  ListenQueue queue;
  napi_value result;
  if (!ReadListenQueue(static_cast<int>(ToDouble(env, OnlyArgument(env, info), -1)), &queue)) {
    napi_get_null(env, &result);
    return result;
  }
  napi_create_array_with_length(env, 2, &result);
  napi_set_element(env, result, 0, Number(env, queue.waiting));
  napi_set_element(env, result, 1, Number(env, queue.capacity));
  return result;
}

// The name of an error, or null: it has arrived.
napi_value JsNotify(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  if (!SendNotification(ToUtf8(env, arguments[0]), ToUtf8(env, arguments[1]))) {
    return String(env, uv_err_name(uv_translate_sys_error(errno)));
  }
  napi_value arrived;
  napi_get_null(env, &arrived);
  return arrived;
}

}  // namespace

void ExportProcess(napi_env env, napi_value exports) {
  constexpr struct {
    const char* name;
    napi_callback function;
  } kFunctions[] = {{"exitNow", JsExitNow},
                    {"listenQueue", JsListenQueue},
                    {"duplicate", JsDuplicate},
                    {"notify", JsNotify}};
  for (const auto& entry : kFunctions) {
    napi_value function;
    napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.function, nullptr, &function);
    SetProperty(env, exports, entry.name, function);
  }
}

}  // namespace postern
