// Requests and their order: keep-alive, pipelining, deferring, errors, half-close.
#include <string>

#include "check.h"
#include "engine/engine_rig.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

std::string Many(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += Get("/" + std::to_string(i));
  return out;
}

bool InOrder(const std::vector<Response>& responses, size_t count) {
  if (responses.size() != count) return false;
  for (size_t i = 0; i < count; ++i) {
    if (!responses[i].whole || responses[i].body != "/" + std::to_string(i)) return false;
  }
  return true;
}

}  // namespace

TEST("a connection is used for one request after the other, and only its first one is the first") {
  Rig rig;
  Client* client = rig.Connect();
  for (size_t i = 1; i <= 3; ++i) {
    client->Send(Get("/x"));
    CHECK(rig.Answered(client, i));
  }
  CHECK_EQ(rig.host.seen.size(), 3u);
  CHECK(rig.host.seen[0].first && !rig.host.seen[1].first && !rig.host.seen[2].first);
  CHECK(!client->ended);
  CHECK_EQ(rig.engine->open_connections(), 1u);
  CHECK_EQ(rig.engine->requests(), 3u);
}

TEST("a connection closes behind the response that says so, and in HTTP/1.0 unless asked to stay") {
  const struct {
    std::string_view request;
    bool closes;
    std::string_view connection;
  } rows[] = {
      {"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", false, "(absent)"},
      {"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", true, "close"},
      {"GET /x HTTP/1.0\r\n\r\n", true, "close"},
      {"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false, "keep-alive"},
  };
  for (const auto& one : rows) {
    Rig rig;
    Client* client = rig.Connect();
    client->Send(one.request);
    Row(one.request);
    CHECK(rig.Answered(client, 1));
    CHECK_EQ(client->Responses()[0].Field("Connection"), one.connection);
    CHECK_EQ(rig.Until([&] { return client->ended; }, one.closes ? 2000 : 30), one.closes);
  }
}

TEST("a head is found in pieces of any size") {
  for (size_t step : {1, 2, 3, 7, 19}) {
    Rig rig;
    Client* client = rig.Connect();
    const std::string text = "\r\n" + Get("/0", "X-A: 1\r\n") + Get("/1");
    for (size_t at = 0; at < text.size(); at += step) {
      client->Send(text.substr(at, step));
      rig.Settle(1);
    }
    Row(std::to_string(step));
    CHECK(rig.Answered(client, 2));
    CHECK(InOrder(client->Responses(), 2));
    CHECK_EQ(rig.host.seen[0].variables["HTTP_X_A"], "1");
  }
}

TEST("pipelined requests are answered in order, all of one read in one delivery") {
  Rig rig;
  Client* client = rig.Connect();
  client->Send(Many(50));
  CHECK(rig.Answered(client, 50));
  CHECK(InOrder(client->Responses(), 50));
  CHECK(rig.host.seen[1].follows && rig.host.seen[49].follows);
  CHECK_EQ(rig.host.deferred, 0);
}

TEST("thousands of pipelined requests are answered, also when the host takes one at a time") {
  for (size_t room : {size_t{1}, size_t{7}, SIZE_MAX}) {
    Rig rig;
    rig.host.room = room;
    Client* client = rig.Connect();
    client->Send(Many(3000));
    Row(std::to_string(room));
    CHECK(rig.Until([&] { return rig.host.seen.size() == 3000; }));
    rig.Settle();
    CHECK(InOrder(client->Responses(), 3000));
  }
}

TEST("a request behind one that is not answered yet is handed over again, intact") {
  Rig rig;
  std::vector<ExchangeId> open;
  rig.host.answer = [&](const Seen& seen) {
    if (seen.target == "/0" || seen.target == "/3") {
      open.push_back(seen.id);
    } else {
      rig.host.Respond(seen.id, seen.target + seen.body);
    }
  };
  Client* client = rig.Connect();
  client->Send(Get("/0") + Post("/1", "body") + Get("/2") + Get("/3") + Get("/4"));
  CHECK(rig.Until([&] { return open.size() == 1; }));
  rig.Settle();
  CHECK_EQ(rig.host.seen.size(), 1u);
  CHECK(rig.host.deferred > 0);
  // The answer comes from outside of a turn; what waits must not wait for the next tick.
  rig.host.Respond(open[0], "/0");
  rig.engine->Flush();
  CHECK(rig.Until([&] { return open.size() == 2; }, 500));
  rig.host.Respond(open[1], "/3");
  rig.engine->Flush();
  CHECK(rig.Answered(client, 5, 500));
  const std::vector<Response> responses = client->Responses();
  CHECK(responses[1].body == "/1body" && responses[2].body == "/2" && responses[4].body == "/4");
  CHECK_EQ(rig.engine->requests(), 5u);
}

TEST("bytes that come while a request is handled wait for their turn") {
  Rig rig;
  std::vector<ExchangeId> open;
  rig.host.answer = [&](const Seen& seen) { open.push_back(seen.id); };
  Client* client = rig.Connect();
  client->Send(Get("/0"));
  CHECK(rig.Until([&] { return open.size() == 1; }));
  client->Send(Get("/1") + "GET /2 HT");
  rig.Settle();
  client->Send("TP/1.1\r\nHost: a\r\n\r\n");
  rig.Settle();
  CHECK_EQ(rig.host.seen.size(), 1u);
  for (size_t i = 0; i < 3; ++i) {
    rig.host.Respond(open[i], "/" + std::to_string(i));
    rig.engine->Flush();
    CHECK(rig.Until([&] { return open.size() == i + 2; }, i == 2 ? 20 : 500) == (i < 2));
  }
  CHECK(InOrder(client->Responses(), 3));
}

TEST("a client that sends far ahead is stopped, and goes on when it is answered") {
  RigOptions options;
  options.engine.limits.max_head_bytes = 8192;
  Rig rig(options);
  std::vector<ExchangeId> open;
  rig.host.answer = [&](const Seen& seen) {
    if (open.empty()) {
      open.push_back(seen.id);
    } else {
      rig.host.Respond(seen.id, seen.target);
    }
  };
  Client* client = rig.Connect();
  client->Send(Get("/0"));
  CHECK(rig.Until([&] { return open.size() == 1; }));
  std::string ahead;
  size_t count = 1;
  for (; ahead.size() < 12 * 1000 * 1000; ++count) {
    ahead += Get("/" + std::to_string(count), "X: " + std::string(4000, 'x') + "\r\n");
  }
  client->Send(ahead);
  rig.Settle();
  CHECK(client->unsent() > 0);
  rig.host.Respond(open[0], "/0");
  rig.engine->Flush();
  CHECK(rig.Until([&] { return rig.host.seen.size() == count; }, 20000));
  rig.Settle();
  CHECK(InOrder(client->Responses(), count));
}

TEST("nothing behind a close is run, and the client reads its answer to the end") {
  Rig rig;
  Client* client = rig.Connect();
  client->Send(Get("/0") + Get("/1", "Connection: close\r\n") + Get("/2") + std::string(9999, 'x'));
  CHECK(rig.Until([&] { return client->ended || client->was_reset; }));
  CHECK(client->ended && InOrder(client->Responses(), 2));
  CHECK_EQ(rig.host.seen.size(), 2u);
}

TEST("an error behind good requests is answered in its turn, and ends the connection") {
  Rig rig;
  Client* client = rig.Connect();
  client->Send(Get("/0") + Get("/1") + "GET / HTTP/1.1\r\nBad Name: 1\r\n\r\n" + Get("/never"));
  CHECK(rig.Until([&] { return client->ended; }));
  const std::vector<Response> responses = client->Responses();
  CHECK_EQ(responses.size(), 3u);
  CHECK(responses[1].body == "/1" && responses[2].status == 400 && responses[2].whole);
  CHECK_EQ(responses[2].Field("Connection"), "close");
  CHECK_EQ(rig.host.seen.size(), 2u);
}

TEST("an error reply arrives although the client has sent much that is never read") {
  for (const char* bad : {"GET / HTTP/3.0\r\n\r\n", "BAD\r\n\r\n"}) {
    Rig rig;
    Client* client = rig.Connect();
    client->Send(bad + std::string(50000, 'x'));
    CHECK(rig.Until([&] { return client->ended || client->was_reset; }));
    CHECK(client->ended && client->Responses().size() == 1 && client->Responses()[0].whole);
    // It goes on sending into the closing connection for a while.
    client->Send(std::string(10000, 'y'));
    rig.Settle();
    client->Close();
    CHECK(rig.Until([&] { return rig.engine->open_connections() == 0; }));
  }
}

TEST("an error reply to HEAD has no body") {
  Rig rig;
  Client* client = rig.Connect();
  client->Send("HEAD / HTTP/1.1\r\n\r\n");
  CHECK(rig.Until([&] { return client->ended; }));
  CHECK(client->received.starts_with("HTTP/1.1 400 ") && client->received.ends_with("\r\n\r\n"));
}

TEST("a client that closes its writing side still gets its answers") {
  for (bool late : {false, true}) {
    Rig rig;
    std::vector<ExchangeId> open;
    rig.host.answer = [&](const Seen& seen) {
      open.push_back(seen.id);
      if (!late || open.size() < 3) rig.host.Respond(seen.id, seen.target);
    };
    Client* client = rig.Connect();
    client->Send(Many(3));
    client->ShutdownWrite();
    CHECK(rig.Until([&] { return open.size() == 3; }));
    rig.Settle();
    if (late) {
      CHECK(!client->ended);
      rig.host.Respond(open[2], "/2");
      rig.engine->Flush();
    }
    CHECK(rig.Until([&] { return client->ended; }));
    CHECK(InOrder(client->Responses(), 3));
    CHECK_EQ(rig.engine->open_connections(), 0u);
    CHECK_EQ(rig.host.Count(Notice::kAborted), 0u);
  }
}

TEST("a client that closes in the middle of a head gets 400, one that sent nothing gets nothing") {
  Rig rig;
  Client* half = rig.Connect();
  Client* silent = rig.Connect();
  half->Send("GET / HT");
  rig.Settle();
  half->ShutdownWrite();
  silent->ShutdownWrite();
  CHECK(rig.Until([&] { return half->ended && silent->ended; }));
  CHECK(half->Responses()[0].status == 400 && silent->received.empty());
  CHECK(rig.host.seen.empty());
}

TEST("a CRLF behind the last request is nothing that is answered") {
  Rig rig;
  Client* client = rig.Connect();
  client->Send(Post("/", "body") + "\r\n");
  CHECK(rig.Answered(client, 1));
  client->ShutdownWrite();
  CHECK(rig.Until([&] { return client->ended; }));
  CHECK_EQ(client->Responses().size(), 1u);
}

TEST("many large heads at once are all answered, though the input memory holds only some of them") {
  Rig rig;
  const std::string big = "X: " + std::string(8000, 'x') + "\r\n";
  std::string lines;
  for (int i = 0; i < 7; ++i) lines += big;
  // Escapes and repeated fields need the arena as well.
  std::string path = "/";
  for (int i = 0; i < 1000; ++i) path += "%41";
  constexpr size_t kClients = 60;
  for (size_t i = 0; i < kClients; ++i) rig.Connect()->Send(Get(path, lines));
  CHECK(rig.Until([&] { return rig.host.seen.size() == kClients; }));
  rig.Settle();
  for (size_t i = 0; i < kClients; ++i) {
    CHECK_EQ(rig.clients[i]->Responses().size(), 1u);
    CHECK_EQ(rig.host.seen[i].variables["PATH_INFO"], "/" + std::string(1000, 'A'));
    CHECK_EQ(rig.host.seen[i].variables["HTTP_X"].size(), 7u * 8000 + 6);
  }
}

TEST("a fold is one space for the application, also when its head was parsed twice") {
  RigOptions options;
  options.engine.http1.permit_obs_fold = true;
  Rig rig(options);
  rig.host.room = 1;
  Client* client = rig.Connect();
  const std::string folded = "X: a\r\n b\r\n";
  client->Send(Get("/0", folded) + Get("/1", folded) + Get("/2", folded));
  CHECK(rig.Answered(client, 3));
  for (const Seen& seen : rig.host.seen) CHECK_EQ(seen.variables.at("HTTP_X"), "a b");
}
