// See js_api.h. An engine object is a plain object that wraps a JsEngine; each function unwraps its
// receiver, so it cannot be called on anything else or after close().
#include "binding/js_api.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "binding/js_engine.h"
#include "binding/napi_util.h"

namespace postern {
namespace {

constexpr napi_type_tag kEngineTag = {0x9a1c7c1d2f5b4e03, 0xb1f2e8f0c5a94d77};
constexpr size_t kMaxArguments = 6;
// Below this many bytes a copy is cheaper than keeping the JavaScript object alive.
constexpr size_t kBorrowBytes = 16 * 1024;
constexpr size_t kMaxReadBytes = 256 * 1024;

// An engine with what belongs to its life in the environment.
struct Holder {
  explicit Holder(napi_env env) : js(env) {}
  JsEngine js;
  napi_ref self = nullptr;  // strong while the event loop knows the engine
  napi_async_cleanup_hook_handle hook = nullptr;
  bool closed = false;
};

struct Call {
  napi_env env = nullptr;
  napi_value self = nullptr;
  napi_value arguments[kMaxArguments] = {};
  Holder* holder = nullptr;

  // False: an exception is pending.
  bool Open(napi_env environment, napi_callback_info info) {
    env = environment;
    size_t count = kMaxArguments;
    bool tagged = false;
    void* wrapped = nullptr;
    napi_get_cb_info(env, info, &count, arguments, &self, nullptr);
    if (napi_check_object_type_tag(env, self, &kEngineTag, &tagged) != napi_ok || !tagged ||
        napi_unwrap(env, self, &wrapped) != napi_ok) {
      napi_throw_type_error(env, "ERR_POSTERN_RECEIVER", "not a Postern engine");
      return false;
    }
    holder = static_cast<Holder*>(wrapped);
    if (!holder->closed) return true;
    napi_throw_error(env, "ERR_POSTERN_CLOSED", "the engine is closed");
    return false;
  }

