// Bytes of clients made harmless for a log line: nothing that is written here can end the line,
// leave a pair of quotes, or steer a terminal.
//
//   text  ‹"›, ‹\›, control bytes and bytes outside of ASCII become \xHH, as nginx writes them
//   JSON  the inside of a JSON string (RFC 8259 §7). A value that is not UTF-8 is read as Latin-1,
//         one character a byte, as the gateway's environ does.
//
// Encoders write into room that the caller has reserved, kMaxEscape… times the size of the value.
#ifndef POSTERN_BASE_ESCAPE_H_
#define POSTERN_BASE_ESCAPE_H_

#include "base/bytes.h"

namespace postern {

inline constexpr size_t kMaxEscapeText = 4;
inline constexpr size_t kMaxEscapeJson = 6;

// With `spaces`, a space is escaped too: for a value whose end is a space.
uint8_t* EscapeText(ByteView value, bool spaces, uint8_t* out);
uint8_t* EscapeJson(ByteView value, uint8_t* out);

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(ByteView bytes);

}  // namespace postern

#endif  // POSTERN_BASE_ESCAPE_H_
