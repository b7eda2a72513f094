// What happens at the same time: requests that wait, bodies that come, clients that stop sending,
// servers that stop. Each test is a combination that an engine could forget.
#include <cstdlib>
#include <string>

#include "check.h"
#include "engine/engine_rig.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

std::string Announce(std::string_view target, size_t length, std::string_view lines = {}) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n" +
         std::string(lines) + "\r\n";
}

RigOptions Buffering(uint64_t bytes) {
  RigOptions options;
  options.engine.limits.post_buffering_bytes = bytes;
  return options;
}

// The first request is left open, for the test to answer; all others are answered with their
// target, those with a body when it has been read.
struct FirstWaits {
  explicit FirstWaits(Rig* rig) : rig_(rig) {
    rig->host.answer = [this](const Seen& seen) {
      if (rig_->host.seen.size() == 1) {
        first = seen.id;
      } else if (seen.complete) {
        rig_->host.Respond(seen.id, seen.target + seen.body);
      } else {
        Read(seen.id, seen.target);
      }
    };
    rig->host.noticed = [this](ExchangeId id, Notice notice) {
      if (notice == Notice::kBody) Read(id, "");
    };
  }
  void AnswerFirst() {
    rig_->host.Respond(first, "first");
    rig_->engine->Flush();
  }

  ExchangeId first;
  std::string body;
  BodyState state = BodyState::kPending;
  ParseError error;

 private:
  void Read(ExchangeId id, const std::string& target) {
    body += target + rig_->host.ReadBody(id, &state, &error);
    if (state == BodyState::kEnd) rig_->host.Respond(id, body);
    if (state == BodyState::kError) rig_->host.Respond(id, error.reason, "400 Bad Request");
  }
  Rig* rig_;
};

}  // namespace

TEST("a body goes on coming while its request waits behind another one") {
  for (uint64_t buffering : {0, 100}) {
    Rig rig(Buffering(buffering));
    FirstWaits app(&rig);
    Client* client = rig.Connect();
    client->Send(Get("/0"));
    CHECK(rig.Until([&] { return rig.host.seen.size() == 1; }));
    client->Send(Announce("/1", 9) + "abc");
    rig.Settle();
    // Both at once: the request may begin, and more of its body is there, but not all.
    client->Send("def");
    app.AnswerFirst();
    rig.Settle();
    CHECK_EQ(rig.host.seen.size(), buffering == 0 ? 2u : 1u);
    client->Send("ghi");
    CHECK(rig.Answered(client, 2));
    CHECK_EQ(client->Responses()[1].body, "/1abcdefghi");
  }
}

TEST("a client that sends its requests and then its end gets all answers, however late") {
  // More than is read ahead, so that the end is seen only after the first answer; or little.
  for (size_t fields : {1, 3000}) {
    Rig rig;
    FirstWaits app(&rig);
    Client* client = rig.Connect();
    client->Send(Get("/0"));
    CHECK(rig.Until([&] { return rig.host.seen.size() == 1; }));
    std::string more;
    for (int i = 1; i <= 30; ++i) more += Get("/x", "X: " + std::string(fields, 'x') + "\r\n");
    client->Send(more);
    rig.Settle();
    client->ShutdownWrite();
    app.AnswerFirst();
    CHECK(rig.Until([&] { return client->ended || client->was_reset; }));
    const std::vector<Response> responses = client->Responses();
    Row(std::to_string(fields));
    CHECK(client->ended && responses.size() == 31 && responses.back().status == 200);
  }
}

TEST("a request that a client has cut off behind others is refused at once, not in time") {
  for (const std::string& cut : {std::string("GET /cut HT"), Announce("/cut", 9) + "abc"}) {
    for (uint64_t buffering : {0, 100}) {
      Rig rig(Buffering(buffering));
      FirstWaits app(&rig);
      Client* client = rig.Connect();
      client->Send(Get("/0"));
      CHECK(rig.Until([&] { return rig.host.seen.size() == 1; }));
      client->Send(cut);
      client->ShutdownWrite();
      rig.Settle();
      app.AnswerFirst();
      Row(cut);
      CHECK(rig.Until([&] { return client->ended; }, 800));
      const std::vector<Response> responses = client->Responses();
      CHECK(responses.size() == 2 && responses[1].status == 400 && responses[1].whole);
    }
  }
}

TEST("with post-buffering the end of a client behind its whole body is no end in the middle") {
  Rig rig(Buffering(100));
  rig.host.room = 1;
  rig.host.answer = [&](const Seen& seen) {
    if (seen.target != "/big") return rig.host.Respond(seen.id, seen.target);
    // As much output as ends a round before everything was handed over.
    rig.host.Start(seen.id, kNoLength);
    for (int i = 0; i < 3; ++i) rig.engine->Write(seen.id, Bytes(std::string(100000, 'x')));
    rig.engine->EndResponse(seen.id);
  };
  Client* poster = rig.Connect();
  poster->Send(Announce("/body", 9) + "abc");
  Client* getter = rig.Connect();
  getter->Send(Get("/small"));
  CHECK(rig.Answered(getter, 1));
  poster->Send("defghi");
  poster->ShutdownWrite();
  getter->Send(Get("/big"));
  CHECK(rig.Until([&] { return poster->ended; }));
  CHECK_EQ(poster->Responses()[0].status, 200);
}

