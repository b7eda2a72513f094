// What an engine tells the world about itself, in memory that several processes may map: one slot
// for each engine, written by it alone with plain stores, read by anybody at any time. No message
// and no lock; a reader may see a counter that is one round old.
//
// The layout is the contract with src/manager/scoreboard.ts and with readers of the mapping:
// little-endian 64-bit words, in this order. Counters only grow; gauges say what is now.
#ifndef POSTERN_ENGINE_SCOREBOARD_H_
#define POSTERN_ENGINE_SCOREBOARD_H_

#include <atomic>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace postern {

inline constexpr size_t kScoreMethodBytes = 32;
inline constexpr size_t kScoreUriBytes = 256;

struct alignas(64) ScoreSlot {
  using Word = std::atomic<uint64_t>;

  Word requests{0};     // handed to the application
  Word sent_bytes{0};   // taken by the kernel
  Word busy_ns{0};      // spent in the application, or in JavaScript that it has started
  Word response_ns{0};  // from request to end of response, all together
  Word turns{0};        // of the loop: it stands still while the application holds the thread
  Word in_flight{0};    // gauge: requests that are being handled
  Word connections{0};  // gauge
  Word busy_since{0};  // gauge: CLOCK_MONOTONIC in ns when the application was called; 0: it is not

  Word responses[5]{};  // by class: 1xx … 5xx; what the engine answers itself is in there
  Word client_gone{0};  // requests whose client left before the end of the response
  Word overdue{0};      // requests that harakiri has ended
  Word handed_over{0};  // connections that went to an engine with a free slot

  // The request that was handed over last. Odd: it is being written.
  Word sequence{0};
  Word started_ns{0};  // CLOCK_MONOTONIC
  std::atomic<uint32_t> method_bytes{0};
  std::atomic<uint32_t> uri_bytes{0};
  // Written by others: when the engine closes, whoever waits is answered first (Engine::FailAll).
  Word fail_on_close{0};
  Word reserved[4]{};
  uint8_t method[kScoreMethodBytes]{};
  uint8_t uri[kScoreUriBytes]{};
  Word unused[4]{};

  // `uri` is cut where it does not fit.
  void SetCurrent(ByteView of_method, ByteView of_uri, uint64_t now_ns) {
    const uint64_t before = sequence.load(std::memory_order_relaxed);
    sequence.store(before + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    method_bytes.store(Copy(of_method, method, kScoreMethodBytes), std::memory_order_relaxed);
    uri_bytes.store(Copy(of_uri, uri, kScoreUriBytes), std::memory_order_relaxed);
    started_ns.store(now_ns, std::memory_order_relaxed);
    sequence.store(before + 2, std::memory_order_release);
  }

 private:
  static uint32_t Copy(ByteView from, uint8_t* to, size_t room) {
    const size_t size = from.size < room ? from.size : room;
    if (size > 0) memcpy(to, from.data, size);
    return static_cast<uint32_t>(size);
  }
};

static_assert(sizeof(ScoreSlot) == 512, "a slot is 512 bytes: readers count on it");
static_assert(std::atomic<uint64_t>::is_always_lock_free, "shared between processes");

}  // namespace postern

#endif  // POSTERN_ENGINE_SCOREBOARD_H_
