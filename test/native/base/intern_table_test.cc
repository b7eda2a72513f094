#include "base/intern_table.h"

#include <map>
#include <memory>
#include <string>

#include "check.h"
#include "guard_page.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

TEST("a value is admitted at its second sighting, once, and keeps its number") {
  InternTable table(42);
  bool admitted = true;
  CHECK_EQ(table.Find(ByteView("curl/8"), &admitted), -1);
  CHECK(!admitted);
  table.NextTurn();
  const int32_t number = table.Find(ByteView("curl/8"), &admitted);
  CHECK(number >= 0 && admitted);
  CHECK_EQ(table.Find(ByteView("curl/8"), &admitted), number);
  CHECK(!admitted);
}

TEST("values of every length up to the limit are told apart, and read no byte too far") {
  InternTable table(7);
  bool admitted;
  for (size_t size = 0; size <= InternTable::kMaxValueBytes; ++size) {
    Row(std::to_string(size));
    Guarded value(std::string(size, 'v'));
    table.Find(value.View(), &admitted);
    table.NextTurn();
    const int32_t number = table.Find(value.View(), &admitted);
    CHECK(number >= 0 && admitted);
    CHECK_EQ(table.Find(value.View(), &admitted), number);
    if (size == 0) continue;
    std::string other(size, 'v');
    other[size / 2] = 'w';
    CHECK(table.Find(Bytes(other), &admitted) != number);
  }
}

TEST("a value that is longer than the limit is never interned") {
  InternTable table(7);
  const std::string value(InternTable::kMaxValueBytes + 1, 'x');
  bool admitted;
  for (int i = 0; i < 3; ++i) CHECK_EQ(table.Find(Bytes(value), &admitted), -1);
}

TEST("within a turn a number never changes its meaning, whatever a flood of values does") {
  InternTable table(3);
  std::map<int32_t, std::string> meanings;
  bool admitted;
  for (int i = 0; i < 40000; ++i) {
    const std::string value = "value-" + std::to_string(i % 9000);
    const int32_t number = table.Find(Bytes(value), &admitted);
    if (number < 0) continue;
    CHECK(number < static_cast<int32_t>(InternTable::kCapacity));
    const auto [known, fresh] = meanings.emplace(number, value);
    CHECK(fresh == admitted);
    CHECK(fresh || known->second == value);
  }
  CHECK(!meanings.empty());
}

TEST("a value that is used in every turn survives a flood of others") {
  InternTable table(11);
  bool admitted;
  table.Find(ByteView("steady"), &admitted);
  table.NextTurn();
  const int32_t number = table.Find(ByteView("steady"), &admitted);
  for (int turn = 0; turn < 200; ++turn) {
    table.NextTurn();
    CHECK_EQ(table.Find(ByteView("steady"), &admitted), number);
    for (int i = 0; i < 200; ++i) {
      const std::string value = "flood-" + std::to_string(turn) + "-" + std::to_string(i);
      table.Find(Bytes(value), &admitted);
      table.Find(Bytes(value), &admitted);
    }
  }
}
