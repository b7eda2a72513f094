// Values that come again and again (User-Agent, Host, the paths of a busy site) get a small number,
// and hosts keep a ready JavaScript string or Python object for each number.
//
// Keyed by client bytes, hence hostile: seeded hash, fixed size, four places a set, and a value is
// admitted only at its second sighting, so that a flood of unique values cannot flush the table.
// A number that was handed out stays valid until the next NextTurn.
#ifndef POSTERN_BASE_INTERN_TABLE_H_
#define POSTERN_BASE_INTERN_TABLE_H_

#include <cstdint>
#include <memory>

#include "base/bytes.h"

namespace postern {

class InternTable {
 public:
  static constexpr uint32_t kCapacity = 4096;
  static constexpr size_t kMaxValueBytes = 256;

  explicit InternTable(uint64_t seed);
  ~InternTable();
  InternTable(const InternTable&) = delete;
  InternTable& operator=(const InternTable&) = delete;

  // The number of `value`, in [0, kCapacity), or -1: not (yet) interned. *admitted is set when the
  // number was just given to it: the host must make its object now.
  int32_t Find(ByteView value, bool* admitted);

  // Numbers handed out before may now be given to other values.
  void NextTurn() { ++turn_; }

 private:
  struct Entry {
    uint8_t* bytes = nullptr;
    uint32_t hash = 0;
    uint32_t turn = 0;  // of the last use
    uint32_t size = 0;
  };
  static constexpr uint32_t kWays = 4;

  uint64_t Hash(ByteView value) const;
  bool SeenBefore(uint64_t hash);
  int32_t Admit(uint32_t set, uint32_t tag, ByteView value);

  const uint64_t seed_;
  uint32_t turn_ = 1;
  std::unique_ptr<Entry[]> entries_;
  std::unique_ptr<uint32_t[]> seen_;  // one tag a slot: a very small memory of single sightings
};

}  // namespace postern

#endif  // POSTERN_BASE_INTERN_TABLE_H_
