// See intern_table.h. The hash is a short multiply-and-fold over overlapping 8-byte reads.
#include "base/intern_table.h"

#include <cstdlib>

namespace postern {
namespace {

uint64_t Read64(const uint8_t* p) {
  uint64_t word;
  memcpy(&word, p, sizeof(word));
  return word;
}

uint64_t Read32(const uint8_t* p) {
  uint32_t word;
  memcpy(&word, p, sizeof(word));
  return word;
}

uint64_t Mix(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// memcmp, inlined: most values are shorter than a call costs.
bool SameBytes(const uint8_t* a, const uint8_t* b, size_t size) {
  if (size > 64) return memcmp(a, b, size) == 0;
  if (size >= 8) {
    uint64_t differs = Read64(a + size - 8) ^ Read64(b + size - 8);
    for (size_t i = 0; i + 8 < size; i += 8) differs |= Read64(a + i) ^ Read64(b + i);
    return differs == 0;
  }
  if (size >= 4)
    return ((Read32(a) ^ Read32(b)) | (Read32(a + size - 4) ^ Read32(b + size - 4))) == 0;
  for (size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

constexpr uint64_t kPrimeA = 0x9e3779b97f4a7c15ull;
constexpr uint64_t kPrimeB = 0xd6e8feb86659fd93ull;

}  // namespace

InternTable::InternTable(uint64_t seed)
    : seed_(seed | 1),
      entries_(std::make_unique<Entry[]>(kCapacity)),
      seen_(std::make_unique<uint32_t[]>(kCapacity)) {}

InternTable::~InternTable() {
  for (uint32_t i = 0; i < kCapacity; ++i) free(entries_[i].bytes);
}

uint64_t InternTable::Hash(ByteView value) const {
  const uint8_t* p = value.data;
  size_t size = value.size;
  uint64_t h = seed_ ^ Mix(size ^ kPrimeA, kPrimeB);
  for (; size > 16; p += 16, size -= 16) h = Mix(Read64(p) ^ h ^ kPrimeB, Read64(p + 8) ^ kPrimeA);
  if (size >= 8) return Mix(Read64(p) ^ h ^ kPrimeB, Read64(p + size - 8) ^ kPrimeA);
  if (size >= 4) return Mix(Read32(p) ^ h ^ kPrimeB, Read32(p + size - 4) ^ kPrimeA);
  uint64_t tail = 0;
  for (size_t i = 0; i < size; ++i) tail = tail << 8 | p[i];
  return Mix(tail ^ h ^ kPrimeB, kPrimeA ^ seed_);
}

int32_t InternTable::Find(ByteView value, bool* admitted) {
  *admitted = false;
  if (value.size > kMaxValueBytes) return -1;
  const uint64_t hash = Hash(value);
  const uint32_t tag = static_cast<uint32_t>(hash >> 32) | 1;
  const uint32_t set = static_cast<uint32_t>(hash) % (kCapacity / kWays) * kWays;
  for (uint32_t i = set; i < set + kWays; ++i) {
    Entry& entry = entries_[i];
    if (entry.hash != tag || entry.size != value.size) continue;
    if (!SameBytes(entry.bytes, value.data, value.size)) continue;
    entry.turn = turn_;
    return static_cast<int32_t>(i);
  }
  if (!SeenBefore(hash)) return -1;
  const int32_t number = Admit(set, tag, value);
  *admitted = number >= 0;
  return number;
}

bool InternTable::SeenBefore(uint64_t hash) {
  const uint32_t tag = static_cast<uint32_t>(hash >> 32) | 1;
  uint32_t& slot = seen_[static_cast<uint32_t>(hash) % kCapacity];
  if (slot == tag) return true;
  slot = tag;
  return false;
}

// Takes the place of the entry of the set that was not used for longest; none, if all four were
// used in this turn.
int32_t InternTable::Admit(uint32_t set, uint32_t tag, ByteView value) {
  uint32_t oldest = set;
  for (uint32_t i = set + 1; i < set + kWays; ++i) {
    if (turn_ - entries_[i].turn > turn_ - entries_[oldest].turn) oldest = i;
  }
  Entry& entry = entries_[oldest];
  if (entry.turn == turn_) return -1;
  auto* bytes = static_cast<uint8_t*>(realloc(entry.bytes, value.size == 0 ? 1 : value.size));
  if (bytes == nullptr) return -1;
  if (value.size != 0) memcpy(bytes, value.data, value.size);
  entry = {bytes, tag, turn_, static_cast<uint32_t>(value.size)};
  return static_cast<int32_t>(oldest);
}

}  // namespace postern
