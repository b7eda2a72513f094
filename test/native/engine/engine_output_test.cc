// Responses: framing, back-pressure, borrowed bytes and files, aborts, clients that go away.
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "check.h"
#include "engine/engine_rig.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

constexpr std::string_view kOld = "GET / HTTP/1.0\r\n\r\n";

std::string Pattern(size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 2654435761u >> 13);
  return out;
}

UniqueFd FileOf(std::string_view text) {
  UniqueFd fd(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  CHECK(write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return fd;
}

// A request that is left open, to be answered by the test.
ExchangeId OpenExchange(Rig* rig, Client* client, std::string_view request) {
  ExchangeId id;
  rig->host.answer = [&id](const Seen& seen) { id = seen.id; };
  const size_t before = rig->host.seen.size();
  client->Send(request);
  CHECK(rig->Until([&] { return rig->host.seen.size() == before + 1; }));
  return id;
}

RigOptions Small() {
  RigOptions options;
  options.send_buffer = 8192;
  options.receive_buffer = 4096;
  return options;
}

}  // namespace

TEST("a streamed response is framed by what is known and by what the client knows") {
  const struct {
    std::string_view request;
    uint64_t length;
    std::string_view encoding;
    std::string_view content_length;
    bool ends;
  } rows[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 6, "(absent)", "6", false},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", kNoLength, "chunked", "(absent)", false},
      {kOld, 6, "(absent)", "6", true},
      {kOld, kNoLength, "(absent)", "(absent)", true},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", kNoLength, "(absent)", "(absent)", true},
  };
  for (const auto& one : rows) {
    Rig rig;
    Client* client = rig.Connect();
    const ExchangeId id = OpenExchange(&rig, client, one.request);
    rig.host.Start(id, one.length);
    rig.engine->Write(id, ByteView("abc"));
    rig.engine->Write(id, ByteView(""));  // an empty chunk would be the last one
    rig.engine->Flush();
    rig.Settle();
    rig.engine->Write(id, ByteView("def"));
    rig.engine->EndResponse(id);
    rig.engine->Flush();
    CHECK_EQ(rig.Until([&] { return client->ended; }, one.ends ? 2000 : 30), one.ends);
    const Response response = client->Responses()[0];
    Row(one.request);
    CHECK(response.whole && response.body == "abcdef");
    CHECK_EQ(response.Field("Transfer-Encoding"), one.encoding);
    CHECK_EQ(response.Field("Content-Length"), one.content_length);
  }
}

TEST("what is written outside of a turn is work: it is sent without waiting for an event") {
  Rig rig;
  Client* client = rig.Connect();
  const ExchangeId id = OpenExchange(&rig, client, Get("/"));
  rig.host.Start(id, kNoLength);
  rig.engine->Write(id, ByteView("abc"));
  rig.engine->Flush();
  CHECK(!rig.engine->HasWork());
  rig.engine->EndResponse(id);
  CHECK(rig.engine->HasWork());
  CHECK(rig.Answered(client, 1, 500));
}

TEST("HEAD, 204 and 304 have no body, whatever the application writes") {
  Rig rig;
  rig.host.answer = [&](const Seen& seen) {
    if (seen.method == "HEAD") return rig.host.Respond(seen.id, "body");
    ResponseHead head;
    head.status = ByteView(seen.target == "/204" ? "204 No Content" : "304 Not Modified");
    head.no_body = true;
    rig.engine->StartResponse(seen.id, head, kNoLength);
    rig.engine->Write(seen.id, ByteView("body"));
    rig.engine->EndResponse(seen.id);
  };
  Client* client = rig.Connect();
  client->Send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + Get("/204") + Get("/304"));
  CHECK(rig.Until([&] { return client->Responses({0}).size() == 3; }));
  const auto responses = client->Responses({0});
  CHECK(responses[0].Field("Content-Length") == "4" && responses[2].status == 304);
  CHECK(client->received.find("body") == std::string::npos);
}

