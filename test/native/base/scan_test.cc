#include "base/scan.h"

#include <string>

#include "check.h"
#include "guard_page.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

// Every byte value at every place of runs that are shorter, as long as and longer than a block,
// right up to the guard page.
template <typename Find, typename Ends>
void CompareWithLoop(Find find, Ends ends) {
  GuardedMemory memory(4096);
  for (size_t size = 0; size <= 40; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        uint8_t* const p = memory.Room(size);
        memset(p, 'a', size);
        p[at] = static_cast<uint8_t>(c);
        const uint8_t* expected = p;
        while (expected < p + size && !ends(*expected)) ++expected;
        if (find(p, p + size) == expected) continue;
        Row(std::to_string(c) + " at " + std::to_string(at) + " of " + std::to_string(size));
        CHECK(find(p, p + size) == expected);
      }
    }
    uint8_t* const p = memory.Room(size);
    memset(p, 'a', size);
    CHECK(find(p, p + size) == p + size);
  }
}

}  // namespace

TEST("a field value ends at the first control byte but HTAB") {
  CompareWithLoop(FindFieldValueEnd,
                  [](uint8_t c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

TEST("a request-target ends at the first byte that is not visible ASCII, or at '#'") {
  CompareWithLoop(FindTargetEnd, [](uint8_t c) { return c <= 0x20 || c >= 0x7f || c == '#'; });
}

TEST("a byte is found where it is first, or the end") {
  for (int wanted : {0x00, 0x3a, 0x7f, 0x80, 0xff}) {
    CompareWithLoop(
        [wanted](const uint8_t* p, const uint8_t* end) {
          return FindByte(p, end, static_cast<uint8_t>(wanted));
        },
        [wanted](uint8_t c) { return c == wanted; });
  }
}

TEST("the scan that knows no SSE2 marks no byte below the first true one") {
  using internal::EqualTo;
  using internal::LessThan;
  uint64_t random = 88172645463325252ull;
  for (int i = 0; i < 200000; ++i) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    const uint64_t less = LessThan(random, 0x21);
    const uint64_t equal = EqualTo(random, 0x7f);
    int first_less = 64;
    int first_equal = 64;
    for (int byte = 7; byte >= 0; --byte) {
      const auto c = static_cast<uint8_t>(random >> (8 * byte));
      if (c < 0x21) first_less = 8 * byte + 7;
      if (c == 0x7f) first_equal = 8 * byte + 7;
    }
    const int marked_less = less == 0 ? 64 : __builtin_ctzll(less);
    const int marked_equal = equal == 0 ? 64 : __builtin_ctzll(equal);
    if (marked_less != first_less || marked_equal != first_equal) CHECK(false);
  }
  CHECK(true);
}
