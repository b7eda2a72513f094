// What every rung of the ladder answers, and the two ways to find out how often.
#ifndef POSTERN_BENCH_FIXED_REPLY_H_
#define POSTERN_BENCH_FIXED_REPLY_H_

#include <cstring>

#include "protocols/http1.h"

namespace postern::bench {

inline constexpr char kReply[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Length: 13\r\n\r\nHello, world!";
inline constexpr size_t kReplyBytes = sizeof(kReply) - 1;
inline constexpr size_t kMaxReplies = 1024;

// kMaxReplies replies in a row.
inline const char* Replies() {
  static char* const replies = [] {
    auto* all = new char[kMaxReplies * kReplyBytes];
    for (size_t i = 0; i < kMaxReplies; ++i) memcpy(all + i * kReplyBytes, kReply, kReplyBytes);
    return all;
  }();
  return replies;
}

inline size_t FindHeads(const uint8_t* data, size_t size) {
  size_t heads = 0;
  const uint8_t* p = data;
  const uint8_t* const end = data + size;
  while (heads < kMaxReplies) {
    const void* found = memmem(p, static_cast<size_t>(end - p), "\r\n\r\n", 4);
    if (found == nullptr) break;
    p = static_cast<const uint8_t*>(found) + 4;
    ++heads;
  }
  return heads;
}

inline size_t ParseHeads(uint8_t* data, size_t size) {
  static const Limits limits;
  static const Http1Options options;
  static Field fields[128];
  RequestHead head;
  head.fields = fields;
  head.field_capacity = 128;
  size_t heads = 0;
  size_t at = 0;
  ParseError error;
  while (at < size && heads < kMaxReplies &&
         ParseHttp1Head(data + at, size - at, limits, options, &head, &error) ==
             ParseStatus::kComplete) {
    at += head.consumed;
    ++heads;
  }
  return heads;
}

}  // namespace postern::bench

#endif  // POSTERN_BENCH_FIXED_REPLY_H_