TEST("more than the promised length is cut, less of it breaks the connection off") {
  Rig rig;
  Client* more = rig.Connect();
  ExchangeId id = OpenExchange(&rig, more, Get("/"));
  rig.host.Start(id, 3);
  rig.engine->Write(id, ByteView("abcdef"));
  rig.engine->Write(id, ByteView("ghi"));
  rig.engine->EndResponse(id);
  rig.engine->Flush();
  CHECK(rig.Answered(more, 1));
  CHECK(more->received.ends_with("\r\n\r\nabc"));
  Client* less = rig.Connect();
  id = OpenExchange(&rig, less, Get("/"));
  rig.host.Start(id, 10);
  rig.engine->Write(id, ByteView("abc"));
  rig.engine->EndResponse(id);
  rig.engine->Flush();
  CHECK(rig.Until([&] { return less->ended; }));
  CHECK(less->received.ends_with("\r\n\r\nabc"));
}

TEST("a slow reader makes the queue grow, and the host is told when it is short again") {
  Rig rig(Small());
  Client* client = rig.Connect();
  client->reads = false;
  const ExchangeId id = OpenExchange(&rig, client, Get("/"));
  const std::string data = Pattern(1000 * 1000);
  rig.host.Start(id, data.size());
  size_t written = 0;
  size_t peak = 0;
  const auto write = [&] {
    while (written < data.size()) {
      const size_t size = std::min<size_t>(30000, data.size() - written);
      rig.engine->Write(id, Bytes(std::string_view(data).substr(written, size)));
      written += size;
      rig.engine->Flush();
      const uint64_t queued = rig.engine->QueuedBytes(id, true);
      peak = std::max<size_t>(peak, queued);
      if (queued > rig.engine->limits().write_high_water_bytes) return;
    }
    rig.engine->EndResponse(id);
    rig.engine->Flush();
  };
  rig.host.noticed = [&](ExchangeId, Notice notice) {
    if (notice == Notice::kWritable) write();
  };
  write();
  CHECK(written < data.size());
  rig.Settle();
  CHECK_EQ(rig.host.Count(Notice::kWritable), 0u);
  client->reads = true;
  CHECK(rig.Answered(client, 1, 20000));
  CHECK(client->Responses()[0].body == data);
  CHECK(rig.host.Count(Notice::kWritable) > 1);
  CHECK(peak < 400000);
}

TEST("a client that pipelines and does not read is not served further until it does") {
  Rig rig(Small());
  const std::string data = Pattern(100 * 1000);
  rig.host.answer = [&](const Seen& seen) { rig.host.Respond(seen.id, data); };
  rig.host.room = 1;
  Client* client = rig.Connect();
  client->reads = false;
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += Get("/");
  client->Send(requests);
  rig.Settle();
  const size_t served = rig.host.seen.size();
  CHECK(served < 10);
  client->reads = true;
  CHECK(rig.Answered(client, 100, 20000));
}

TEST("borrowed bytes and files are sent in order, in chunks if need be, and released once") {
  const std::string data = Pattern(300 * 1000);
  const auto release = [](void* context) { ++*static_cast<int*>(context); };
  for (bool chunked : {false, true}) {
    Rig rig(Small());
    Client* client = rig.Connect();
    const ExchangeId id = OpenExchange(&rig, client, Get("/"));
    int released = 0;
    rig.host.Start(id, chunked ? kNoLength : 3 + 2 * data.size() + 3);
    rig.engine->Write(id, ByteView("abc"));
    rig.engine->WriteBorrowed(id, {Bytes(data), release, &released});
    rig.engine->WriteFile(id, FileOf("??" + data + "??"), 2, data.size());
    rig.engine->Write(id, ByteView("def"));
    rig.engine->EndResponse(id);
    rig.engine->Flush();
    CHECK(rig.Answered(client, 1, 20000));
    CHECK(client->Responses()[0].body == "abc" + data + data + "def");
    CHECK_EQ(released, 1);
    // For an exchange that is over, at once.
    rig.engine->WriteBorrowed(id, {Bytes(data), release, &released});
    CHECK_EQ(released, 2);
  }
}

