// See js_engine.h.
#include "binding/js_engine.h"

#include <sys/random.h>

#include <algorithm>

#include "binding/napi_util.h"

namespace postern {

using namespace layout;  // NOLINT(build/namespaces): the numbers of one header

namespace {

constexpr size_t kInboxBytes = 1024 * 1024;

uint64_t RandomSeed() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) seed = reinterpret_cast<uintptr_t>(&seed);
  return seed;
}

}  // namespace

JsEngine::~JsEngine() {
  engine_.reset();
  for (napi_ref reference : references_) napi_delete_reference(env_, reference);
  if (async_context_ != nullptr) napi_async_destroy(env_, async_context_);
}

bool JsEngine::MakeArray(napi_value exports, const char* name, napi_typedarray_type type,
                         size_t count, void** data) {
  const size_t bytes = type == napi_int32_array ? count * sizeof(int32_t) : count;
  napi_value buffer;
  napi_value array;
  napi_ref reference;
  if (napi_create_arraybuffer(env_, bytes, data, &buffer) != napi_ok ||
      napi_create_typedarray(env_, type, count, buffer, 0, &array) != napi_ok ||
      napi_create_reference(env_, array, 1, &reference) != napi_ok) {
    return false;
  }
  references_.push_back(reference);
  SetProperty(env_, exports, name, array);
  return true;
}

bool JsEngine::Hold(napi_value object) {
  napi_ref reference;
  if (napi_create_reference(env_, object, 1, &reference) != napi_ok) return false;
  references_.push_back(reference);
  return true;
}

bool JsEngine::MakeMemory(size_t engine_bytes, napi_value exports) {
  memory_.inbox_bytes = engine_bytes + RequestWriter::kOwnBytes;
  const auto make = [&](const char* name, size_t ints, int32_t** data) {
    return MakeArray(exports, name, napi_int32_array, ints, reinterpret_cast<void**>(data));
  };
  const auto make_bytes = [&](const char* name, size_t bytes, uint8_t** data) {
    return MakeArray(exports, name, napi_uint8_array, bytes, reinterpret_cast<void**>(data));
  };
  return make_bytes("inbox", memory_.inbox_bytes, &memory_.inbox) &&
         make("control", kControlInts, &memory_.control) &&
         make("events", kMaxEvents * kEventInts, &memory_.events) &&
         make("vars", kMaxVars * kVarInts, &memory_.vars) &&
         make("news", kMaxNews * kNewsInts, &memory_.news) &&
         make("records", kMaxRecords * kRecordInts, &memory_.records) &&
         make_bytes("out", kOutBytes, &memory_.out);
}

bool JsEngine::HoldCallbacks(napi_value callbacks) {
  const auto hold = [&](const char* name, napi_valuetype wanted, napi_ref* reference) {
    const napi_value value = Property(env_, callbacks, name);
    napi_valuetype type;
    const bool held = napi_typeof(env_, value, &type) == napi_ok && type == wanted &&
                      napi_create_reference(env_, value, 1, reference) == napi_ok;
    if (held) references_.push_back(*reference);
    return held;
  };
  if (hold("onRound", napi_function, &on_round_) &&
      hold("onDrained", napi_function, &on_drained_) && hold("onLog", napi_function, &on_log_) &&
      hold("resource", napi_object, &resource_)) {
    return napi_async_init(env_, Property(env_, callbacks, "resource"), String(env_, "POSTERN"),
                           &async_context_) == napi_ok;
  }
  bool pending = false;  // a getter may have thrown
  napi_is_exception_pending(env_, &pending);
  if (!pending) {
    napi_throw_type_error(env_, "ERR_POSTERN_ARGUMENT", "a callback or the resource is missing");
  }
  return false;
}

bool JsEngine::Initialise(const EngineOptions& options, napi_value callbacks, napi_value exports) {
  const size_t engine_bytes = std::max(kInboxBytes, InputMemory::MinBytes(options.limits));
  if (!HoldCallbacks(callbacks) || !MakeMemory(engine_bytes, exports)) return false;
  writer_ = std::make_unique<RequestWriter>(memory_, RandomSeed());
  engine_ = std::make_unique<Engine>(options, this, InputMemory{memory_.inbox, engine_bytes});
  if (engine_->Open()) return true;
  napi_throw_error(env_, "ERR_POSTERN_ENGINE", "epoll or timerfd could not be opened");
  return false;
}

