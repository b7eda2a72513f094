// What the addon exports: the list of parts, and nothing else. No mutable globals, so that it can
// be loaded in the main thread and in worker threads at once.
#include <node_api.h>

#include "binding/js_api.h"
#include "binding/js_descriptors.h"
#include "binding/js_process.h"
#include "binding/js_scoreboard.h"
#include "binding/napi_util.h"
#include "binding/shared_layout.h"
#include "protocols/keys.h"

namespace postern {
namespace {

// The names of the known keys, by number; 0 is none.
napi_value KeyNames(napi_env env) {
  napi_value names;
  napi_create_array_with_length(env, kKeyCount, &names);
  for (size_t key = 0; key < kKeyCount; ++key) {
    const ByteView name = VariableName(static_cast<Key>(key));
    napi_value text;
    napi_create_string_latin1(env, name.chars(), name.size, &text);
    napi_set_element(env, names, static_cast<uint32_t>(key), text);
  }
  return names;
}

// The numbers that src/native/layout.ts has to agree with.
napi_value Layout(napi_env env) {
  namespace l = layout;
  const std::pair<const char*, int> numbers[] = {
      {"controlEvents", l::kControlEvents},
      {"controlNews", l::kControlNews},
      {"controlRecords", l::kControlRecords},
      {"eventInts", l::kEventInts},
      {"eventDeferred", l::kEventDeferred},
      {"varInts", l::kVarInts},
      {"newsInts", l::kNewsInts},
      {"recordInts", l::kRecordInts},
      {"maxRecords", l::kMaxRecords},
      {"outBytes", l::kOutBytes},
      {"maxHeads", l::kMaxHeads},
      {"flagOldClient", l::kFlagOldClient},
      {"headNoLength", l::kHeadNoLength},
      {"typeOverdue", l::kTypeOverdue},
      {"scoreSlotBytes", l::kScoreSlotBytes},
      {"keyCount", static_cast<int>(kKeyCount)},
  };
  napi_value object;
  napi_create_object(env, &object);
  for (const auto& [name, value] : numbers) SetProperty(env, object, name, Number(env, value));
  return object;
}

napi_value Init(napi_env env, napi_value exports) {
  const std::pair<const char*, napi_callback> functions[] = {
      {"createEngine", JsCreateEngine},           {"openScoreboard", JsOpenScoreboard},
      {"replaceDescriptor", JsReplaceDescriptor}, {"descriptorChannel", JsDescriptorChannel},
      {"sendDescriptor", JsSendDescriptor},       {"receiveDescriptor", JsReceiveDescriptor},
  };
  for (const auto& [name, callback] : functions) {
    napi_value function;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
    SetProperty(env, exports, name, function);
  }
  ExportProcess(env, exports);
  SetProperty(env, exports, "keyNames", KeyNames(env));
  SetProperty(env, exports, "layout", Layout(env));
  return exports;
}

}  // namespace
}  // namespace postern

NAPI_MODULE_INIT() {
  return postern::Init(env, exports);
}
