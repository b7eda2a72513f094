// See js_options.h.
#include "binding/js_options.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "binding/napi_util.h"
#include "binding/shared_layout.h"

namespace postern {
namespace {

// Offsets into the input memory, which is several heads long, are int32.
constexpr double kMaxHeadBytes = 16 * 1024 * 1024;
constexpr double kMaxBytes = 9007199254740991;  // what a number in JavaScript holds exactly

// The properties of one object. The first bad one is remembered.
class Properties {
 public:
  Properties(napi_env env, napi_value from) : env_(env), from_(from) {
    napi_valuetype type;
    if (napi_typeof(env, from, &type) != napi_ok || type != napi_object) bad_ = "options";
  }

  template <typename T>
  void Number(const char* name, double min, double max, T* target) {
    const napi_value value = Get(name);
    if (value == nullptr) return;
    const double number = ToDouble(env_, value, std::nan(""));
    if (number >= min && number <= max && std::trunc(number) == number) {
      *target = static_cast<T>(static_cast<int64_t>(number));
    } else {
      Refuse(name);
    }
  }

  // What is more than `max` is `max`.
  void Count(const char* name, double max, uint32_t* target) {
    uint64_t count = *target;
    Number(name, 0, kMaxBytes, &count);
    *target = static_cast<uint32_t>(std::min<uint64_t>(count, static_cast<uint64_t>(max)));
  }

  void Flag(const char* name, bool* target) {
    const napi_value value = Get(name);
    if (value != nullptr) *target = ToBool(env_, value);
  }

  std::string Text(const char* name) {
    const napi_value value = Get(name);
    return value == nullptr ? std::string() : ToUtf8(env_, value);
  }

  void Refuse(const char* name) {
    if (bad_ == nullptr) bad_ = name;
  }

  // False: an exception is pending, this one or what a getter has thrown.
  bool Good() const {
    bool pending = false;
    napi_is_exception_pending(env_, &pending);
    if (pending || bad_ == nullptr) return !pending;
    napi_throw_type_error(env_, "ERR_POSTERN_ARGUMENT", (std::string("bad ") + bad_).c_str());
    return false;
  }

 private:
  // nullptr: it is not there.
  napi_value Get(const char* name) {
    napi_value value;
    napi_valuetype type;
    if (bad_ != nullptr || napi_get_named_property(env_, from_, name, &value) != napi_ok ||
        napi_typeof(env_, value, &type) != napi_ok || type == napi_undefined) {
      return nullptr;
    }
    return value;
  }

  const napi_env env_;
  const napi_value from_;
  const char* bad_ = nullptr;
};

void ReadLimits(Properties* from, Limits* limits) {
  from->Number("maxRequestLineBytes", 0, kMaxHeadBytes, &limits->max_request_line_bytes);
  from->Number("maxFieldBytes", 0, kMaxHeadBytes, &limits->max_field_bytes);
  from->Number("maxHeadBytes", 0, kMaxHeadBytes, &limits->max_head_bytes);
  from->Number("maxBodyBytes", 0, kMaxBytes, &limits->max_body_bytes);
  from->Number("postBufferingBytes", 0, kMaxBytes, &limits->post_buffering_bytes);
  // Nobody waits for longer, or has more: a larger number is as good as the largest. Seconds are
  // added to a clock.
  from->Count("headerTimeoutS", INT32_MAX, &limits->header_timeout_s);
  from->Count("bodyTimeoutS", INT32_MAX, &limits->body_timeout_s);
  from->Count("writeTimeoutS", INT32_MAX, &limits->write_timeout_s);
  from->Count("keepaliveTimeoutS", INT32_MAX, &limits->keepalive_timeout_s);
  from->Count("harakiriS", INT32_MAX, &limits->harakiri_s);
  from->Count("maxConnections", UINT32_MAX, &limits->max_connections);
  const double most = layout::kMaxVars - kAddedVariables;
  from->Count("maxFields", most, &limits->max_fields);
  from->Count("maxVars", most, &limits->max_vars);
}

// src/config has checked the lists; a bad entry here is left out.
void ReadForwarded(Properties* from, ForwardedPolicy* policy) {
  const std::string peers = from->Text("forwardedAllowIps");
  const std::string fields = from->Text("forwardedHeaders");
  ByteView bad;
  ParseTrustedPeers({peers.data(), peers.size()}, &policy->trusted, &bad);
  ParseForwardedFields({fields.data(), fields.size()}, &policy->fields, &bad);
  from->Number("forwardedCount", 0, UINT32_MAX, &policy->hops);
  from->Flag("forwardedRefuse", &policy->refuse_invalid);
  from->Flag("forwardedClear", &policy->clear_others);
}

// False: an exception is pending, the format is wrong.
bool ReadLog(napi_env env, Properties* from, AccessLogOptions* log) {
  from->Flag("logAll", &log->all);
  from->Flag("log4xx", &log->status_4xx);
  from->Flag("log5xx", &log->status_5xx);
  from->Flag("logZero", &log->empty);
  uint64_t slow_ms = 0;
  from->Number("logSlowMs", 0, INT32_MAX, &slow_ms);
  log->slow_us = slow_ms * 1000;
  from->Number("logBigBytes", 0, kMaxBytes, &log->big_bytes);
  from->Flag("logForwardedFor", &log->forwarded_for);
  LogConstants constants;
  constants.pid = getpid();
  from->Number("logWorker", 0, UINT16_MAX, &constants.worker);
  const std::string format = from->Text("logFormat");
  std::string error;
  if (format.empty() || log->format.Compile({format.data(), format.size()}, constants, &error))
    return true;
  napi_throw_error(env, "ERR_POSTERN_LOG_FORMAT", error.c_str());
  return false;
}

}  // namespace

bool ReadEngineOptions(napi_env env, napi_value object, EngineOptions* options) {
  Properties from(env, object);
  ReadLimits(&from, &options->limits);
  ReadForwarded(&from, &options->forwarded);
  from.Number("proxyMode", 0, static_cast<double>(ProxyMode::kRequire), &options->proxy);
  bool refuse = false;
  from.Flag("refuseUnderscores", &refuse);
  options->http1.header_map = refuse ? HeaderMap::kRefuse : HeaderMap::kDrop;
  from.Flag("stripHeaderSpaces", &options->http1.strip_header_spaces);
  from.Flag("permitObsFold", &options->http1.permit_obs_fold);
  from.Flag("obsTarget", &options->http1.obs_target);
  from.Flag("serverHeader", &options->server_header);
  from.Flag("dateHeader", &options->date_header);
  if (!ReadLog(env, &from, &options->log)) return false;
  return from.Good();
}

bool ReadListenOptions(napi_env env, napi_value object, ListenOptions* options) {
  Properties from(env, object);
  ListenAddress& address = options->address;
  from.Number("kind", 0, static_cast<double>(ListenAddress::Kind::kInherited), &address.kind);
  address.host = from.Text("host");
  // To bind(2) a NUL is the end: another path than the one that was asked for.
  if (address.host.find('\0') != std::string::npos) from.Refuse("host");
  from.Number("port", 0, UINT16_MAX, &address.port);
  from.Number("fd", -1, INT32_MAX, &address.fd);
  from.Number("mode", -1, 07777, &address.mode);
  from.Number("protocol", 0, static_cast<double>(WireProtocol::kUwsgi), &options->protocol);
  from.Number("backlog", 0, INT32_MAX, &options->backlog);
  from.Flag("reusePort", &options->reuse_port);
  return from.Good();
}

}  // namespace postern