bool JsEngine::Attach() {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env_, &loop);
  if (uv_poll_init(loop, &poll_, engine_->pollable_fd()) != 0 ||
      uv_prepare_init(loop, &prepare_) != 0 || uv_idle_init(loop, &idle_) != 0) {
    napi_throw_error(env_, "ERR_POSTERN_LOOP", "the event loop does not take the engine");
    return false;
  }
  poll_.data = prepare_.data = idle_.data = this;
  open_handles_ = 3;
  attached_ = true;
  uv_poll_start(&poll_, UV_READABLE, OnReadable);
  uv_prepare_start(&prepare_, OnPrepare);
  uv_unref(reinterpret_cast<uv_handle_t*>(&prepare_));
  // Before it accepts nobody is to wait for it: an application that never finishes loading is told
  // by a loop that has nothing left.
  uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));
  return true;
}

void JsEngine::Detach(void (*done)(void*), void* context) {
  if (engine_ != nullptr) engine_->CloseAll();
  detached_ = done;
  detached_context_ = context;
  if (open_handles_ == 0) {
    if (done != nullptr) done(context);
    return;
  }
  if (!attached_) return;
  attached_ = false;
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), OnClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&prepare_), OnClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&idle_), OnClosed);
}

void JsEngine::OnClosed(uv_handle_t* handle) {
  auto* self = static_cast<JsEngine*>(handle->data);
  if (--self->open_handles_ == 0 && self->detached_ != nullptr) {
    self->detached_(self->detached_context_);
  }
}

void JsEngine::OnReadable(uv_poll_t* handle, int, int) {
  static_cast<JsEngine*>(handle->data)->engine_->Turn();
}

// A turn ends although there is work left, so that timers run. No descriptor tells of that work:
// an idle handle makes libuv look for events without waiting for them.
void JsEngine::KeepAwake() {
  const bool wanted = engine_->HasWork();
  if (!attached_ || wanted == (uv_is_active(reinterpret_cast<uv_handle_t*>(&idle_)) != 0)) return;
  if (wanted) {
    uv_idle_start(&idle_, [](uv_idle_t*) {});
  } else {
    uv_idle_stop(&idle_);
  }
}

// Right before libuv waits: answers that came from timers, promises and other callbacks.
void JsEngine::OnPrepare(uv_prepare_t* handle) {
  auto* self = static_cast<JsEngine*>(handle->data);
  if (self->memory_.control[kControlRecords] > 0) self->TakeRecords();
  // The end of a stream leaves no record: it may be all that there is to send.
  if (self->engine_->HasOutput()) self->engine_->Flush();
  if (self->engine_->HasWork()) self->engine_->Turn();
  self->engine_->WriteLog();
  self->KeepAwake();
}

void JsEngine::Accept(const Request& request) {
  writer_->Write(request, engine_->PeerOf(request.id));
}

void JsEngine::Notify(ExchangeId id, Notice notice) {
  int type = kTypeAborted;
  if (notice == Notice::kBody) type = kTypeBody;
  if (notice == Notice::kWritable) type = kTypeWritable;
  if (notice == Notice::kOverdue) type = kTypeOverdue;
  // JavaScript may be reading the events right now.
  if (in_javascript_ || !writer_->WriteNotice(id, type)) notices_.push_back({id, type});
}

void JsEngine::WriteWaitingNotices() {
  size_t written = 0;
  while (written < notices_.size() &&
         writer_->WriteNotice(notices_[written].id, notices_[written].type)) {
    ++written;
  }
  notices_.erase(notices_.begin(), notices_.begin() + static_cast<ptrdiff_t>(written));
}

bool JsEngine::CallIntoScope(napi_ref function, size_t argc, const napi_value* argv) {
  napi_value resource;
  napi_value callback;
  napi_callback_scope scope;
  napi_get_reference_value(env_, resource_, &resource);
  napi_get_reference_value(env_, function, &callback);
  if (napi_open_callback_scope(env_, resource, async_context_, &scope) != napi_ok) return false;
  const bool returned =
      napi_call_function(env_, resource, callback, argc, argv, nullptr) == napi_ok;
  if (!returned) {
    // Our own JavaScript catches what applications throw; this would be a defect of ours.
    // A thread that is being terminated has thrown nothing.
    napi_value error;
    bool pending = false;
    napi_is_exception_pending(env_, &pending);
    if (pending && napi_get_and_clear_last_exception(env_, &error) == napi_ok) {
      napi_fatal_exception(env_, error);
    }
  }
  napi_close_callback_scope(env_, scope);
  return returned;
}

