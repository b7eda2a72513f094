// The scoreboard as JavaScript holds it: memory that is shared with other processes by a
// descriptor.
#ifndef POSTERN_BINDING_JS_SCOREBOARD_H_
#define POSTERN_BINDING_JS_SCOREBOARD_H_

#include <node_api.h>

#include "engine/scoreboard.h"

namespace postern {

// openScoreboard(fd, slots): { fd, memory }. With fd -1 new memory, which `fd` hands on to other
// processes; otherwise that of the descriptor.
napi_value JsOpenScoreboard(napi_env env, napi_callback_info info);

// The slot of that number in a `memory` of openScoreboard, nullptr: there is none.
ScoreSlot* SlotOf(napi_env env, napi_value memory, int slot);

}  // namespace postern

#endif  // POSTERN_BINDING_JS_SCOREBOARD_H_
