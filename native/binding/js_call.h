// One call from JavaScript: its receiver and its arguments, read with suspicion. src/server calls
// as it should; these checks are for everybody else, so that no number crashes the process.
#ifndef POSTERN_BINDING_JS_CALL_H_
#define POSTERN_BINDING_JS_CALL_H_

#include <node_api.h>

#include <string>

#include "binding/js_engine.h"

namespace postern {

// An engine with what belongs to its life in the environment.
struct Holder {
  explicit Holder(napi_env env) : js(env) {}
  JsEngine js;
  napi_ref self = nullptr;  // strong while the event loop knows the engine
  napi_async_cleanup_hook_handle hook = nullptr;
  bool closed = false;
};

inline constexpr napi_type_tag kEngineTag = {0x9a1c7c1d2f5b4e03, 0xb1f2e8f0c5a94d77};

class Call {
 public:
  // False: an exception is pending. The receiver is no engine, or one that is closed.
  bool Open(napi_env env, napi_callback_info info);

  napi_env env() const { return env_; }
  Holder* holder() const { return holder_; }
  napi_value argument(size_t i) const { return arguments_[i]; }

  // Arguments by position. A bad one is remembered; use nothing of them before Good() is true.
  ExchangeId Id();  // the first two, as they stand in the events: an int32 each
  int IntAt(size_t i);
  uint64_t LengthAt(size_t i);  // -1: kNoLength
  std::string Latin1At(size_t i);
  ByteView BytesAt(size_t i);
  // False: an exception is pending.
  bool Good() const;

  // The engine, with everything that JavaScript answered before this call already in it.
  Engine& InOrder() const {
    holder_->js.TakeRecords();
    return holder_->js.engine();
  }

 private:
  static constexpr size_t kMaxArguments = 6;

  double Whole(size_t i, double min, double max);
  void Refuse(size_t i, const char* wanted);

  napi_env env_ = nullptr;
  napi_value arguments_[kMaxArguments] = {};
  Holder* holder_ = nullptr;
  size_t refused_ = 0;
  const char* wanted_ = nullptr;  // of the first bad argument
};

}  // namespace postern

#endif  // POSTERN_BINDING_JS_CALL_H_
