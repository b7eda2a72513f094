#include "engine/deadline_wheel.h"

#include <memory>
#include <string>
#include <vector>

#include "check.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

// The ticks at which each of `count` connections expired, 0 for those that did not.
struct Fixture {
  explicit Fixture(size_t count) : connections(count), expired_at(count) {
    for (uint32_t i = 0; i < count; ++i) connections[i].index = i;
  }
  void AdvanceTo(uint32_t now) {
    while (wheel.now() != now) {
      wheel.Tick([this](Connection* c) { expired_at[c->index] = wheel.now(); });
    }
  }
  DeadlineWheel wheel;
  std::vector<Connection> connections;
  std::vector<uint32_t> expired_at;
};

}  // namespace

TEST("a connection expires when its whole seconds have passed, not before, and once") {
  for (uint32_t seconds : {1u, 2u, 30u, 75u, 238u, 239u, 240u, 241u, 480u, 1000u}) {
    Fixture f(1);
    Row(std::to_string(seconds));
    f.wheel.Set(&f.connections[0], seconds);
    for (uint32_t tick = 1; tick <= seconds; ++tick) f.AdvanceTo(tick);
    CHECK_EQ(f.expired_at[0], 0u);
    f.AdvanceTo(seconds + 1);
    CHECK_EQ(f.expired_at[0], seconds + 1);
    f.expired_at[0] = 0;
    f.AdvanceTo(seconds + 500);
    CHECK_EQ(f.expired_at[0], 0u);
  }
}

TEST("a deadline that is moved counts from the move, in either direction") {
  Fixture f(2);
  f.wheel.Set(&f.connections[0], 10);
  f.wheel.Set(&f.connections[1], 100);
  f.AdvanceTo(5);
  f.wheel.Set(&f.connections[0], 100);
  f.wheel.Set(&f.connections[1], 10);
  f.AdvanceTo(200);
  CHECK_EQ(f.expired_at[0], 106);
  CHECK_EQ(f.expired_at[1], 16);
}

TEST("a deadline of 0 seconds and one that was cleared never come") {
  Fixture f(2);
  f.wheel.Set(&f.connections[0], 0);
  f.wheel.Set(&f.connections[1], 5);
  f.wheel.Clear(&f.connections[1]);
  f.AdvanceTo(1000);
  CHECK(f.expired_at[0] == 0 && f.expired_at[1] == 0);
  f.wheel.Set(&f.connections[1], 5);
  f.AdvanceTo(1100);
  CHECK_EQ(f.expired_at[1], 1006);
}

TEST("a connection that was removed is forgotten, wherever it stood in its bucket") {
  for (size_t removed : {0, 1, 2}) {
    Fixture f(3);
    for (Connection& c : f.connections) f.wheel.Set(&c, 5);
    f.wheel.Remove(&f.connections[removed]);
    f.wheel.Remove(&f.connections[removed]);
    f.AdvanceTo(50);
    for (size_t i = 0; i < 3; ++i) CHECK_EQ(f.expired_at[i] == 0, i == removed);
  }
}

TEST("what expires may remove, move and set its neighbours of the same tick") {
  // Connection 0 of each trio gets a new deadline when it expires; 1 removes 0 and 2.
  for (int order = 0; order < 6; ++order) {
    constexpr int kOrders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                   {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    std::vector<Connection> connections(4);
    for (uint32_t i = 0; i < 4; ++i) connections[i].index = i;
    DeadlineWheel wheel;
    wheel.Set(&connections[3], 20);  // already in the bucket that 0 will move to
    for (int index : kOrders[order]) wheel.Set(&connections[index], 5);
    std::vector<uint32_t> expired(4);
    bool removed = false;
    const auto on_expired = [&](Connection* c) {
      ++expired[c->index];
      if (c->index == 0) wheel.Set(c, 14);
      if (c->index != 1) return;
      removed = true;
      wheel.Remove(&connections[0]);
      wheel.Remove(&connections[2]);
    };
    while (wheel.now() != 6) wheel.Tick(on_expired);
    Row("order " + std::to_string(order));
    CHECK(removed && expired[1] == 1);
    while (wheel.now() != 100) wheel.Tick(on_expired);
    CHECK_EQ(expired[3], 1u);  // its bucket was not cut
    CHECK(expired[0] <= 1 && expired[2] <= 1);
  }
}

TEST("thousands of connections with deadlines that move at random expire at the right tick") {
  constexpr size_t kCount = 500;
  Fixture f(kCount);
  std::vector<uint32_t> due(kCount);
  uint32_t random = 7;
  const auto next = [&random] { return (random = random * 1664525 + 1013904223) >> 8; };
  uint32_t now = 0;
  for (int step = 0; step < 3000; ++step) {
    Connection& c = f.connections[next() % kCount];
    const uint32_t seconds = next() % 400;
    f.wheel.Set(&c, seconds);
    due[c.index] = seconds == 0 ? 0 : now + seconds + 1;
    if (next() % 4 != 0) continue;
    now += 1 + next() % 3;
    f.AdvanceTo(now);
    for (size_t i = 0; i < kCount; ++i) {
      if (f.expired_at[i] == 0) continue;
      if (f.expired_at[i] != due[i]) CHECK_EQ(f.expired_at[i], due[i]);
      due[i] = f.expired_at[i] = 0;
    }
    for (size_t i = 0; i < kCount; ++i) {
      if (due[i] != 0 && due[i] <= now) CHECK(!"overdue");
    }
  }
  CHECK(now > 1000);
}