TEST("a body that cannot be spooled gets 503, and its connection does not stay") {
  setenv("TMPDIR", "/nonexistent", 1);
  for (bool first_part : {true, false}) {
    Rig rig(Buffering(100));
    Client* client = rig.Connect();
    client->Send(Announce("/", 900) + std::string(first_part ? 101 : 1, 'x'));
    if (!first_part) {
      rig.Settle();
      client->Send(std::string(200, 'x'));
    }
    CHECK(rig.Until([&] { return client->ended; }, 800));
    CHECK(client->Responses()[0].status == 503 && rig.host.seen.empty());
  }
  unsetenv("TMPDIR");
}

TEST("a reply lingers for its reader also while others fill the whole input memory") {
  Rig rig;
  constexpr size_t kRead = 64 * 1024;
  const size_t input = rig.memory.size() - rig.memory.size() / 4;
  const size_t uploads = input / kRead;
  CHECK_EQ(uploads * kRead, input);
  rig.host.answer = [](const Seen&) {};
  std::vector<Client*> clients;
  for (size_t i = 0; i < uploads; ++i) {
    clients.push_back(rig.Connect());
    clients.back()->Send(Announce("/", kRead * 4));
  }
  CHECK(rig.Until([&] { return rig.host.seen.size() == uploads; }));
  Client* refused = rig.Connect();
  refused->Send("BAD\r\n\r\n");
  CHECK(rig.Until([&] { return refused->ended; }));
  const std::string data(kRead, 'x');
  for (Client* client : clients) client->Send(data);
  refused->Send("more");
  rig.engine->Turn();
  CHECK_EQ(rig.engine->open_connections(), uploads + 1);
}

TEST("what comes in two reads of one delivery is not mixed up, though it ends where a read does") {
  // 64 bytes each, so that a read of 64 KiB ends with a request.
  const auto request = [](int number) {
    std::string out = Get("/" + std::to_string(number), "X: ");
    out.insert(out.size() - 2, std::string(64 - out.size() - 2, 'x') + "\r\n");
    return out;
  };
  constexpr int kRead = 1024;
  constexpr int kAll = 2 * kRead + 100;
  RigOptions options;
  options.unix_socket = true;
  Rig rig(options);
  Client* client = rig.Connect();
  std::string rest;
  for (int i = 2 * kRead; i < kAll; ++i) rest += request(i);
  ExchangeId held;
  rig.host.answer = [&](const Seen& seen) {
    // More comes while the second half of what is there still waits to be read.
    if (seen.target == "/0") client->Send(rest);
    if (seen.target != "/" + std::to_string(kRead)) return rig.host.Respond(seen.id, seen.target);
    held = seen.id;
  };
  std::string first;
  for (int i = 0; i < 2 * kRead; ++i) first += request(i);
  CHECK_EQ(first.size(), 128u * 1024);
  client->Send(first);
  CHECK(rig.Until([&] { return held.generation != 0; }));
  rig.host.Respond(held, "/" + std::to_string(kRead));
  rig.engine->Flush();
  CHECK(rig.Until([&] { return rig.host.seen.size() == kAll; }, 3000));
  rig.Settle();
  const std::vector<Response> responses = client->Responses();
  CHECK_EQ(responses.size(), static_cast<size_t>(kAll));
  for (size_t i = 0; i < responses.size(); ++i) {
    CHECK_EQ(responses[i].body, "/" + std::to_string(i));
  }
}

TEST("uploads that fill each batch leave room for everybody else") {
  RigOptions options;
  options.unix_socket = true;
  Rig rig(options);
  constexpr size_t kRead = 64 * 1024;
  const size_t uploads = rig.memory.size() / kRead;  // more than a batch holds
  const std::string data(kRead, 'x');
  // As fast as it is read, more is there.
  const auto read = [&](ExchangeId id) {
    BodyState state;
    rig.host.ReadBody(id, &state);
    for (size_t i = 0; i < uploads; ++i) {
      if (rig.clients[i]->unsent() < kRead) rig.clients[i]->Send(data + data);
      rig.clients[i]->Pump();
    }
  };
  rig.host.answer = [&](const Seen& seen) {
    seen.complete ? rig.host.Respond(seen.id, seen.target) : read(seen.id);
  };
  rig.host.noticed = [&](ExchangeId id, Notice notice) {
    if (notice == Notice::kBody) read(id);
  };
  for (size_t i = 0; i < uploads; ++i) rig.Connect()->Send(Announce("/", kRead * 10000));
  CHECK(rig.Until([&] { return rig.host.seen.size() == uploads; }));
  Client* other = rig.Connect();
  other->Send(Get("/"));
  rig.engine->Turn();
  other->Pump();
  CHECK_EQ(other->Responses().size(), 1u);
}

