// Deadlines of connections, in ticks of one second.
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
  explicit DeadlineWheel(uint32_t now) : now_(now) {}

  uint32_t now() const { return now_; }

  // The connection expires when `seconds` whole seconds have passed. 0 seconds: never.
  void Set(Connection* c, uint32_t seconds) {
    if (seconds == 0) return Clear(c);
    c->deadline = now_ + seconds + 1;
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

  // Moves time on to `now` and calls expired(connection) for each that is overdue.
  template <typename Expired>
  void Advance(uint32_t now, Expired expired) {
    const uint32_t from = now - now_ > kBuckets ? now - kBuckets : now_;
    for (uint32_t tick = from + 1; tick - 1 != now; ++tick) {
      now_ = tick;
      // Always the first of the bucket: `expired` may remove others of it. Nothing is put into this
      // bucket meanwhile, because no deadline is set for now.
      while (Connection* const c = Bucket(tick)) {
        Remove(c);
        if (c->deadline == 0) continue;
        if (c->deadline <= tick) {
          c->deadline = 0;
          expired(c);
        } else {
          Insert(c);
        }
      }
    }
  }

 private:
  static constexpr uint32_t kBuckets = 240;

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

  uint32_t now_;
  Connection* buckets_[kBuckets] = {};
};

}  // namespace postern

#endif  // POSTERN_ENGINE_DEADLINE_WHEEL_H_
