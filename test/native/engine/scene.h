// Clients that play their parts at the same time against one engine, so that the tests of deadlines
// take as long as the longest of them and not as long as all together. A scene keeps the record:
// what each one got, and when it ended.
#ifndef POSTERN_TEST_ENGINE_SCENE_H_
#define POSTERN_TEST_ENGINE_SCENE_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "check.h"
#include "engine/engine_rig.h"

namespace postern::test {

inline double Now() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(time).count();
}

// Deadlines are in ticks of a second: one of n seconds passes between n and n + 1. The rest is what
// a busy machine may add.
inline constexpr double kSlack = 1.5;
inline constexpr double kBeat = 0.2;

class Scene {
 public:
  struct Part {
    Client* client = nullptr;
    double since = 0;  // when its time began to run
    double ended = 0;
    std::function<void(Part*)> beat;  // what it does five times a second
    std::string body;                 // what the application has read of it
    int error = 0;                    // the status that its read failed with

    double Lived() const { return ended - since; }
    bool Ended() const { return ended != 0; }
    // It was cut off by a deadline of that many seconds.
    bool EndedAfter(double seconds) const {
      return Ended() && Lived() >= seconds && Lived() <= seconds + 1 + kSlack;
    }
  };

  explicit Scene(const RigOptions& options) : rig(options) {}

  Part* Enter(const std::string& name, std::string_view text) {
    Part* const part = &parts[name];
    part->client = rig.Connect();
    part->since = Now();
    part->client->Send(text);
    return part;
  }

  // The application's side: which part has sent this request? Targets are "/NAME".
  Part* Of(const Seen& seen) { return &parts[seen.target.substr(1)]; }
  Part* Of(ExchangeId id) {
    for (const Seen& one : rig.host.seen) {
      const bool same = one.id.connection == id.connection && one.id.generation == id.generation;
      if (same) return Of(one);
    }
    return nullptr;
  }

  // Lets everybody play for a moment.
  void Step() {
    if (Now() >= next_beat_) {
      next_beat_ = Now() + kBeat;
      for (auto& [name, part] : parts) {
        if (part.beat && !part.Ended()) part.beat(&part);
      }
    }
    rig.Until([this] { return Note(); }, 10);
  }

  Rig rig;
  std::map<std::string, Part> parts;

 private:
  bool Note() {
    for (auto& [name, part] : parts) {
      if (part.client == nullptr || part.Ended()) continue;
      if (part.client->ended || part.client->was_reset) part.ended = Now();
    }
    return false;
  }

  double next_beat_ = 0;
};

// Several scenes at once.
inline void Play(const std::vector<Scene*>& scenes, double seconds) {
  const double end = Now() + seconds;
  while (Now() < end) {
    for (Scene* scene : scenes) scene->Step();
  }
}

}  // namespace postern::test

#endif  // POSTERN_TEST_ENGINE_SCENE_H_