TEST("no 100 is sent into the middle of a response") {
  Rig rig;
  ExchangeId id;
  rig.host.answer = [&](const Seen& seen) { id = seen.id; };
  Client* client = rig.Connect();
  client->Send(Announce("/", 5, "Expect: 100-continue\r\n"));
  CHECK(rig.Until([&] { return rig.host.seen.size() == 1; }));
  rig.host.Start(id, kNoLength);
  rig.engine->Write(id, ByteView("abc"));
  BodyState state;
  rig.host.ReadBody(id, &state);
  CHECK(state == BodyState::kPending);
  rig.engine->EndResponse(id);
  rig.engine->Flush();
  CHECK(rig.Until([&] { return client->ended; }));
  CHECK(client->received.find("100 Continue") == std::string::npos);
  CHECK(client->Responses().size() == 1 && client->Responses()[0].body == "abc");
}

TEST("a response that began before draining ends its connection, though its head did not say so") {
  Rig rig;
  ExchangeId id;
  rig.host.answer = [&](const Seen& seen) { id = seen.id; };
  Client* client = rig.Connect();
  client->Send(Get("/"));
  CHECK(rig.Until([&] { return rig.host.seen.size() == 1; }));
  rig.host.Start(id, kNoLength);
  rig.engine->Write(id, ByteView("abc"));
  rig.engine->Drain();
  rig.Settle();
  CHECK_EQ(rig.host.drained, 0);
  rig.engine->EndResponse(id);
  CHECK(rig.Until([&] { return rig.host.drained == 1; }, 3000));
  CHECK(rig.Until([&] { return client->ended; }));
  CHECK(client->Responses()[0].whole && client->Responses()[0].Field("Connection") == "(absent)");
}

TEST("a drain takes every connection that waits in the listen queue") {
  Rig rig;
  constexpr size_t kWaiting = 300;
  for (size_t i = 0; i < kWaiting; ++i) rig.Connect()->Send(Get("/"));
  rig.engine->Drain();
  CHECK(rig.Until([&] { return rig.host.drained == 1; }));
  rig.Settle();
  for (const auto& client : rig.clients) CHECK_EQ(client->Responses().size(), 1u);
}

TEST("a drain with a grace lets an idle connection bring one more request, and then ends it") {
  Rig rig;
  Client* busy = rig.Connect();
  Client* idle = rig.Connect();
  busy->Send(Get("/"));
  idle->Send(Get("/"));
  rig.Settle();
  rig.engine->Drain(2);
  rig.Settle();
  CHECK(!busy->ended);
  busy->Send(Get("/"));
  CHECK(rig.Until([&] { return busy->ended; }));
  CHECK_EQ(busy->Responses().size(), 2u);
  CHECK(busy->Responses()[1].Field("Connection") == "close");
  CHECK_EQ(rig.host.drained, 0);
  CHECK(rig.Until([&] { return rig.host.drained == 1; }, 4000));
  CHECK(rig.Until([&] { return idle->ended; }));
}

TEST("what a host is told is about an exchange that is open") {
  RigOptions options;
  options.send_buffer = 8192;
  options.receive_buffer = 4096;
  Rig rig(options);
  Client* client = rig.Connect();
  client->reads = false;
  bool asked = false;
  rig.host.answer = [&](const Seen& seen) {
    if (seen.target == "/next") return;
    rig.host.Start(seen.id, kNoLength);
    rig.engine->Write(seen.id, Bytes(std::string(200000, 'x')));
    rig.engine->Flush();
    asked = rig.engine->QueuedBytes(seen.id, true) > 0;
    rig.engine->EndResponse(seen.id);
  };
  client->Send(Get("/") + Get("/next"));
  CHECK(rig.Until([&] { return asked; }));
  rig.Settle();
  client->reads = true;
  CHECK(rig.Until([&] { return rig.host.seen.size() == 2; }));
  rig.Settle();
  CHECK_EQ(rig.host.notices.size(), 0u);
}

TEST("clients that take turns in their mistakes do not flood the log") {
  RigOptions options;
  options.protocol = WireProtocol::kUwsgi;
  Rig rig(options);
  for (int i = 0; i < 20; ++i) {
    Client* client = rig.Connect();
    client->Send(i % 2 == 0 ? std::string("GET / HTTP/1.1\r\n\r\n")
                            : "\x16\x03\x01" + std::string(20, 'x'));
    CHECK(rig.Until([&] { return client->ended || client->was_reset; }));
  }
  CHECK_EQ(rig.host.log.size(), 2u);
}

TEST("a response head that is longer than the memory for heads breaks the connection off") {
  for (bool streamed : {false, true}) {
    Rig rig;
    rig.host.answer = [&](const Seen& seen) {
      const std::string status = "200 " + std::string(600000, 'x');
      if (streamed) return rig.host.Start(seen.id, 3, status);
      rig.host.Respond(seen.id, "abc", status);
    };
    Client* client = rig.Connect();
    client->Send(Get("/"));
    CHECK(rig.Until([&] { return client->ended || client->was_reset; }));
    CHECK(client->received.empty());
  }
}