void JsEngine::Deliver() {
  if (!attached_) return;  // closed in a callback of this very turn
  if (!notices_.empty()) WriteWaitingNotices();
  if (writer_->empty()) return;
  napi_handle_scope handles;
  napi_open_handle_scope(env_, &handles);
  in_javascript_ = true;
  CallIntoScope(on_round_, 0, nullptr);
  in_javascript_ = false;
  napi_close_handle_scope(env_, handles);
  TakeRecords();
  TakeDeferrals();
  writer_->Clear();
  if (!notices_.empty()) engine_->Wake();
}

void JsEngine::TakeRecords() {
  // Taking a record can make no new ones: no JavaScript runs here.
  const int32_t count = std::min(memory_.control[kControlRecords], kMaxRecords);
  for (int32_t i = 0; i < count; ++i) TakeRecord(memory_.records + i * kRecordInts);
  memory_.control[kControlRecords] = 0;
}

// What a record points to is there. Our own JavaScript writes them; a mistake in it must not read
// the memory of somebody else.
bool JsEngine::IsSane(const int32_t* record) const {
  const auto fits = [](int32_t at, int32_t first, int32_t second) {
    return (at | first | second) >= 0 && static_cast<int64_t>(at) + first + second <= kOutBytes;
  };
  if (!fits(record[kRecordBody], record[kRecordBodyBytes], 0)) return false;
  if ((record[kRecordFlags] & kHeadByBytes) == 0) {
    return static_cast<uint32_t>(record[kRecordHead]) < heads_.size();
  }
  return fits(record[kRecordHead], record[kRecordStatusBytes], record[kRecordLinesBytes]);
}

void JsEngine::TakeRecord(const int32_t* record) {
  if (!IsSane(record)) return Log(LogLevel::kError, "a response record points nowhere: ignored");
  const ExchangeId id{static_cast<uint32_t>(record[kRecordConnection]),
                      static_cast<uint32_t>(record[kRecordGeneration])};
  int flags = record[kRecordFlags];
  ResponseHead head;
  if ((flags & kHeadByBytes) != 0) {
    const uint8_t* const bytes = memory_.out + record[kRecordHead];
    head.status = {bytes, static_cast<size_t>(record[kRecordStatusBytes])};
    head.lines = {bytes + head.status.size, static_cast<size_t>(record[kRecordLinesBytes])};
    if (!ValidateStatus(head.status) || !ValidateFieldLines(head.lines)) {
      Log(LogLevel::kError, "a response head with control bytes was stopped");
      return engine_->AbortResponse(id);
    }
  } else {
    const RegisteredHead& known = heads_[static_cast<size_t>(record[kRecordHead])];
    head.status = {known.status.data(), known.status.size()};
    head.lines = {known.lines.data(), known.lines.size()};
    flags |= known.flags;
  }
  head.has_date = (flags & kHeadHasDate) != 0;
  head.has_server = (flags & kHeadHasServer) != 0;
  head.no_body = (flags & kHeadNoBody) != 0;
  const ByteView body{memory_.out + record[kRecordBody],
                      static_cast<size_t>(record[kRecordBodyBytes])};
  const bool no_length = (flags & kHeadNoLength) != 0;
  engine_->Respond(id, head, no_length ? kNoLength : body.size, head.no_body ? ByteView() : body);
}

void JsEngine::TakeDeferrals() {
  const int32_t count = memory_.control[kControlEvents];
  for (int32_t i = 0; i < count; ++i) {
    const int32_t* const event = memory_.events + i * kEventInts;
    if (event[kEventDeferred] == 0) continue;
    engine_->Defer({static_cast<uint32_t>(event[kEventConnection]),
                    static_cast<uint32_t>(event[kEventGeneration])});
  }
}

int JsEngine::RegisterHead(std::string status, std::string lines, int flags) {
  if (heads_.size() == kMaxHeads) return -1;
  if (!ValidateStatus({status.data(), status.size()}) ||
      !ValidateFieldLines({lines.data(), lines.size()})) {
    return -1;
  }
  heads_.push_back({std::move(status), std::move(lines), flags});
  return static_cast<int>(heads_.size()) - 1;
}

void JsEngine::Drained() {
  if (!attached_) return;
  napi_handle_scope handles;
  napi_open_handle_scope(env_, &handles);
  CallIntoScope(on_drained_, 0, nullptr);
  napi_close_handle_scope(env_, handles);
}

void JsEngine::Log(LogLevel level, const char* text) {
  if (!attached_) return;
  napi_handle_scope handles;
  napi_open_handle_scope(env_, &handles);
  const napi_value arguments[] = {Number(env_, static_cast<int>(level)), String(env_, text)};
  CallIntoScope(on_log_, 2, arguments);
  napi_close_handle_scope(env_, handles);
}

}  // namespace postern
