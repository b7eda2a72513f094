// What the scoreboard says while requests come, run, end and fail.
#include <string>

#include "check.h"
#include "engine/engine_rig.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

std::string UriOf(const ScoreSlot& slot) {
  return {reinterpret_cast<const char*>(slot.uri), slot.uri_bytes.load()};
}

std::string MethodOf(const ScoreSlot& slot) {
  return {reinterpret_cast<const char*>(slot.method), slot.method_bytes.load()};
}

}  // namespace

TEST("the scoreboard counts requests, responses by class, bytes and connections") {
  Rig rig;
  ScoreSlot slot;
  rig.engine->SetScore(&slot);
  rig.host.answer = [&](const Seen& seen) {
    rig.host.Respond(seen.id, "body", seen.target == "/no" ? "404 Not Found" : "200 OK");
  };
  Client* const client = rig.Connect();
  client->Send(Get("/a") + Get("/no") + Get("/b"));
  CHECK(rig.Answered(client, 3));
  rig.Settle();
  CHECK_EQ(slot.requests.load(), 3u);
  CHECK_EQ(slot.responses[1].load(), 2u);
  CHECK_EQ(slot.responses[3].load(), 1u);
  CHECK_EQ(slot.sent_bytes.load(), client->received.size());
  CHECK_EQ(slot.connections.load(), 1u);
  CHECK_EQ(slot.in_flight.load(), 0u);
  CHECK(slot.turns.load() > 0);
  CHECK_EQ(slot.busy_since.load(), 0u);
  client->Close();
  CHECK(rig.Until([&] { return slot.connections.load() == 0; }));
}

TEST("the scoreboard shows the request that runs, and for how long the application has it") {
  Rig rig;
  ScoreSlot slot;
  rig.engine->SetScore(&slot);
  bool looked = false;
  rig.host.answer = [&](const Seen& seen) {
    looked = true;
    CHECK_EQ(MethodOf(slot), std::string("GET"));
    CHECK_EQ(UriOf(slot), seen.target.substr(0, kScoreUriBytes));
    CHECK_EQ(slot.sequence.load() % 2, 0u);
    CHECK_EQ(slot.in_flight.load(), 1u);
    CHECK(slot.busy_since.load() >= slot.started_ns.load());
    rig.host.Respond(seen.id, "");
  };
  Client* const client = rig.Connect();
  client->Send(Get("/" + std::string(400, 'x')));
  CHECK(rig.Answered(client, 1));
  CHECK(looked);
  rig.Settle();
  CHECK(slot.busy_ns.load() > 0);
  CHECK(slot.response_ns.load() > 0);
}

TEST("requests that wait are in flight until their response ends or their client leaves") {
  Rig rig;
  ScoreSlot slot;
  rig.engine->SetScore(&slot);
  std::vector<ExchangeId> waiting;
  rig.host.answer = [&](const Seen& seen) { waiting.push_back(seen.id); };
  Client* const patient = rig.Connect();
  Client* const hasty = rig.Connect();
  patient->Send(Get("/1"));
  hasty->Send(Get("/2"));
  CHECK(rig.Until([&] { return waiting.size() == 2; }));
  rig.Settle();
  CHECK_EQ(slot.in_flight.load(), 2u);
  hasty->Reset();
  CHECK(rig.Until([&] { return slot.client_gone.load() == 1; }));
  CHECK_EQ(slot.in_flight.load(), 1u);
  for (const ExchangeId id : waiting) rig.host.Respond(id, "late");
  rig.engine->Flush();
  CHECK(rig.Answered(patient, 1));
  patient->Send(Get("/3"));
  CHECK(rig.Until([&] { return waiting.size() == 3; }));
  rig.Settle();
  CHECK_EQ(slot.in_flight.load(), 1u);
  // It lay open for as long as the rig had settled, at least.
  CHECK(slot.response_ns.load() > 40 * 1000 * 1000);
}

TEST("pipelined requests are in flight one after the other") {
  Rig rig;
  ScoreSlot slot;
  rig.engine->SetScore(&slot);
  std::vector<ExchangeId> waiting;
  rig.host.answer = [&](const Seen& seen) { waiting.push_back(seen.id); };
  Client* const client = rig.Connect();
  client->Send(Get("/1") + Get("/2") + Get("/3"));
  for (size_t i = 1; i <= 3; ++i) {
    CHECK(rig.Until([&] { return waiting.size() == i; }));
    rig.Settle();
    CHECK_EQ(slot.in_flight.load(), 1u);
    rig.host.Respond(waiting.back(), "");
    rig.engine->Flush();
  }
  CHECK(rig.Answered(client, 3));
  rig.Settle();
  CHECK_EQ(slot.in_flight.load(), 0u);
  CHECK_EQ(slot.requests.load(), 3u);
}

TEST("what the engine refuses itself is a response, and no request") {
  Rig rig;
  ScoreSlot slot;
  rig.engine->SetScore(&slot);
  Client* const client = rig.Connect();
  client->Send("nonsense\r\n\r\n");
  CHECK(rig.Answered(client, 1));
  rig.Settle();
  CHECK_EQ(slot.requests.load(), 0u);
  CHECK_EQ(slot.responses[3].load(), 1u);
}

TEST("when the application never gives the thread back, everybody who waits gets an answer") {
  Rig rig;
  ScoreSlot slot;
  rig.engine->SetScore(&slot);
  Client* const idle = rig.Connect();
  idle->Send(Get("/first"));
  CHECK(rig.Answered(idle, 1));
  Client* const other = rig.Connect();
  Client* const unread = rig.Connect();
  unread->Send(Get("/before"));
  CHECK(rig.Answered(unread, 1));
  rig.host.answer = [&](const Seen& seen) {
    if (seen.target == "/waits") return;
    // This one is held: the process will end in here.
    unread->Send(Get("/comes meanwhile"));
    rig.engine->FailAll();
  };
  other->Send(Get("/waits"));
  rig.Settle();
  Client* const stuck = rig.Connect();
  stuck->Send(Get("/stuck"));
  CHECK(rig.Answered(stuck, 1));
  CHECK(rig.Answered(other, 1));
  CHECK(rig.Answered(unread, 2));
  CHECK_EQ(stuck->Responses()[0].status, 504);
  CHECK_EQ(other->Responses()[0].status, 504);
  CHECK_EQ(unread->Responses()[1].status, 503);
  CHECK_EQ(idle->Responses().size(), 1u);
  CHECK_EQ(slot.overdue.load(), 2u);
}
