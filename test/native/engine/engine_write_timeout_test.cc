// The time in which a client has to read what it is sent.
#include <string>

#include "engine/scene.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

using Part = Scene::Part;

constexpr size_t kLong = 300 * 1000;  // more than the small buffers of this scene hold

std::string Announce(std::string_view target, size_t length) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

// Responses that begin, are more than a client takes, and do not end: how long a client lived is
// told by Notice::kAborted.
struct Stage {
  Stage();

  Scene scene{Slow()};

 private:
  static RigOptions Slow() {
    RigOptions options;
    options.send_buffer = 8192;
    options.receive_buffer = 4096;
    options.engine.limits.write_timeout_s = 1;
    options.engine.limits.body_high_water_bytes = 16 * 1024;
    return options;
  }
  void Answer(const Seen& seen);
  void Enter();
};

void Stage::Answer(const Seen& seen) {
  Host& host = scene.rig.host;
  const std::string data(kLong, 'x');
  if (seen.target == "/whole") return host.Respond(seen.id, data);
  host.Start(seen.id, kNoLength);
  if (seen.target == "/steady") {
    for (int i = 0; i < 10; ++i) scene.rig.engine->Write(seen.id, Bytes(data));
  } else {
    scene.rig.engine->Write(seen.id, Bytes(data));
  }
  scene.Of(seen)->since = Now();
  if (seen.target != "/chatty") return;
  // What an application writes is not what a client reads.
  scene.Of(seen)->beat = [this, id = seen.id](Part*) {
    scene.rig.engine->Write(id, ByteView("more"));
    scene.rig.engine->Flush();
  };
}

void Stage::Enter() {
  const std::string body(100, 'x');
  scene.Enter("stuck", Get("/stuck"));
  scene.Enter("chatty", Get("/chatty"));
  scene.Enter("whole", Get("/whole"));
  // The body comes while nothing is read: to its end, until the application should read it, or bit
  // by bit.
  scene.Enter("body", Announce("/body", 200));
  scene.Enter("long-body", Announce("/long-body", kLong));
  scene.Enter("drip-body", Announce("/drip-body", kLong))->beat = [](Part* part) {
    part->client->Send(std::string(2000, 'x'));
  };
  scene.Enter("steady", Get("/steady"))->beat = [](Part* part) {
    part->client->reads = true;
    part->client->Pump();
    part->client->reads = false;
  };
  for (auto& [name, part] : scene.parts) part.client->reads = false;
}

Stage::Stage() {
  scene.rig.host.answer = [this](const Seen& seen) { Answer(seen); };
  scene.rig.host.noticed = [this](ExchangeId id, Notice notice) {
    if (notice == Notice::kAborted) scene.Of(id)->ended = Now();
  };
  Enter();
  const double start = Now();
  bool sent = false;
  while (Now() < start + 4) {
    scene.Step();
    if (sent || Now() < start + 0.3) continue;
    sent = true;
    scene.parts["body"].client->Send(std::string(200, 'x'));
    scene.parts["long-body"].client->Send(std::string(kLong, 'x'));
  }
}

Scene& TheScene() {
  static Stage stage;
  return stage.scene;
}

Part& PartOf(const char* name) {
  Row(name);
  return TheScene().parts[name];
}

}  // namespace

TEST("a client that does not read is cut off in time, and the application is told") {
  CHECK(PartOf("stuck").EndedAfter(1));
}

TEST("an application that goes on writing does not prolong the time to read") {
  CHECK(PartOf("chatty").EndedAfter(1));
}

TEST("a body that comes in meanwhile neither prolongs the time to read nor ends it") {
  for (const char* name : {"body", "long-body", "drip-body"}) CHECK(PartOf(name).EndedAfter(1));
}

TEST("a client that reads slowly but steadily may take longer than the write timeout") {
  const Part& steady = PartOf("steady");
  CHECK(!steady.Ended() && !steady.client->was_reset && steady.client->unsent() == 0);
  CHECK(steady.client->received.size() > 20000 && steady.client->received.size() < 10 * kLong);
}

TEST("a response that the application has ended is given up in time as well") {
  Client* const client = PartOf("whole").client;
  CHECK(client->received.empty());
  // What the kernels held is still there, behind it the end.
  client->reads = true;
  CHECK(TheScene().rig.Until([&] { return client->ended || client->was_reset; }));
  CHECK(client->received.size() < kLong);
}
