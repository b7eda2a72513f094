// The engine inside Node: one per environment (main thread or worker thread), an AppHost whose
// application is a JavaScript function.
//
// One uv_poll_t watches the engine's descriptor, one uv_prepare_t sends what was written outside
// of a turn, and a uv_idle_t keeps the loop from sleeping over work that a turn has left.
// JavaScript is called once a round (Deliver) and answers in shared memory; only streamed bodies
// and responses cost further calls (js_api.cc).
#ifndef POSTERN_BINDING_JS_ENGINE_H_
#define POSTERN_BINDING_JS_ENGINE_H_

#include <node_api.h>
#include <uv.h>

#include <memory>
#include <string>
#include <vector>

#include "binding/request_writer.h"
#include "engine/engine.h"

namespace postern {

class JsEngine : public AppHost {
 public:
  explicit JsEngine(napi_env env) : env_(env) {}
  ~JsEngine() override;
  JsEngine(const JsEngine&) = delete;
  JsEngine& operator=(const JsEngine&) = delete;

  // Allocates the shared memory, puts it into `exports`, makes the engine. False: an exception is
  // pending. `callbacks` has onRound(), onDrained(), onLog(level, text) and `resource`, the object
  // that async_hooks sees as the origin of every request.
  bool Initialise(const EngineOptions& options, napi_value callbacks, napi_value exports);
  // Watches the engine with the event loop. False: an exception is pending.
  bool Attach();
  // Keeps an object for as long as the engine is there. False: an exception is pending.
  bool Hold(napi_value object);
  // From now on the event loop does not end before the engine is closed.
  void KeepLoop() { uv_ref(reinterpret_cast<uv_handle_t*>(&poll_)); }
  // Lets go of the event loop; `done` is called when libuv has let go too. May come twice.
  void Detach(void (*done)(void* context), void* context);

  Engine& engine() { return *engine_; }
  napi_env env() const { return env_; }

  // Hands over the responses that JavaScript has written to shared memory.
  void TakeRecords();

  // A head that JavaScript uses often gets a number. -1: there are enough.
  int RegisterHead(std::string status, std::string lines, int flags);

  // AppHost
  bool HasRoom(uint32_t variable_count) override { return writer_->HasRoom(variable_count); }
  void Accept(const Request& request) override;
  void Notify(ExchangeId id, Notice notice) override;
  void Deliver() override;
  void Drained() override;
  void Log(LogLevel level, const char* text) override;

 private:
  struct RegisteredHead {
    std::string status;
    std::string lines;
    int flags;
  };

  bool MakeArray(napi_value exports, const char* name, napi_typedarray_type type, size_t count,
                 void** data);
  bool MakeMemory(size_t engine_bytes, napi_value exports);
  bool HoldCallbacks(napi_value callbacks);
  bool CallIntoScope(napi_ref function, size_t argc, const napi_value* argv);
  void WriteWaitingNotices();
  void TakeDeferrals();
  bool IsSane(const int32_t* record) const;
  void TakeRecord(const int32_t* record);
  static void OnReadable(uv_poll_t* handle, int status, int events);
  static void OnPrepare(uv_prepare_t* handle);
  void KeepAwake();
  static void OnClosed(uv_handle_t* handle);

  const napi_env env_;
  SharedMemory memory_;
  std::unique_ptr<RequestWriter> writer_;
  std::unique_ptr<Engine> engine_;
  std::vector<napi_ref> references_;
  napi_ref resource_ = nullptr;
  napi_ref on_round_ = nullptr;
  napi_ref on_drained_ = nullptr;
  napi_ref on_log_ = nullptr;
  napi_async_context async_context_ = nullptr;

  struct WaitingNotice {
    ExchangeId id;
    int type;
  };
  std::vector<WaitingNotice> notices_;
  std::vector<RegisteredHead> heads_;
  bool in_javascript_ = false;

  uv_poll_t poll_{};
  uv_prepare_t prepare_{};
  uv_idle_t idle_{};
  int open_handles_ = 0;
  bool attached_ = false;
  void (*detached_)(void*) = nullptr;
  void* detached_context_ = nullptr;
};

}  // namespace postern

#endif  // POSTERN_BINDING_JS_ENGINE_H_