TEST("a file that became shorter while it was sent breaks the connection off") {
  Rig rig;
  Client* client = rig.Connect();
  const ExchangeId id = OpenExchange(&rig, client, Get("/"));
  rig.host.Start(id, 1000);
  rig.engine->WriteFile(id, FileOf("short"), 0, 1000);
  rig.engine->EndResponse(id);
  rig.engine->Flush();
  CHECK(rig.Until([&] { return client->ended || client->was_reset; }));
  CHECK(!client->Responses()[0].whole);
}

TEST("a response that is aborted is seen as cut in every framing") {
  const struct {
    std::string_view request;
    uint64_t length;
    bool started;
    bool reset;  // a plain end would look like the end of the body
  } rows[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 10, true, false},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", kNoLength, true, false},
      {kOld, kNoLength, true, true},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, false, false},
  };
  for (const auto& one : rows) {
    Rig rig;
    Client* client = rig.Connect();
    const ExchangeId id = OpenExchange(&rig, client, one.request);
    if (one.started) {
      rig.host.Start(id, one.length);
      rig.engine->Write(id, ByteView("abc"));
      rig.engine->Flush();
      rig.Settle();
    }
    rig.engine->AbortResponse(id);
    rig.engine->Flush();
    CHECK(rig.Until([&] { return client->ended || client->was_reset; }));
    Row(one.request);
    CHECK_EQ(client->was_reset, one.reset);
    CHECK_EQ(client->received.empty(), !one.started);
    CHECK(client->received.find("\r\n0\r\n") == std::string::npos);
    CHECK(!rig.engine->IsOpen(id));
    CHECK_EQ(rig.host.Count(Notice::kAborted), 0u);
  }
}

TEST("a client that resets in the middle of a reply gives kAborted, once") {
  Rig rig(Small());
  Client* client = rig.Connect();
  client->reads = false;
  const ExchangeId id = OpenExchange(&rig, client, Get("/0") + Get("/1"));
  rig.host.Start(id, kNoLength);
  rig.engine->Write(id, Bytes(Pattern(200 * 1000)));
  rig.engine->Flush();
  rig.Settle();
  client->Reset();
  CHECK(rig.Until([&] { return rig.host.Count(Notice::kAborted) == 1; }));
  // Nothing that is done for it afterwards has an effect.
  rig.engine->Write(id, ByteView("more"));
  rig.engine->EndResponse(id);
  rig.engine->AbortResponse(id);
  rig.engine->Flush();
  rig.Settle();
  CHECK_EQ(rig.host.notices.size(), 1u);
  CHECK(rig.host.notices[0].first.generation == id.generation);
  CHECK_EQ(rig.engine->open_connections(), 0u);
  CHECK_EQ(rig.host.seen.size(), 1u);
}

TEST("a client that resets while its request is handled gives kAborted, once") {
  for (bool body : {false, true}) {
    Rig rig;
    Client* client = rig.Connect();
    const ExchangeId id = OpenExchange(
        &rig, client, body ? "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx" : Get("/"));
    client->Reset();
    CHECK(rig.Until([&] { return rig.host.Count(Notice::kAborted) == 1; }));
    rig.host.Respond(id, "late");
    rig.engine->Flush();
    rig.Settle();
    CHECK_EQ(rig.host.Count(Notice::kAborted), 1u);
  }
}

