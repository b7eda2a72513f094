// What JavaScript asks of the operating system and Node does not offer: not about an engine.
#ifndef POSTERN_BINDING_JS_PROCESS_H_
#define POSTERN_BINDING_JS_PROCESS_H_

#include <node_api.h>

namespace postern {

// Adds the functions of this file to what the addon exports.
void ExportProcess(napi_env env, napi_value exports);

}  // namespace postern

#endif  // POSTERN_BINDING_JS_PROCESS_H_
