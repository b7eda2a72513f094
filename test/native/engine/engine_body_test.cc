// Request bodies: inline, streamed, buffered, unread, broken.
#include <algorithm>
#include <string>

#include "check.h"
#include "engine/engine_rig.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

constexpr char kContinueHead[] = "HTTP/1.1 100 Continue\r\n\r\n";

std::string Pattern(size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 2654435761u >> 13);
  return out;
}

std::string Chunked(std::string_view target, std::string_view lines = {}) {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" +
         std::string(lines) + "\r\n";
}

std::string Chunk(std::string_view data) {
  char size[32];
  snprintf(size, sizeof(size), "%zx\r\n", data.size());
  return size + std::string(data) + "\r\n";
}

std::string Announce(std::string_view target, size_t length, std::string_view lines = {}) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n" +
         std::string(lines) + "\r\n";
}

// An application that reads its whole body, however it comes, and then answers with its size.
struct Reader {
  explicit Reader(Rig* rig) : rig_(rig) {
    rig->host.answer = [this](const Seen& seen) {
      id = seen.id;
      body += seen.body;
      if (seen.complete) return Answer();
      if (!hold) Read();
    };
    rig->host.noticed = [this](ExchangeId from, Notice notice) {
      if (notice == Notice::kBody && from.generation == id.generation && !hold) Read();
    };
  }
  void Read() {
    body += rig_->host.ReadBody(id, &state, &error, step);
    if (state == BodyState::kEnd) trailers = Text(rig_->engine->Trailers(id));
    if (state == BodyState::kEnd) Answer();
    if (state == BodyState::kError) rig_->host.Respond(id, error.reason, "400 Bad Request");
  }
  void Answer() { rig_->host.Respond(id, std::to_string(body.size())); }

  ExchangeId id;
  std::string body;
  std::string trailers;
  BodyState state = BodyState::kPending;
  ParseError error;
  size_t step = 65536;
  bool hold = false;

 private:
  Rig* rig_;
};

}  // namespace

TEST("a body that comes with its head is handed over whole, chunks taken apart, trailers too") {
  Rig rig;
  Client* client = rig.Connect();
  client->Send(Post("/0", "hello"));
  client->Send(Chunked("/1") + Chunk("he") + Chunk("llo") + "0\r\nX-Sum: 7\r\n\r\n");
  CHECK(rig.Answered(client, 2));
  CHECK(rig.host.seen[0].complete && rig.host.seen[0].body == "hello");
  CHECK(rig.host.seen[1].body == "hello" && rig.host.seen[1].trailers == "X-Sum: 7\r\n");
}

TEST("a body in pieces reaches the application whole, in every framing and cut") {
  const std::string data = Pattern(3000);
  const std::string requests[] = {
      Announce("/", data.size()) + data,
      Chunked("/") + Chunk(data.substr(0, 1000)) + Chunk(data.substr(1000, 1)) +
          Chunk(data.substr(1001)) + "0\r\nT: 1\r\n\r\n",
  };
  for (const std::string& request : requests) {
    for (size_t step : {37, 500, 1201}) {
      Rig rig;
      Reader reader(&rig);
      reader.step = 100;
      Client* client = rig.Connect();
      for (size_t at = 0; at < request.size(); at += step) {
        client->Send(request.substr(at, step));
        rig.Settle(0);
      }
      client->Send(Get("/next"));
      Row(request.substr(0, 60) + " by " + std::to_string(step));
      CHECK(rig.Answered(client, 2));
      CHECK(rig.host.seen.size() == 2 && reader.body == data);
      CHECK(client->Responses()[0].body == "3000");
      CHECK(&request == &requests[0] || reader.trailers == "T: 1\r\n");
    }
  }
}

TEST("a client is stopped while its body is not read, and goes on when it is") {
  const std::string data = Pattern(6 * 1000 * 1000);
  for (bool chunked : {false, true}) {
    RigOptions options;
    options.engine.limits.body_high_water_bytes = 64 * 1024;
    Rig rig(options);
    Reader reader(&rig);
    reader.hold = true;
    Client* client = rig.Connect();
    std::string body;
    for (size_t at = 0; chunked && at < data.size(); at += 50000) {
      body += Chunk(std::string_view(data).substr(at, 50000));
    }
    client->Send(chunked ? Chunked("/") + body + "0\r\n\r\n" : Announce("/", data.size()) + data);
    rig.Settle();
    const uint64_t stored = rig.engine->BodyAvailable(reader.id);
    CHECK(stored >= 64 * 1024 && stored < 64 * 1024 + 256 * 1024);
    CHECK(client->unsent() > 0);
    const uint64_t turns = rig.turns;
    rig.Settle(100);
    CHECK(rig.turns - turns < 5);  // it waits, it does not spin
    reader.hold = false;
    reader.Read();
    rig.engine->Flush();
    CHECK(rig.Answered(client, 1, 20000));
    CHECK(reader.body == data);
  }
}

