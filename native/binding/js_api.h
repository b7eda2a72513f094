// The functions that JavaScript calls on an engine. src/native/addon.ts declares them for
// TypeScript; docs of each stand there, where its readers are.
#ifndef POSTERN_BINDING_JS_API_H_
#define POSTERN_BINDING_JS_API_H_

#include <node_api.h>

namespace postern {

// createEngine(options, callbacks): the engine object.
napi_value JsCreateEngine(napi_env env, napi_callback_info info);

}  // namespace postern

#endif  // POSTERN_BINDING_JS_API_H_
