// The time that the application has: it answers, or harakiri does.
#include <string>

#include "engine/scene.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

using Part = Scene::Part;

RigOptions Harakiri(uint32_t seconds) {
  RigOptions options;
  options.engine.limits.harakiri_s = seconds;
  return options;
}

}  // namespace

TEST("harakiri answers for an application that does not, and cuts a response that stands still") {
  Scene scene(Harakiri(1));
  Host* const host = &scene.rig.host;
  std::map<std::string, ExchangeId> ids;
  host->answer = [&](const Seen& seen) {
    ids[seen.target] = seen.id;
    if (seen.target == "/quick") host->Respond(seen.id, "quick");
    if (seen.target == "/stands" || seen.target == "/streams") {
      host->Start(seen.id, kNoLength);
      scene.rig.engine->Write(seen.id, ByteView("begun"));
    }
  };
  Part* const silent = scene.Enter("silent", Get("/silent"));
  Part* const stands = scene.Enter("stands", Get("/stands"));
  Part* const streams = scene.Enter("streams", Get("/streams"));
  Part* const quick = scene.Enter("quick", Get("/quick"));
  Part* const second = scene.Enter("second", Get("/quick") + Get("/second"));
  Part* const body =
      scene.Enter("body", "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
  streams->beat = [&](Part*) {
    scene.rig.engine->Write(ids["/streams"], ByteView("more"));
    scene.rig.engine->Flush();
  };
  const double start = Now();
  while (Now() < start + 4) scene.Step();

  for (Part* const part : {silent, body}) {
    CHECK(part->EndedAfter(1));
    CHECK_EQ(part->client->Responses().at(0).status, 504);
  }
  CHECK_EQ(second->client->Responses().at(1).status, 504);
  CHECK(stands->EndedAfter(1));
  CHECK(!stands->client->Responses().at(0).whole);
  CHECK(!streams->Ended());
  CHECK(!quick->Ended());
  // An application that answers now does it for nobody.
  host->Respond(ids["/silent"], "late");
  scene.rig.Settle();
  CHECK_EQ(silent->client->Responses().size(), 1u);
  CHECK_EQ(host->Count(Notice::kOverdue), 4u);
  CHECK_EQ(host->Count(Notice::kAborted), 0u);
  CHECK_EQ(scene.rig.engine->score().overdue.load(), 4u);
  scene.rig.engine->EndResponse(ids["/streams"]);
  scene.rig.engine->Flush();
  CHECK(scene.rig.Answered(streams->client, 1));
}

TEST("harakiri does not count the time that a client takes to send its body or to read") {
  RigOptions options = Harakiri(1);
  options.send_buffer = options.receive_buffer = 4096;
  Scene scene(options);
  Host* const host = &scene.rig.host;
  host->answer = [&](const Seen& seen) {
    if (seen.target != "/reads") return host->Respond(seen.id, std::string(1000 * 1000, 'x'));
  };
  host->noticed = [&](ExchangeId id, Notice notice) {
    if (notice != Notice::kBody) return;
    BodyState state;
    host->ReadBody(id, &state);
    if (state == BodyState::kEnd) host->Respond(id, "read");
  };
  Part* const slow = scene.Enter("slow", Get("/long"));
  slow->client->reads = false;
  const double start = Now();
  while (Now() < start + 3) scene.Step();
  CHECK(!slow->Ended());
  CHECK_EQ(host->Count(Notice::kOverdue), 0u);
  slow->client->reads = true;
  CHECK(scene.rig.Answered(slow->client, 1));
}
