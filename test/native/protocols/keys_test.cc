#include "protocols/keys.h"

#include <string>

#include "base/ascii.h"
#include "check.h"
#include "guard_page.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

struct Known {
  Key key;
  std::string_view variable;
  std::string_view field;
};

constexpr Known kKnown[] = {
#define POSTERN_KNOWN(name, variable, field) {Key::name, variable, field},
    POSTERN_KEYS(POSTERN_KNOWN)
#undef POSTERN_KNOWN
};

std::string Recase(std::string_view text, uint32_t mask) {
  std::string out(text);
  for (size_t i = 0; i < out.size(); ++i) {
    const auto c = static_cast<uint8_t>(out[i]);
    out[i] = static_cast<char>((mask >> (i % 32) & 1) != 0 ? ToUpper(c) : ToLower(c));
  }
  return out;
}

}  // namespace

TEST("every known field is found by its name in any case") {
  for (const Known& one : kKnown) {
    if (one.field.empty()) continue;
    Row(one.field);
    for (uint32_t mask : {0u, ~0u, 0x55555555u, 0xaaaaaaaau, 1u}) {
      Guarded name(Recase(one.field, mask));
      CHECK_EQ(FindFieldKey(name.View()), one.key);
    }
  }
}

TEST("every known variable is found by its exact name, and VariableName gives it back") {
  for (const Known& one : kKnown) {
    Row(one.variable);
    Guarded name(one.variable);
    CHECK_EQ(FindVariableKey(name.View()), one.key);
    CHECK_TEXT(VariableName(one.key), one.variable);
    CHECK_EQ(FindVariableKey(Bytes(Recase(one.variable, 0))), Key::kNone);
  }
}

TEST("a field that stands for a variable is that variable's name in HTTP_ form, or CONTENT_") {
  for (const Known& one : kKnown) {
    if (one.field.empty()) continue;
    std::string name;
    for (char c : one.field) name += c == '-' ? '_' : static_cast<char>(ToUpper(c));
    if (name != "CONTENT_TYPE" && name != "CONTENT_LENGTH") name = "HTTP_" + name;
    Row(one.field);
    CHECK_EQ(one.variable, name);
  }
}

TEST("a name that differs in one byte or in its length is another name") {
  for (const Known& one : kKnown) {
    for (size_t i = 0; i < one.field.size(); ++i) {
      std::string name(one.field);
      name[i] = name[i] == '-' ? '_' : '-';
      Row(name);
      CHECK_EQ(FindFieldKey(Bytes(name)), Key::kNone);
      // Bytes that differ in the case bit alone and are no letters ('-' and 0x0d).
      name[i] = static_cast<char>(one.field[i] ^ 0x20);
      CHECK_EQ(FindFieldKey(Bytes(name)) == one.key, IsAlpha(static_cast<uint8_t>(one.field[i])));
    }
    if (one.field.empty()) continue;
    const std::string longer = std::string(one.field) + "x";
    CHECK(FindFieldKey(Bytes(longer)) != one.key);
    CHECK(FindFieldKey(Bytes(one.field).Sub(0, one.field.size() - 1)) != one.key);
  }
}

TEST("an empty name, a very long one and one of odd bytes are not known") {
  for (const std::string& name : {std::string(), std::string(70000, 'a'), std::string(1, '\0'),
                                  std::string("\xff\xff\xff\xff")}) {
    CHECK_EQ(FindFieldKey(Bytes(name)), Key::kNone);
    CHECK_EQ(FindVariableKey(Bytes(name)), Key::kNone);
  }
}

TEST("a set of keys holds what was put into it and nothing else") {
  KeySet set;
  for (const Known& one : kKnown) {
    Row(one.variable);
    CHECK(!set.Has(one.key));
    CHECK(!set.TestAndSet(one.key));
    CHECK(set.TestAndSet(one.key) && set.Has(one.key));
    KeySet single;
    single.TestAndSet(one.key);
    CHECK(set.Intersects(single));
    set.Remove(one.key);
    CHECK(!set.Has(one.key) && !set.Intersects(single));
  }
}
