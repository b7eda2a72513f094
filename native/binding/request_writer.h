// Writes requests into the shared memory, with a number in the place of everything that JavaScript
// has seen before. Knows the layout, but no Node-API: a batch is plain memory.
#ifndef POSTERN_BINDING_REQUEST_WRITER_H_
#define POSTERN_BINDING_REQUEST_WRITER_H_

#include <vector>

#include "base/arena.h"
#include "base/intern_table.h"
#include "binding/shared_layout.h"
#include "engine/app_host.h"
#include "engine/listener.h"

namespace postern {

struct SharedMemory {
  uint8_t* inbox = nullptr;
  size_t inbox_bytes = 0;
  int32_t* control = nullptr;
  int32_t* events = nullptr;
  int32_t* vars = nullptr;
  int32_t* news = nullptr;
  int32_t* records = nullptr;
  uint8_t* out = nullptr;
};

// Names that are not known keys get a number at their second sighting, until the numbers run out:
// never taken back, because the shapes of JavaScript hold on to them.
class KeyNumbers {
 public:
  explicit KeyNumbers(uint64_t seed) : names_(seed), numbers_(InternTable::kCapacity, -1) {}
  // The number of `name`, or -1. *admitted: it was given just now.
  int32_t Find(ByteView name, bool* admitted);

 private:
  InternTable names_;  // NextTurn is never called: nothing is evicted
  std::vector<int32_t> numbers_;
  int32_t next_ = static_cast<int32_t>(kKeyCount);
};

// Sequences of key numbers: JavaScript makes one constructor for each.
class Shapes {
 public:
  explicit Shapes(uint64_t seed) : seed_(seed), buckets_(kBuckets, -1) {}
  // The number of the sequence, or -1 while there is none left. *admitted: given just now.
  int32_t Find(const uint16_t* keys, uint32_t count, bool* admitted);

 private:
  static constexpr uint32_t kBuckets = 2048;
  struct Shape {
    uint64_t hash;
    std::vector<uint16_t> keys;
    int32_t next;
  };
  const uint64_t seed_;
  std::vector<int32_t> buckets_;
  std::vector<Shape> shapes_;
};

class RequestWriter {
 public:
  // `memory` outlives the writer. Its last kOwnBytes of inbox are the writer's, not the engine's.
  RequestWriter(const SharedMemory& memory, uint64_t seed);

  static constexpr size_t kOwnBytes = 64 * 1024;

  bool HasRoom(uint32_t variable_count) const;
  void Write(const Request& request, const Peer& peer);
  // False: no room; tell it in the next batch.
  bool WriteNotice(ExchangeId id, int type);

  bool empty() const { return memory_.control[layout::kControlEvents] == 0; }
  // Forgets the batch; strings that were handed out may change their numbers from now on.
  void Clear();

 private:
  int32_t* NextEvent(int type, ExchangeId id);
  void WriteVariable(const MetaVariable& variable, int32_t* out);
  int32_t KeyOf(const MetaVariable& variable, int32_t* out);
  int32_t OffsetOf(ByteView bytes);
  void WriteNews(int kind, int32_t number, int32_t offset, size_t size);

  const SharedMemory memory_;
  Arena own_;
  InternTable strings_;
  KeyNumbers keys_;
  Shapes shapes_;
  uint32_t requests_ = 0;
  uint32_t vars_ = 0;
};

}  // namespace postern

#endif  // POSTERN_BINDING_REQUEST_WRITER_H_