TEST("100-continue is sent at the first read of a body that is not there, once, and not before") {
  Rig rig;
  Reader reader(&rig);
  reader.hold = true;
  Client* client = rig.Connect();
  client->Send(Announce("/", 5, "Expect: 100-continue\r\n"));
  CHECK(rig.Until([&] { return rig.host.seen.size() == 1; }));
  rig.Settle();
  CHECK(client->received.empty());
  for (int i = 0; i < 2; ++i) {
    rig.host.ReadBody(reader.id, &reader.state);
    CHECK(reader.state == BodyState::kPending);
    rig.engine->Flush();
    rig.Settle();
    CHECK_EQ(client->received, kContinueHead);
  }
  reader.hold = false;
  client->Send("hello");
  CHECK(rig.Answered(client, 2));
  CHECK(reader.body == "hello" && !client->ended);
}

TEST("100-continue is not sent to a client that did not wait, nor to HTTP/1.0") {
  Rig rig;
  Reader reader(&rig);
  Client* eager = rig.Connect();
  eager->Send(Announce("/", 5, "Expect: 100-continue\r\n") + "he");
  rig.Settle();
  eager->Send("llo");
  CHECK(rig.Answered(eager, 1));
  CHECK(eager->received.starts_with("HTTP/1.1 200 "));
  Client* old = rig.Connect();
  old->Send("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  rig.Settle();
  CHECK(old->received.empty());
  old->Send("hello");
  CHECK(rig.Until([&] { return old->ended; }));
  CHECK(old->received.starts_with("HTTP/1.1 200 "));
}

TEST("a final answer instead of 100 closes the connection: the body may come or not") {
  Rig rig;
  Client* client = rig.Connect();
  client->Send(Announce("/", 5, "Expect: 100-continue\r\n"));
  CHECK(rig.Until([&] { return client->ended; }));
  CHECK(client->Responses().size() == 1 && client->Responses()[0].Field("Connection") == "close");
}

TEST("a body that nobody reads is drained if it is short, and the connection goes on") {
  for (bool chunked : {false, true}) {
    Rig rig;
    Client* client = rig.Connect();
    const std::string data = Pattern(40000);
    client->Send(chunked ? Chunked("/0") : Announce("/0", data.size()));
    CHECK(rig.Answered(client, 1));
    CHECK_EQ(client->Responses()[0].Field("Connection"), "(absent)");
    client->Send((chunked ? Chunk(data) + "0\r\n\r\n" : data) + Get("/1"));
    CHECK(rig.Answered(client, 2));
    CHECK(client->Responses()[1].body == "/1");
    CHECK(!rig.engine->IsOpen(rig.host.seen[0].id));
  }
}

TEST("a body that nobody reads and that is long ends the connection, behind the answer") {
  Rig rig;
  Client* known = rig.Connect();
  known->Send(Announce("/0", 10 * 1000 * 1000) + Pattern(300000));
  CHECK(rig.Until([&] { return known->ended || known->was_reset; }));
  CHECK(known->Responses().size() == 1 && known->Responses()[0].body == "/0");
  CHECK_EQ(known->Responses()[0].Field("Connection"), "close");
  // Of a chunked one nobody knows: it ends when the limit is passed.
  Client* chunked = rig.Connect();
  chunked->Send(Chunked("/1"));
  CHECK(rig.Answered(chunked, 1));
  for (int i = 0; i < 20; ++i) chunked->Send(Chunk(Pattern(20000)));
  CHECK(rig.Until([&] { return chunked->ended || chunked->was_reset; }));
  CHECK_EQ(rig.host.seen.size(), 2u);
}

TEST("a client that closes behind an answer whose body it did not finish still gets the answer") {
  Rig rig;
  const std::string answer = Pattern(4 * 1000 * 1000);
  rig.host.answer = [&](const Seen& seen) { rig.host.Respond(seen.id, answer); };
  Client* client = rig.Connect();
  client->reads = false;
  client->Send(Announce("/", 1000) + "part");
  rig.Settle();
  client->ShutdownWrite();
  rig.Settle();
  client->reads = true;
  CHECK(rig.Until([&] { return client->ended || client->was_reset; }));
  CHECK(client->Responses().size() == 1 && client->Responses()[0].body == answer);
}

TEST("a body that is cut short is an error for its reader, never an end") {
  for (bool chunked : {false, true}) {
    for (bool first_read : {false, true}) {
      Rig rig;
      Reader reader(&rig);
      reader.hold = !first_read;
      Client* client = rig.Connect();
      client->Send(chunked ? Chunked("/") + "a\r\nhello" : Announce("/", 10) + "hello");
      CHECK(rig.Until([&] { return rig.host.seen.size() == 1; }));
      rig.Settle();
      client->ShutdownWrite();
      rig.Settle();
      if (!first_read) {
        reader.hold = false;
        reader.Read();
        rig.engine->Flush();
      }
      CHECK(rig.Until([&] { return client->ended; }));
      CHECK(reader.state == BodyState::kError && reader.body == "hello");
      CHECK_EQ(client->Responses()[0].status, 400);
    }
  }
}

TEST("an error in the chunks fails the read, and whatever is answered, the connection closes") {
  for (std::string_view bad : {"zz\r\n", "5\r\nhelloX", "-1\r\n", "0\r\nHost: b\r\n\r\n"}) {
    Rig rig;
    Reader reader(&rig);
    Client* client = rig.Connect();
    client->Send(Chunked("/") + Chunk("good"));
    rig.Settle();
    client->Send(std::string(bad) + Get("/never") + std::string(30000, 'x'));
    Row(bad);
    CHECK(rig.Until([&] { return client->ended || client->was_reset; }));
    CHECK(reader.state == BodyState::kError && reader.error.status == 400);
    CHECK(client->ended && client->Responses().size() == 1);
    CHECK_EQ(rig.host.seen.size(), 1u);
  }
  // With its head, it is refused before the application begins.
  Rig rig;
  Client* client = rig.Connect();
  client->Send(Chunked("/") + "zz\r\n");
  CHECK(rig.Until([&] { return client->ended; }));
  CHECK(client->Responses()[0].status == 400 && rig.host.seen.empty());
}

TEST("a body over the limit is 413: announced, before it is read; in chunks, when it is passed") {
  RigOptions options;
  options.engine.limits.max_body_bytes = 1000;
  Rig rig(options);
  Reader reader(&rig);
  Client* announced = rig.Connect();
  announced->Send(Announce("/", 1001, "Expect: 100-continue\r\n"));
  CHECK(rig.Until([&] { return announced->ended; }));
  CHECK(announced->Responses()[0].status == 413 && rig.host.seen.empty());
  Client* chunked = rig.Connect();
  chunked->Send(Chunked("/") + Chunk(Pattern(900)));
  rig.Settle();
  chunked->Send(Chunk(Pattern(200)));
  CHECK(rig.Until([&] { return chunked->ended; }));
  CHECK(reader.error.status == 413 && reader.body.size() == 900);
}

TEST("with post-buffering the application starts when the body is whole, in memory or in a file") {
  for (uint64_t limit : {1ull, 1000ull, 1ull << 20}) {
    for (bool chunked : {false, true}) {
      RigOptions options;
      options.engine.limits.post_buffering_bytes = limit;
      options.engine.http1.permit_obs_fold = true;
      Rig rig(options);
      Reader reader(&rig);
      Client* client = rig.Connect();
      const std::string data = Pattern(200000);
      const std::string fold = "X: a\r\n b\r\nExpect: 100-continue\r\n";
      client->Send(chunked ? Chunked("/0", fold) : Announce("/0", data.size(), fold));
      CHECK(rig.Until([&] { return client->received == kContinueHead; }));
      client->Send(chunked ? Chunk(data.substr(0, 99999)) : data.substr(0, 99999));
      rig.Settle();
      CHECK(rig.host.seen.empty());
      client->Send(
          (chunked ? Chunk(data.substr(99999)) + "0\r\nT: 1\r\n\r\n" : data.substr(99999)) +
          Get("/1"));
      Row(std::to_string(limit));
      CHECK(rig.Answered(client, 3));
      CHECK(reader.body == data && client->Responses()[1].body == "200000");
      CHECK_EQ(rig.host.seen[0].variables["HTTP_X"], "a b");
      CHECK(!chunked || reader.trailers == "T: 1\r\n");
      CHECK_EQ(rig.host.seen[1].target, "/1");
    }
  }
}

TEST("with post-buffering a request that never became whole is never seen by the host") {
  RigOptions options;
  options.engine.limits.post_buffering_bytes = 100;
  Rig rig(options);
  Client* gone = rig.Connect();
  gone->Send(Announce("/", 1000) + "part");
  Client* half = rig.Connect();
  half->Send(Announce("/", 1000) + "part");
  Client* broken = rig.Connect();
  broken->Send(Chunked("/") + Chunk("part"));
  rig.Settle();
  gone->Reset();
  half->ShutdownWrite();
  broken->Send("zz\r\n");
  CHECK(rig.Until([&] { return rig.engine->open_connections() == 1 || broken->ended; }));
  rig.Settle();
  CHECK(half->Responses()[0].status == 400 && broken->Responses()[0].status == 400);
  CHECK(rig.host.seen.empty() && rig.host.notices.empty());
}

TEST("reading a body that was complete, or of a request that is over, says so") {
  Rig rig;
  BodyState state = BodyState::kData;
  ExchangeId id;
  rig.host.answer = [&](const Seen& seen) {
    id = seen.id;
    rig.host.ReadBody(seen.id, &state);
    rig.host.Respond(seen.id, "x");
  };
  Client* client = rig.Connect();
  client->Send(Post("/", "hello"));
  CHECK(rig.Answered(client, 1));
  CHECK(state == BodyState::kEnd);
  ParseError error;
  rig.host.ReadBody(id, &state, &error);
  CHECK(state == BodyState::kError && rig.engine->BodyAvailable(id) == 0);
  CHECK(rig.engine->Trailers(id).empty());
}