TEST("an id of an exchange that is over does nothing to those that came after it") {
  Rig rig;
  Client* client = rig.Connect();
  const ExchangeId first = OpenExchange(&rig, client, Get("/0"));
  rig.host.Respond(first, "0");
  rig.engine->Flush();
  CHECK(rig.Answered(client, 1));
  const ExchangeId second = OpenExchange(&rig, client, Get("/1"));
  CHECK(!rig.engine->IsOpen(first) && rig.engine->IsOpen(second));
  rig.host.Respond(first, "wrong");
  rig.engine->AbortResponse(first);
  rig.host.Respond(second, "1");
  rig.host.Respond(second, "twice");
  rig.engine->Flush();
  CHECK(rig.Answered(client, 2));
  rig.Settle();
  CHECK(client->Responses().size() == 2 && client->Responses()[1].body == "1");
  // The place of a connection that has closed is taken by another one.
  client->Close();
  CHECK(rig.Until([&] { return rig.engine->open_connections() == 0; }));
  Client* other = rig.Connect();
  const ExchangeId third = OpenExchange(&rig, other, Get("/2"));
  CHECK(third.connection == first.connection && third.generation != second.generation);
  rig.host.Respond(second, "wrong");
  rig.host.Respond({UINT32_MAX, 1}, "nobody");
  rig.host.Respond(third, "2");
  rig.engine->Flush();
  CHECK(rig.Answered(other, 1));
  CHECK(other->Responses()[0].body == "2");
}

TEST("an interim response comes before the final one, and never to HTTP/1.0") {
  constexpr char kHints[] = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  for (bool old : {false, true}) {
    Rig rig;
    Client* client = rig.Connect();
    const ExchangeId id = OpenExchange(&rig, client, old ? std::string(kOld) : Get("/"));
    rig.engine->WriteInterim(id, ByteView(kHints));
    rig.host.Respond(id, "x");
    rig.engine->WriteInterim(id, ByteView(kHints));
    rig.engine->Flush();
    CHECK(rig.Answered(client, old ? 1 : 2));
    CHECK_EQ(client->Responses().size(), old ? 1u : 2u);
    CHECK_EQ(client->Responses()[0].status, old ? 200 : 103);
  }
}

TEST("a response of any size in one call arrives whole, next to those of other connections") {
  Rig rig;
  rig.host.answer = [&](const Seen& seen) {
    rig.host.Respond(seen.id, Pattern(static_cast<size_t>(atol(seen.target.c_str() + 1))));
  };
  for (int i = 0; i < 20; ++i) {
    for (const char* size : {"/0", "/1", "/130000", "/131072", "/131073", "/600000"}) {
      rig.Connect()->Send(Get(size));
    }
  }
  for (const auto& client : rig.clients) CHECK(rig.Answered(client.get(), 1, 20000));
  for (const auto& client : rig.clients) {
    const Response response = client->Responses()[0];
    CHECK(response.body == Pattern(response.body.size()));
    CHECK_EQ(std::to_string(response.body.size()), response.Field("Content-Length"));
  }
}

TEST("Date and Server are there unless they are switched off") {
  for (bool on : {true, false}) {
    RigOptions options;
    options.engine.date_header = options.engine.server_header = on;
    Rig rig(options);
    Client* client = rig.Connect();
    client->Send(Get("/"));
    CHECK(rig.Answered(client, 1));
    CHECK_EQ(client->Responses()[0].Field("Date") != "(absent)", on);
    CHECK_EQ(client->Responses()[0].Field("Server") != "(absent)", on);
  }
}

TEST("a long file goes on without waiting, also when the socket never was full") {
  constexpr uint64_t kSize = 24 * 1024 * 1024;
  Rig rig;
  rig.host.answer = [&](const Seen& seen) {
    UniqueFd file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    CHECK(ftruncate(file.get(), kSize) == 0);
    rig.host.Start(seen.id, kSize);
    rig.engine->WriteFile(seen.id, std::move(file), 0, kSize);
    rig.engine->EndResponse(seen.id);
  };
  Client* client = rig.Connect();
  client->Send(Get("/"));
  CHECK(rig.Until([&] { return client->received.size() > kSize; }, 20000));
}
