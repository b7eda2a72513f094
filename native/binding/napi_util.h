// The little of Node-API that every function here needs. Nothing throws: a failing helper leaves a
// JavaScript exception pending and returns an empty value, and its caller returns at once.
#ifndef POSTERN_BINDING_NAPI_UTIL_H_
#define POSTERN_BINDING_NAPI_UTIL_H_

#include <node_api.h>

#include <cstdint>
#include <string>

namespace postern {

inline napi_value Undefined(napi_env env) {
  napi_value result;
  napi_get_undefined(env, &result);
  return result;
}

inline napi_value Number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

inline napi_value String(napi_env env, const std::string& text) {
  napi_value result;
  napi_create_string_utf8(env, text.data(), text.size(), &result);
  return result;
}

inline napi_value Property(napi_env env, napi_value object, const char* name) {
  napi_value result;
  if (napi_get_named_property(env, object, name, &result) != napi_ok) return Undefined(env);
  return result;
}

inline void SetProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

// What a value of the wrong kind is read as is the caller's `fallback`: src/config has checked
// every option before it comes here.
inline double ToDouble(napi_env env, napi_value value, double fallback = 0) {
  double result;
  return napi_get_value_double(env, value, &result) == napi_ok ? result : fallback;
}

inline bool ToBool(napi_env env, napi_value value) {
  bool result;
  return napi_get_value_bool(env, value, &result) == napi_ok && result;
}

inline std::string ToUtf8(napi_env env, napi_value value) {
  size_t size = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok) return {};
  std::string text(size, '\0');
  napi_get_value_string_utf8(env, value, text.data(), size + 1, &size);
  return text;
}

inline std::string ToLatin1(napi_env env, napi_value value) {
  size_t size = 0;
  if (napi_get_value_string_latin1(env, value, nullptr, 0, &size) != napi_ok) return {};
  std::string text(size, '\0');
  napi_get_value_string_latin1(env, value, text.data(), size + 1, &size);
  return text;
}

// The bytes of a Buffer or any other Uint8Array.
inline bool ToBytes(napi_env env, napi_value value, uint8_t** data, size_t* size) {
  void* bytes = nullptr;
  if (napi_get_buffer_info(env, value, &bytes, size) != napi_ok) return false;
  *data = static_cast<uint8_t*>(bytes);
  return true;
}

}  // namespace postern

#endif  // POSTERN_BINDING_NAPI_UTIL_H_
