// What a client has to do in time: send its head, send its body, use its connection, go away. The
// time to read what it is sent is in engine_write_timeout_test.cc.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

#include "engine/scene.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

using Part = Scene::Part;

constexpr size_t kLong = 6 * 1000 * 1000;  // more than kernels buffer

std::string Announce(std::string_view target, size_t length) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

std::function<void(Part*)> Drip(std::string_view text) {
  return [text = std::string(text)](Part* part) { part->client->Send(text); };
}

// Once the answer to the first request is there, `text`; from then on the time runs.
std::function<void(Part*)> Then(std::string_view text) {
  return [text = std::string(text), sent = false](Part* part) mutable {
    if (sent || part->client->Responses().empty()) return;
    sent = true;
    part->client->Send(text);
    part->since = Now();
  };
}

RigOptions Seconds(uint32_t keepalive) {
  RigOptions options;
  Limits& limits = options.engine.limits;
  limits.header_timeout_s = limits.body_timeout_s = limits.linger_timeout_s = 1;
  limits.keepalive_timeout_s = keepalive;
  return options;
}

// "/read…" reads its body and answers with its size, "/hold…" does nothing, others answer at once.
void ReadBodies(Scene* scene) {
  Host* const host = &scene->rig.host;
  const auto read = [=](ExchangeId id) {
    Part* const part = scene->Of(id);
    BodyState state;
    ParseError error;
    part->body += host->ReadBody(id, &state, &error);
    if (state == BodyState::kEnd) host->Respond(id, std::to_string(part->body.size()));
    if (state != BodyState::kError) return;
    part->error = error.status;
    host->Respond(id, error.reason, std::to_string(error.status) + " Error");
  };
  host->answer = [=](const Seen& seen) {
    if (seen.target.starts_with("/read")) return read(seen.id);
    if (!seen.target.starts_with("/hold")) host->Respond(seen.id, seen.target);
  };
  host->noticed = [=](ExchangeId id, Notice notice) {
    if (notice == Notice::kBody) read(id);
  };
}

// All scenes, played once.
struct Stage {
  Stage();

  Scene streaming{Seconds(2)};
  Scene buffering{Buffering()};
  Scene quiet{Seconds(2)};    // had nothing to do for longer than its deadlines
  Scene stalled{Seconds(1)};  // did not get the thread for longer than its deadlines
  Scene lingering{Seconds(1)};
  double lingered = 0;

 private:
  static RigOptions Buffering() {
    RigOptions options = Seconds(2);
    options.engine.limits.post_buffering_bytes = 100;
    return options;
  }
  void EnterStreaming();
  void EnterLingering();
};

void Stage::EnterStreaming() {
  ReadBodies(&streaming);
  streaming.Enter("silent", "");
  streaming.Enter("half", "GET / HT");
  streaming.Enter("drip", "GET / HTTP/1.1\r\nX: ")->beat = Drip("x");
  streaming.Enter("drip-lines", "GET / HTTP/1.1\r\n")->beat = Drip("X: y\r\n");
  streaming.Enter("second", Get("/second"))->beat = Then("GET / HT");
  streaming.Enter("read-stalled", Announce("/read-stalled", 1000) + "part");
  streaming.Enter("read-drip", Announce("/read-drip", 1000))->beat = Drip("x");
  streaming.Enter("read-steady", Announce("/read-steady", 1600))->beat =
      Drip(std::string(100, 'x'));
  streaming.Enter("hold", Get("/hold"));
  streaming.Enter("hold-long", Announce("/hold-long", kLong) + std::string(kLong, 'x'));
  streaming.Enter("unread", Announce("/unread", 1000) + "part");
  streaming.Enter("idle", Get("/idle"));
}

// Both have their error reply and do not go away; one even goes on sending.
void Stage::EnterLingering() {
  lingering.Enter("quiet", "BAD\r\n\r\n");
  lingering.Enter("busy", "BAD\r\n\r\n");
}

Stage::Stage() {
  const double start = Now();
  EnterStreaming();
  EnterLingering();
  buffering.Enter("stalled", Announce("/", 1000) + "part");
  buffering.Enter("drip", Announce("/", 1000))->beat = Drip("x");
  const std::string whole = Get("/whole");
  stalled.Enter("whole", whole.substr(0, 10));
  for (int i = 0; i < 10; ++i) stalled.Step();
  bool entered = false;
  while (Now() < start + 4 || (Now() < start + 8 && !quiet.parts["late"].Ended())) {
    for (Scene* scene : {&streaming, &buffering, &quiet, &lingering}) scene->Step();
    if (!entered && Now() > start + 2.6) {
      entered = true;
      quiet.Enter("late", Get("/late"));
    }
    lingering.parts["busy"].client->Send("x");
    if (lingered == 0 && lingering.rig.host.seen.empty() &&
        lingering.rig.engine->open_connections() == 0) {
      lingered = Now() - start;
    }
  }
  // Its tick has come long before the rest of the head.
  stalled.parts["whole"].client->Send(whole.substr(10));
  for (int i = 0; i < 10; ++i) stalled.Step();
}

Stage& TheStage() {
  static Stage stage;
  return stage;
}

Part& Streaming(const char* name) {
  Row(name);
  return TheStage().streaming.parts[name];
}

int StatusOf(const Part& part, size_t at = 0) {
  const std::vector<Response> responses = part.client->Responses();
  return responses.size() > at && responses[at].whole ? responses[at].status : 0;
}

}  // namespace

