// The two hash tables over POSTERN_KEYS, made by the compiler. Open addressing; the longest probe
// is checked at compile time, so a lookup of hostile bytes costs no more than an ordinary one.
#include "protocols/keys.h"

#include <array>

#include "base/ascii.h"

namespace postern {
namespace {

struct Name {
  const char* text;
  size_t size;
};

template <size_t N>
constexpr Name MakeName(const char (&text)[N]) {
  return {text, N - 1};
}

constexpr std::array<Name, kKeyCount> kVariables = {Name{"", 0},
#define POSTERN_KEY_VARIABLE(name, variable, field) MakeName(variable),
                                                    POSTERN_KEYS(POSTERN_KEY_VARIABLE)
#undef POSTERN_KEY_VARIABLE
};

constexpr std::array<Name, kKeyCount> kFields = {Name{"", 0},
#define POSTERN_KEY_FIELD(name, variable, field) MakeName(field),
                                                 POSTERN_KEYS(POSTERN_KEY_FIELD)
#undef POSTERN_KEY_FIELD
};

constexpr size_t kSlots = 1024;
using Table = std::array<uint8_t, kSlots>;

// Folds case by `| 0x20`, which maps no two token characters of the tables onto each other.
constexpr size_t Hash(const auto* text, size_t size) {
  const auto at = [&](size_t i) { return static_cast<size_t>(text[i] | 0x20); };
  return (size * 37 + at(0) * 11 + at(size - 1) * 101 + at(size / 2) * 41 + at(size / 3) * 229) %
         kSlots;
}

struct Built {
  Table table{};
  size_t longest_probe = 0;
};

constexpr Built Build(const std::array<Name, kKeyCount>& names) {
  Built built;
  for (size_t key = 1; key < kKeyCount; ++key) {
    if (names[key].size == 0) continue;
    size_t slot = Hash(names[key].text, names[key].size);
    size_t probe = 1;
    for (; built.table[slot] != 0; ++probe) slot = (slot + 1) % kSlots;
    built.table[slot] = static_cast<uint8_t>(key);
    if (probe > built.longest_probe) built.longest_probe = probe;
  }
  return built;
}

constexpr Built kFieldTable = Build(kFields);
constexpr Built kVariableTable = Build(kVariables);
static_assert(kFieldTable.longest_probe <= 4 && kVariableTable.longest_probe <= 6);

}  // namespace

Key FindFieldKey(ByteView name) {
  if (name.empty()) return Key::kNone;
  for (size_t slot = Hash(name.data, name.size);; slot = (slot + 1) % kSlots) {
    const uint8_t key = kFieldTable.table[slot];
    if (key == 0) return Key::kNone;
    const Name& known = kFields[key];
    if (known.size == name.size && EqualsIgnoreCase(name, ByteView(known.text, known.size))) {
      return static_cast<Key>(key);
    }
  }
}

Key FindVariableKey(ByteView name) {
  if (name.empty()) return Key::kNone;
  for (size_t slot = Hash(name.data, name.size);; slot = (slot + 1) % kSlots) {
    const uint8_t key = kVariableTable.table[slot];
    if (key == 0) return Key::kNone;
    if (Equals(name, ByteView(kVariables[key].text, kVariables[key].size))) {
      return static_cast<Key>(key);
    }
  }
}

ByteView VariableName(Key key) {
  const Name& name = kVariables[static_cast<size_t>(key)];
  return {name.text, name.size};
}

}  // namespace postern
