// RequestHead → the meta-variables that an application sees (RFC 3875 §4.1, PEP 3333).
//
// HTTP fields become HTTP_*; variables of a packet stay what they are. Here, once for all hosts,
// stand the rules that protect an application from its clients: PATH_INFO is decoded once,
// repeated fields are joined, `Proxy` is dropped (httpoxy), and no variable can pose as one of
// the gateway's own (`wsgi.*`).
//
// What is the same for all requests of a connection (SERVER_*, REMOTE_*, wsgi.*) is the host's.
#ifndef POSTERN_PROTOCOLS_META_VARIABLES_H_
#define POSTERN_PROTOCOLS_META_VARIABLES_H_

#include "base/arena.h"
#include "protocols/request_head.h"

namespace postern {

struct MetaVariable {
  Key key = Key::kNone;
  ByteView name;  // the whole meta-variable name where `key` is kNone
  ByteView value;
};

enum class HeadKind : uint8_t { kHttp, kGateway };

// The variables that BuildMetaVariables adds to the fields of a head.
inline constexpr uint32_t kAddedVariables = 10;

// kComplete:   out[0, *count) is filled; views point into the head, the arena or static storage.
// kIncomplete: the arena is full: empty it and call again.
// kInvalid:    400, the path does not decode.
// `out` has room for head.field_count + kAddedVariables.
ParseStatus BuildMetaVariables(const RequestHead& head, HeadKind kind, Arena* arena,
                               MetaVariable* out, uint32_t* count, ParseError* error);

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_META_VARIABLES_H_