TEST("a head that does not come is closed in silence; one that was begun gets 408") {
  const Part& silent = Streaming("silent");
  CHECK(silent.EndedAfter(1) && silent.client->ended && silent.client->received.empty());
  const Part& half = Streaming("half");
  CHECK(half.EndedAfter(1) && half.client->ended && StatusOf(half) == 408);
  CHECK_EQ(half.client->Responses()[0].Field("Connection"), "close");
}

TEST("the time of a head is that of the whole head: neither bytes nor lines prolong it") {
  for (const char* name : {"drip", "drip-lines"}) {
    const Part& part = Streaming(name);
    CHECK(part.EndedAfter(1) && part.client->ended && StatusOf(part) == 408);
  }
}

TEST("on a connection that was used the time of a head starts with its first byte") {
  const Part& second = Streaming("second");
  CHECK(second.EndedAfter(1) && StatusOf(second) == 200 && StatusOf(second, 1) == 408);
}

TEST("a body that does not come, or byte by byte, fails the application's read with 408") {
  for (const char* name : {"read-stalled", "read-drip"}) {
    const Part& part = Streaming(name);
    CHECK(part.EndedAfter(1) && part.error == 408 && StatusOf(part) == 408);
    CHECK(part.client->ended && part.body.size() >= 4 && part.body.size() < 30);
  }
}

TEST("a body that comes steadily may take longer than its timeout") {
  const Part& steady = Streaming("read-steady");
  CHECK(StatusOf(steady) == 200 && steady.client->Responses()[0].body == "1600");
  CHECK_EQ(steady.error, 0);
}

TEST("with post-buffering a body that does not come in time gets 408, and no application runs") {
  for (const char* name : {"stalled", "drip"}) {
    const Part& part = TheStage().buffering.parts[name];
    Row(name);
    CHECK(part.EndedAfter(1) && part.client->ended && StatusOf(part) == 408);
  }
  CHECK(TheStage().buffering.rig.host.seen.empty());
  CHECK(TheStage().buffering.rig.host.notices.empty());
}

TEST("no deadline runs while it is the application that takes its time") {
  for (const char* name : {"hold", "hold-long"}) {
    const Part& part = Streaming(name);
    CHECK(!part.Ended() && part.client->received.empty() && part.error == 0);
  }
  CHECK(Streaming("hold-long").client->unsent() > 0);
}

TEST("the body of a request that is answered already has to come in time as well") {
  const Part& unread = Streaming("unread");
  CHECK(unread.EndedAfter(1) && unread.client->ended && StatusOf(unread) == 200);
  CHECK_EQ(unread.client->Responses().size(), 1u);
}

TEST("an idle connection is closed in silence when its keep-alive time is over") {
  const Part& idle = Streaming("idle");
  CHECK(idle.EndedAfter(2) && idle.client->ended);
  CHECK(idle.client->Responses().size() == 1 && idle.client->Responses()[0].whole);
}

TEST("lingering behind an error reply ends in time, whether the client is quiet or not") {
  Stage& stage = TheStage();
  CHECK(stage.lingered >= 1 && stage.lingered <= 2 + kSlack);
  for (const auto& [name, part] : stage.lingering.parts) CHECK_EQ(StatusOf(part), 400);
}

TEST("lingering ends when more has come than it is bounded to") {
  RigOptions options;
  options.engine.limits.max_linger_bytes = 1000;
  Rig rig(options);
  Client* client = rig.Connect();
  client->Send("BAD\r\n\r\n");
  CHECK(rig.Until([&] { return client->ended; }));
  client->Send(std::string(990, 'x'));
  rig.Settle();
  CHECK_EQ(rig.engine->open_connections(), 1u);
  client->Send(std::string(20, 'x'));
  CHECK(rig.Until([&] { return rig.engine->open_connections() == 0; }, 1000));
}

TEST("a client that comes after a quiet time has all of its time") {
  const Part& late = TheStage().quiet.parts["late"];
  CHECK(late.EndedAfter(2) && late.client->ended && StatusOf(late) == 200);
}

TEST("time in which the engine did not get the thread does not count against a client") {
  const Part& whole = TheStage().stalled.parts["whole"];
  CHECK(StatusOf(whole) == 200);
}

TEST("without descriptors accepting pauses, without spinning, and goes on after a second") {
  Rig rig;
  Client* first = rig.Connect();
  first->Send(Get("/first"));
  CHECK(rig.Answered(first, 1));
  Client* second = rig.Connect();
  second->Send(Get("/second"));
  rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  const UniqueFd next(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const rlimit none{static_cast<rlim_t>(next.get()), before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const uint64_t turns = rig.turns;
  rig.Settle();
  CHECK(rig.host.log.size() == 1 && rig.host.log[0].find("descriptors") != std::string::npos);
  CHECK(rig.turns - turns < 4);
  first->Send(Get("/first"));
  CHECK(rig.Answered(first, 2));
  CHECK(second->received.empty());
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(rig.Answered(second, 1, 3000));
}

TEST("above max-connections accepting pauses, and goes on as soon as one has closed") {
  RigOptions options;
  options.engine.limits.max_connections = 1;
  Rig rig(options);
  Client* first = rig.Connect();
  first->Send(Get("/first"));
  CHECK(rig.Answered(first, 1));
  Client* second = rig.Connect();
  second->Send(Get("/second"));
  const uint64_t turns = rig.turns;
  rig.Settle();
  CHECK(second->received.empty() && rig.turns - turns < 4);
  first->Close();
  CHECK(rig.Answered(second, 1, 500));
}