  // The engine, with everything that JavaScript answered before this call already in it.
  Engine& InOrder() const {
    holder->js.TakeRecords();
    return holder->js.engine();
  }
  double NumberAt(size_t i) const { return ToDouble(env, arguments[i]); }
  uint32_t Uint32At(size_t i) const { return static_cast<uint32_t>(NumberAt(i)); }
  int IntAt(size_t i) const { return static_cast<int>(NumberAt(i)); }
  ExchangeId Id() const { return {Uint32At(0), Uint32At(1)}; }
};

uint64_t ToLength(double value) {
  return value < 0 ? kNoLength : static_cast<uint64_t>(value);
}

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
  if (!call.Open(env, info)) return nullptr;
  const napi_value from = call.arguments[0];
  const auto number = [&](const char* name) {
    return ToDouble(env, Property(env, from, name), -1);
  };
  ListenOptions options;
  options.address.kind = static_cast<ListenAddress::Kind>(number("kind"));
  options.address.host = ToUtf8(env, Property(env, from, "host"));
  options.address.port = static_cast<uint16_t>(std::max(0.0, number("port")));
  options.address.fd = static_cast<int>(number("fd"));
  options.address.mode = static_cast<int>(number("mode"));
  options.protocol = static_cast<WireProtocol>(number("protocol"));
  options.backlog = static_cast<uint32_t>(std::max(0.0, number("backlog")));
  options.reuse_port = ToBool(env, Property(env, from, "reusePort"));
  ListenError failure;
  const int index = call.holder->js.engine().Listen(options, &failure);
  if (index < 0) return ThrowErrno(env, failure);
  const Listener& listener = call.holder->js.engine().listener(static_cast<uint32_t>(index));
  napi_value result;
  napi_create_object(env, &result);
  SetProperty(env, result, "index", Number(env, index));
  SetProperty(env, result, "host", String(env, listener.host));
  SetProperty(env, result, "port", Number(env, listener.port));
  return result;
}

napi_value JsStart(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  if (!call.holder->js.engine().Start()) {
    napi_throw_error(env, "ERR_POSTERN_POLL", "a listener could not be watched");
  }
  return nullptr;
}

napi_value JsRegisterHead(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const int number = call.holder->js.RegisterHead(ToLatin1(env, call.arguments[0]),
                                                  ToLatin1(env, call.arguments[1]), call.IntAt(2));
  return Number(env, number);
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
  const std::string status = ToLatin1(env, call.arguments[2]);
  const std::string lines = ToLatin1(env, call.arguments[3]);
  const int flags = call.IntAt(4);
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
  call.InOrder().StartResponse(call.Id(), head, ToLength(call.NumberAt(5)));
  return nullptr;
}

void ReleaseReference(void* context) {
  auto* held = static_cast<std::pair<napi_env, napi_ref>*>(context);
  napi_delete_reference(held->first, held->second);
  delete held;
}

napi_value JsWrite(napi_env env, napi_callback_info info) {
  Call call;
  uint8_t* data = nullptr;
  size_t size = 0;
  if (!call.Open(env, info)) return nullptr;
  if (!ToBytes(env, call.arguments[2], &data, &size)) {
    napi_throw_type_error(env, "ERR_POSTERN_BYTES", "write takes bytes");
    return nullptr;
  }
  Engine& engine = call.InOrder();
  napi_ref reference;
  if (size < kBorrowBytes ||
      napi_create_reference(env, call.arguments[2], 1, &reference) != napi_ok) {
    engine.Write(call.Id(), {data, size});
  } else {
    auto* held = new std::pair<napi_env, napi_ref>(env, reference);
    engine.WriteBorrowed(call.Id(), {{data, size}, ReleaseReference, held});
  }
  engine.Flush();
  return Number(env, static_cast<double>(engine.QueuedBytes(call.Id(), false)));
}

napi_value JsWriteFile(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  UniqueFd file(dup(call.IntAt(2)));
  if (!file.valid()) return ThrowErrno(env, {"dup", errno});
  Engine& engine = call.InOrder();
  engine.WriteFile(call.Id(), std::move(file), ToLength(call.NumberAt(3)),
                   ToLength(call.NumberAt(4)));
  engine.Flush();
  return Number(env, static_cast<double>(engine.QueuedBytes(call.Id(), false)));
}

// Where a descriptor stands and what is behind: [position, bytes to the end], or null for what is
// no regular file.
napi_value JsFileExtent(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  struct stat status;
  const int fd = call.IntAt(0);
  const off_t position = lseek(fd, 0, SEEK_CUR);
  napi_value result;
  napi_get_null(env, &result);
  if (position < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return result;
  napi_create_array_with_length(env, 2, &result);
  const off_t left = std::max<off_t>(0, status.st_size - position);
  napi_set_element(env, result, 0, Number(env, static_cast<double>(position)));
  napi_set_element(env, result, 1, Number(env, static_cast<double>(left)));
  return result;
}

napi_value JsEnd(napi_env env, napi_callback_info info) {
  Call call;
  if (call.Open(env, info)) call.InOrder().EndResponse(call.Id());
  return nullptr;
}

napi_value JsAbort(napi_env env, napi_callback_info info) {
  Call call;
  if (call.Open(env, info)) call.InOrder().AbortResponse(call.Id());
  return nullptr;
}

napi_value JsInterim(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const std::string head = ToLatin1(env, call.arguments[2]);
  Engine& engine = call.InOrder();
  engine.WriteInterim(call.Id(), {head.data(), head.size()});
  engine.Flush();
  return nullptr;
}

napi_value JsQueued(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  Engine& engine = call.InOrder();
  const bool notify = ToBool(env, call.arguments[2]);
  return Number(env, static_cast<double>(engine.QueuedBytes(call.Id(), notify)));
}

// A Buffer, null at the end, undefined when there is nothing yet, [status, reason] on failure.
napi_value JsReadBody(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  Engine& engine = call.InOrder();
  const size_t capacity =
      static_cast<size_t>(std::min<uint64_t>(engine.BodyAvailable(call.Id()), kMaxReadBytes));
  napi_value result = Undefined(env);
  void* data = nullptr;
  if (capacity > 0 && napi_create_buffer(env, capacity, &data, &result) != napi_ok) return nullptr;
  size_t size = 0;
  ParseError error;
  switch (engine.ReadBody(call.Id(), static_cast<uint8_t*>(data), capacity, &size, &error)) {
    case BodyState::kData:
      return result;  // a store gives all that it has, up to the capacity
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
  const ByteView trailers = call.holder->js.engine().Trailers(call.Id());
  napi_value result;
  napi_create_string_latin1(env, trailers.chars(), trailers.size, &result);
  return result;
}

napi_value JsDrain(napi_env env, napi_callback_info info) {
  Call call;
  if (call.Open(env, info)) call.holder->js.engine().Drain();
  return nullptr;
}

napi_value JsClose(napi_env env, napi_callback_info info) {
  Call call;
  if (call.Open(env, info)) CloseHolder(call.holder);
  return nullptr;
}

napi_value JsStats(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.Open(env, info)) return nullptr;
  const Engine& engine = call.holder->js.engine();
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
    {"close", JsClose},
    {"stats", JsStats},
};

// --- options ---

// src/config has checked the lists; a bad entry here is left out.
void ReadForwarded(napi_env env, napi_value from, ForwardedPolicy* policy) {
  const std::string peers = ToUtf8(env, Property(env, from, "forwardedAllowIps"));
  const std::string fields = ToUtf8(env, Property(env, from, "forwardedHeaders"));
  ByteView bad;
  ParseTrustedPeers({peers.data(), peers.size()}, &policy->trusted, &bad);
  ParseForwardedFields({fields.data(), fields.size()}, &policy->fields, &bad);
  policy->hops = static_cast<uint32_t>(ToDouble(env, Property(env, from, "forwardedCount")));
  policy->refuse_invalid = ToBool(env, Property(env, from, "forwardedRefuse"));
  policy->clear_others = ToBool(env, Property(env, from, "forwardedClear"));
}

EngineOptions ReadOptions(napi_env env, napi_value from) {
  EngineOptions options;
  ReadForwarded(env, from, &options.forwarded);
  options.proxy = static_cast<ProxyMode>(ToDouble(env, Property(env, from, "proxyMode")));
  Limits& limits = options.limits;
  const auto read32 = [&](const char* name, uint32_t* target) {
    // Nobody waits for longer or has more; to convert a number that does not fit is undefined.
    const double given = ToDouble(env, Property(env, from, name), *target);
    *target = static_cast<uint32_t>(std::clamp(given, 0.0, static_cast<double>(UINT32_MAX)));
  };
  const auto read64 = [&](const char* name, uint64_t* target) {
    *target = static_cast<uint64_t>(
        ToDouble(env, Property(env, from, name), static_cast<double>(*target)));
  };
  const auto flag = [&](const char* name, bool* target) {
    *target = ToBool(env, Property(env, from, name));
  };
  read32("maxRequestLineBytes", &limits.max_request_line_bytes);
  read32("maxFields", &limits.max_fields);
  read32("maxFieldBytes", &limits.max_field_bytes);
  read32("maxHeadBytes", &limits.max_head_bytes);
  read32("maxVars", &limits.max_vars);
  read64("maxBodyBytes", &limits.max_body_bytes);
  read64("postBufferingBytes", &limits.post_buffering_bytes);
  read32("headerTimeoutS", &limits.header_timeout_s);
  read32("bodyTimeoutS", &limits.body_timeout_s);
  read32("writeTimeoutS", &limits.write_timeout_s);
  read32("keepaliveTimeoutS", &limits.keepalive_timeout_s);
  read32("maxConnections", &limits.max_connections);
  const uint32_t most = layout::kMaxVars - kAddedVariables;
  limits.max_fields = std::min(limits.max_fields, most);
  limits.max_vars = std::min(limits.max_vars, most);
  bool refuse = false;
  flag("refuseUnderscores", &refuse);
  options.http1.header_map = refuse ? HeaderMap::kRefuse : HeaderMap::kDrop;
  flag("stripHeaderSpaces", &options.http1.strip_header_spaces);
  flag("permitObsFold", &options.http1.permit_obs_fold);
  flag("obsTarget", &options.http1.obs_target);
  flag("serverHeader", &options.server_header);
  flag("dateHeader", &options.date_header);
  return options;
}

}  // namespace

napi_value JsCreateEngine(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  napi_value object;
  napi_create_object(env, &object);
  auto holder = std::make_unique<Holder>(env);
  if (!holder->js.Initialise(ReadOptions(env, arguments[0]), arguments[1], object) ||
      !holder->js.Attach()) {
    return nullptr;
  }
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
  return object;
}

}  // namespace postern
