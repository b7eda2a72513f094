// See js_api.h. An engine object is a plain object that wraps a JsEngine; each function unwraps its
// receiver, so it cannot be called on anything else or after close().
#include "binding/js_api.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "binding/js_call.h"
#include "binding/js_options.h"
#include "binding/js_scoreboard.h"
#include "binding/napi_util.h"

namespace postern {
namespace {

constexpr size_t kMaxReadBytes = 256 * 1024;

void OnDetached(void* context) {
  auto* holder = static_cast<Holder*>(context);
  if (holder->self != nullptr) {
    napi_delete_reference(holder->js.env(), holder->self);
    holder->self = nullptr;
  }
  if (holder->hook != nullptr) {
    napi_remove_async_cleanup_hook(holder->hook);
    holder->hook = nullptr;
  }
}

void CloseHolder(Holder* holder) {
  if (holder->closed) return;
  holder->closed = true;
  holder->js.Detach(OnDetached, holder);
}

// --- functions of the engine object ---

napi_value ThrowErrno(napi_env env, const ListenError& failure) {
  const char* const code = uv_err_name(uv_translate_sys_error(failure.error));
  const std::string text = std::string(failure.call) + " " + code + ": " +
                           uv_strerror(uv_translate_sys_error(failure.error));
  napi_throw_error(env, code, text.c_str());
  return nullptr;
}

napi_value JsListen(napi_env env, napi_callback_info info) {
  Call call;
  ListenOptions options;
  if (!call.Open(env, info) || !ReadListenOptions(env, call.argument(0), &options)) return nullptr;
  Engine& engine = call.holder()->js.engine();
  ListenError failure;
  const int index = engine.Listen(options, &failure);
  if (index < 0) return ThrowErrno(env, failure);
  const Listener& listener = engine.listener(static_cast<uint32_t>(index));
  napi_value result;
  napi_create_object(env, &result);
  SetProperty(env, result, "index", Number(env, index));
  SetProperty(env, result, "host", String(env, listener.host));
  SetProperty(env, result, "port", Number(env, listener.port));
  SetProperty(env, result, "fd", Number(env, listener.fd.get()));
  return result;
}

napi_value JsStart(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  if (!call.holder()->js.engine().Start()) {
    napi_throw_error(env, "ERR_POSTERN_POLL", "a listener could not be watched");
  }
  call.holder()->js.KeepLoop();
  return nullptr;
}

// The scoreboard stays for as long as the engine does.
napi_value JsSetScore(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const int slot = call.IntAt(1);
  if (!call.Good()) return nullptr;
  ScoreSlot* const score = SlotOf(env, call.argument(0), slot);
  if (score == nullptr || !call.holder()->js.Hold(call.argument(0))) {
    napi_throw_type_error(env, "ERR_POSTERN_ARGUMENT", "no such slot of a scoreboard");
    return nullptr;
  }
  call.holder()->js.engine().SetScore(score);
  return nullptr;
}

napi_value JsLogTo(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const int fd = call.IntAt(0);
  if (!call.Good()) return nullptr;
  if (!call.holder()->js.engine().OpenLog(fd)) return ThrowErrno(env, {"open", errno});
  return nullptr;
}

napi_value JsFailAll(napi_env env, napi_callback_info info) {
  Call call;
  if (call.Open(env, info)) call.InOrder().FailAll();
  return nullptr;
}

napi_value JsRegisterHead(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  std::string status = call.Latin1At(0);
  std::string lines = call.Latin1At(1);
  const int flags = call.IntAt(2);
  if (!call.Good()) return nullptr;
  return Number(env, call.holder()->js.RegisterHead(std::move(status), std::move(lines), flags));
}

napi_value JsTakeRecords(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  call.InOrder().Flush();
  return nullptr;
}

napi_value JsStartResponse(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const ExchangeId id = call.Id();
  const std::string status = call.Latin1At(2);
  const std::string lines = call.Latin1At(3);
  const int flags = call.IntAt(4);
  const uint64_t length = call.LengthAt(5);
  if (!call.Good()) return nullptr;
  ResponseHead head;
  head.status = {status.data(), status.size()};
  head.lines = {lines.data(), lines.size()};
  if (!ValidateStatus(head.status) || !ValidateFieldLines(head.lines)) {
    napi_throw_error(env, "ERR_POSTERN_HEAD", "a response head with control bytes");
    return nullptr;
  }
  head.has_date = (flags & layout::kHeadHasDate) != 0;
  head.has_server = (flags & layout::kHeadHasServer) != 0;
  head.no_body = (flags & layout::kHeadNoBody) != 0;
  call.InOrder().StartResponse(id, head, length);
  return nullptr;
}

napi_value JsWrite(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const ExchangeId id = call.Id();
  const ByteView bytes = call.BytesAt(2);
  if (!call.Good()) return nullptr;
  Engine& engine = call.InOrder();
  // Nothing of JavaScript's is kept: it may change, transfer or shrink its memory right after this.
  engine.WriteThrough(id, bytes);
  engine.Flush();
  return Number(env, static_cast<double>(engine.QueuedBytes(id, false)));
}

napi_value JsWriteFile(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const ExchangeId id = call.Id();
  const int fd = call.IntAt(2);
  const uint64_t offset = call.LengthAt(3);
  const uint64_t size = call.LengthAt(4);
  if (!call.Good()) return nullptr;
  UniqueFd file(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!file.valid()) return ThrowErrno(env, {"dup", errno});
  Engine& engine = call.InOrder();
  engine.WriteFile(id, std::move(file), offset, size);
  engine.Flush();
  return Number(env, static_cast<double>(engine.QueuedBytes(id, false)));
}

// Can sendfile(2) read it? Where it stands then, and what is behind.
bool FindExtent(int fd, off_t* position, off_t* left) {
  struct stat status;
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY) return false;
  *position = lseek(fd, 0, SEEK_CUR);
  if (*position < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  *left = std::max<off_t>(0, status.st_size - *position);
  return true;
}

// [position, bytes to the end], or null for what is no regular file that can be read.
napi_value JsFileExtent(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const int fd = call.IntAt(0);
  if (!call.Good()) return nullptr;
  off_t position;
  off_t left;
  napi_value result;
  napi_get_null(env, &result);
  if (!FindExtent(fd, &position, &left)) return result;
  napi_create_array_with_length(env, 2, &result);
  napi_set_element(env, result, 0, Number(env, static_cast<double>(position)));
  napi_set_element(env, result, 1, Number(env, static_cast<double>(left)));
  return result;
}

napi_value JsEnd(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const ExchangeId id = call.Id();
  if (call.Good()) call.InOrder().EndResponse(id);
  return nullptr;
}

napi_value JsAbort(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const ExchangeId id = call.Id();
  if (call.Good()) call.InOrder().AbortResponse(id);
  return nullptr;
}

napi_value JsInterim(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const ExchangeId id = call.Id();
  const std::string head = call.Latin1At(2);
  if (!call.Good()) return nullptr;
  Engine& engine = call.InOrder();
  engine.WriteInterim(id, {head.data(), head.size()});
  engine.Flush();
  return nullptr;
}

napi_value JsQueued(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const ExchangeId id = call.Id();
  const bool notify = ToBool(env, call.argument(2));
  if (!call.Good()) return nullptr;
  return Number(env, static_cast<double>(call.InOrder().QueuedBytes(id, notify)));
}

// A Buffer, null at the end, undefined when there is nothing yet, [status, reason] on failure.
napi_value JsReadBody(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const ExchangeId id = call.Id();
  if (!call.Good()) return nullptr;
  Engine& engine = call.InOrder();
  const size_t capacity =
      static_cast<size_t>(std::min<uint64_t>(engine.BodyAvailable(id), kMaxReadBytes));
  napi_value result = Undefined(env);
  void* data = nullptr;
  if (capacity > 0 && napi_create_buffer(env, capacity, &data, &result) != napi_ok) return nullptr;
  size_t size = 0;
  ParseError error;
  switch (engine.ReadBody(id, static_cast<uint8_t*>(data), capacity, &size, &error)) {
    case BodyState::kData:
      // A file may give less than it has: what is behind that was never written.
      if (size < capacity) napi_create_buffer_copy(env, size, data, nullptr, &result);
      return result;
    case BodyState::kEnd:
      napi_get_null(env, &result);
      return result;
    case BodyState::kPending:
      engine.Flush();  // a "100 Continue" may wait
      return result;
    case BodyState::kError:
      napi_create_array_with_length(env, 2, &result);
      napi_set_element(env, result, 0, Number(env, error.status));
      napi_set_element(env, result, 1, String(env, error.reason));
      return result;
  }
  return result;
}

napi_value JsTrailers(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const ExchangeId id = call.Id();
  if (!call.Good()) return nullptr;
  const ByteView trailers = call.holder()->js.engine().Trailers(id);
  napi_value result;
  napi_create_string_latin1(env, trailers.chars(), trailers.size, &result);
  return result;
}

napi_value JsDrain(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const int grace = call.IntAt(0);
  if (call.Good()) call.holder()->js.engine().Drain(static_cast<uint32_t>(std::max(grace, 0)));
  return nullptr;
}

napi_value JsClose(napi_env env, napi_callback_info info) {
  Call call;
  if (call.Open(env, info)) CloseHolder(call.holder());
  return nullptr;
}

napi_value JsStats(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const Engine& engine = call.holder()->js.engine();
  napi_value result;
  napi_create_object(env, &result);
  SetProperty(env, result, "connections", Number(env, engine.open_connections()));
  SetProperty(env, result, "requests", Number(env, static_cast<double>(engine.requests())));
  return result;
}

constexpr struct {
  const char* name;
  napi_callback function;
} kFunctions[] = {
    {"listen", JsListen},
    {"start", JsStart},
    {"setScore", JsSetScore},
    {"logTo", JsLogTo},
    {"registerHead", JsRegisterHead},
    {"takeRecords", JsTakeRecords},
    {"startResponse", JsStartResponse},
    {"write", JsWrite},
    {"writeFile", JsWriteFile},
    {"fileExtent", JsFileExtent},
    {"end", JsEnd},
    {"abort", JsAbort},
    {"interim", JsInterim},
    {"queued", JsQueued},
    {"readBody", JsReadBody},
    {"trailers", JsTrailers},
    {"drain", JsDrain},
    {"failAll", JsFailAll},
    {"close", JsClose},
    {"stats", JsStats},
};

// Hands the engine over to JavaScript and to the life of the environment.
void Wrap(napi_env env, std::unique_ptr<Holder> holder, napi_value object) {
  for (const auto& entry : kFunctions) {
    napi_value function;
    napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.function, nullptr, &function);
    SetProperty(env, object, entry.name, function);
  }
  Holder* const raw = holder.release();
  const auto destroy = [](napi_env, void* data, void*) { delete static_cast<Holder*>(data); };
  napi_type_tag_object(env, object, &kEngineTag);
  napi_wrap(env, object, raw, destroy, nullptr, nullptr);
  napi_create_reference(env, object, 1, &raw->self);
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle, void* data) { CloseHolder(static_cast<Holder*>(data)); },
      raw, &raw->hook);
}

}  // namespace

napi_value JsCreateEngine(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  EngineOptions options;
  if (!ReadEngineOptions(env, arguments[0], &options)) return nullptr;
  napi_value object;
  napi_create_object(env, &object);
  auto holder = std::make_unique<Holder>(env);
  if (!holder->js.Initialise(options, arguments[1], object) || !holder->js.Attach()) {
    return nullptr;
  }
  Wrap(env, std::move(holder), object);
  return object;
}

}  // namespace postern
