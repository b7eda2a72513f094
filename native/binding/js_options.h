// What createEngine and listen are given, as the engine wants it. src/config has checked what users
// write; here only what would break the process is refused.
#ifndef POSTERN_BINDING_JS_OPTIONS_H_
#define POSTERN_BINDING_JS_OPTIONS_H_

#include <node_api.h>

#include "engine/engine.h"
#include "engine/listener.h"

namespace postern {

// False: an exception is pending. What is missing keeps its default.
bool ReadEngineOptions(napi_env env, napi_value from, EngineOptions* options);
bool ReadListenOptions(napi_env env, napi_value from, ListenOptions* options);

}  // namespace postern

#endif  // POSTERN_BINDING_JS_OPTIONS_H_
