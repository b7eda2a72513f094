// See js_call.h.
#include "binding/js_call.h"

#include <cmath>

#include "binding/napi_util.h"

namespace postern {
namespace {

constexpr double kMaxSafeInteger = 9007199254740991;

}  // namespace

bool Call::Open(napi_env env, napi_callback_info info) {
  env_ = env;
  size_t count = kMaxArguments;
  napi_value self = nullptr;
  bool tagged = false;
  void* wrapped = nullptr;
  napi_get_cb_info(env, info, &count, arguments_, &self, nullptr);
  if (napi_check_object_type_tag(env, self, &kEngineTag, &tagged) != napi_ok || !tagged ||
      napi_unwrap(env, self, &wrapped) != napi_ok) {
    napi_throw_type_error(env, "ERR_POSTERN_RECEIVER", "not a Postern engine");
    return false;
  }
  holder_ = static_cast<Holder*>(wrapped);
  if (!holder_->closed) return true;
  napi_throw_error(env, "ERR_POSTERN_CLOSED", "the engine is closed");
  return false;
}

void Call::Refuse(size_t i, const char* wanted) {
  if (wanted_ != nullptr) return;
  refused_ = i;
  wanted_ = wanted;
}

bool Call::Good() const {
  if (wanted_ == nullptr) return true;
  const std::string text = "argument " + std::to_string(refused_ + 1) + " is not " + wanted_;
  napi_throw_type_error(env_, "ERR_POSTERN_ARGUMENT", text.c_str());
  return false;
}

double Call::Whole(size_t i, double min, double max) {
  double value;
  const bool number = napi_get_value_double(env_, arguments_[i], &value) == napi_ok;
  if (number && value >= min && value <= max && std::trunc(value) == value) return value;
  Refuse(i, "a whole number in its range");
  return 0;
}

// Both count to 2^32, and stand as int32 in the shared memory: half of them are negative there.
ExchangeId Call::Id() {
  const auto number = [this](size_t i) {
    return static_cast<uint32_t>(static_cast<int64_t>(Whole(i, INT32_MIN, UINT32_MAX)));
  };
  return {number(0), number(1)};
}

int Call::IntAt(size_t i) {
  return static_cast<int>(Whole(i, INT32_MIN, INT32_MAX));
}

uint64_t Call::LengthAt(size_t i) {
  const double value = Whole(i, -1, kMaxSafeInteger);
  return value < 0 ? kNoLength : static_cast<uint64_t>(value);
}

std::string Call::Latin1At(size_t i) {
  napi_valuetype type;
  if (napi_typeof(env_, arguments_[i], &type) == napi_ok && type == napi_string) {
    return ToLatin1(env_, arguments_[i]);
  }
  Refuse(i, "a string");
  return {};
}

ByteView Call::BytesAt(size_t i) {
  uint8_t* data = nullptr;
  size_t size = 0;
  if (!ToBytes(env_, arguments_[i], &data, &size)) Refuse(i, "bytes");
  return {data, size};
}

}  // namespace postern
