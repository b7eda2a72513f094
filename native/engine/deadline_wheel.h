// Deadlines of connections, in ticks of one second.
//
// Time is counted in ticks that the engine got to see. While the application holds the thread, no
// client can make progress that anybody would notice, so a stall of any length is one tick; and
// while nothing is open there are none.
//
// A wheel of 240 buckets. Moving a deadline further away, which happens with every request, is one
// store: the connection stays in its bucket and is put into the right one when that bucket is due.
// Only the connections of a due bucket are ever looked at, so ten thousand idle ones cost nothing.
#ifndef POSTERN_ENGINE_DEADLINE_WHEEL_H_
#define POSTERN_ENGINE_DEADLINE_WHEEL_H_

#include <algorithm>
#include <cstdint>

#include "engine/connection.h"

namespace postern {

class DeadlineWheel {
 public:
  uint32_t now() const { return now_; }

  // The connection expires when `seconds` whole seconds have passed. 0 seconds: never.
  void Set(Connection* c, uint32_t seconds) {
    if (seconds == 0) return Clear(c);
    c->deadline = now_ + std::min(seconds, kMaxSeconds) + 1;
    if (c->in_wheel && c->bucket_due <= c->deadline) return;
    Remove(c);
    Insert(c);
  }

  void Clear(Connection* c) { c->deadline = 0; }

  void Remove(Connection* c) {
    if (!c->in_wheel) return;
    (c->wheel_prev != nullptr ? c->wheel_prev->wheel_next : Bucket(c->bucket_due)) = c->wheel_next;
    if (c->wheel_next != nullptr) c->wheel_next->wheel_prev = c->wheel_prev;
    c->in_wheel = false;
  }

  // Moves time on by a second and calls expired(connection) for each that is overdue.
  template <typename Expired>
  void Tick(Expired expired) {
    ++now_;
    // Always the first of the bucket: `expired` may remove others of it. Nothing is put into this
    // bucket meanwhile, because no deadline is set for now.
    while (Connection* const c = Bucket(now_)) {
      Remove(c);
      if (c->deadline == 0) continue;
      if (c->deadline <= now_) {
        c->deadline = 0;
        expired(c);
      } else {
        Insert(c);
      }
    }
  }

 private:
  static constexpr uint32_t kBuckets = 240;
  static constexpr uint32_t kMaxSeconds = 1u << 30;

  Connection*& Bucket(uint32_t tick) { return buckets_[tick % kBuckets]; }

  void Insert(Connection* c) {
    c->bucket_due = std::min(c->deadline, now_ + kBuckets - 1);
    Connection*& first = Bucket(c->bucket_due);
    c->wheel_prev = nullptr;
    c->wheel_next = first;
    if (first != nullptr) first->wheel_prev = c;
    first = c;
    c->in_wheel = true;
  }

  uint32_t now_ = 0;
  Connection* buckets_[kBuckets] = {};
};

}  // namespace postern

#endif  // POSTERN_ENGINE_DEADLINE_WHEEL_H_
