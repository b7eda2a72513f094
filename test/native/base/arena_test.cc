#include "base/arena.h"

#include "check.h"

using postern::Arena;

TEST("an arena gives out what it has, and not one byte more") {
  uint8_t memory[8];
  Arena arena(memory, sizeof(memory));
  CHECK(arena.Allocate(9) == nullptr);
  CHECK_EQ(arena.available(), 8u);
  CHECK_EQ(arena.Allocate(8), memory);
  CHECK(arena.Allocate(1) == nullptr);
  CHECK(arena.Allocate(SIZE_MAX) == nullptr);
  arena.Clear();
  CHECK_EQ(arena.Allocate(1), memory);
}

TEST("what is given back is the next to be given out") {
  uint8_t memory[8];
  Arena arena(memory, sizeof(memory));
  CHECK_EQ(arena.Allocate(6), memory);
  arena.GiveBack(4);
  CHECK_EQ(arena.available(), 6u);
  CHECK_EQ(arena.Allocate(6), memory + 2);
}

TEST("an arena without memory refuses everything but nothing") {
  Arena arena;
  CHECK(arena.Allocate(1) == nullptr);
  CHECK_EQ(arena.available(), 0u);
}
