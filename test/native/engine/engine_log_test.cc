// The access log of an engine: one line for each exchange, whatever becomes of it.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "check.h"
#include "engine/engine_rig.h"
#include "protocols/uwsgi_packet.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

namespace {

constexpr std::string_view kFormat = "%(r)s|%(s)s|%(B)s|%(werr)";

RigOptions Logging(std::string_view format = kFormat) {
  RigOptions options;
  options.engine.log.all = true;
  std::string error;
  CHECK(options.engine.log.format.Compile(Bytes(format), {}, &error));
  return options;
}

// A rig whose log is a pipe that the test reads.
struct LogRig : Rig {
  explicit LogRig(const RigOptions& options = Logging()) : Rig(options) {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    read_end.Reset(ends[0]);
    UniqueFd write_end(ends[1]);
    CHECK(engine->OpenLog(write_end.get()));
  }

  std::vector<std::string> Lines() {
    char buffer[65536];
    ssize_t got;
    while ((got = read(read_end.get(), buffer, sizeof(buffer))) > 0) {
      text.append(buffer, static_cast<size_t>(got));
    }
    std::vector<std::string> lines;
    for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
      lines.push_back(text.substr(at, end - at));
    }
    return lines;
  }
  bool Logged(size_t count) {
    return Until([&] { return Lines().size() >= count; });
  }

  UniqueFd read_end;
  std::string text;
};

using Expected = std::vector<std::string>;

// One connection for these bytes, and the lines that are there when it is closed.
Expected LinesFor(std::string_view bytes, const RigOptions& options = Logging()) {
  LogRig rig(options);
  Client* client = rig.Connect();
  client->Send(bytes);
  client->ShutdownWrite();
  CHECK(rig.Until([&] {
    const bool over = client->ended || client->was_reset;
    return over && rig.engine->open_connections() == 0;
  }));
  return rig.Lines();
}

}  // namespace

TEST("each exchange has its line, in order, pipelined or not") {
  LogRig rig;
  Client* client = rig.Connect();
  client->Send(Get("/1") + Get("/22") + Post("/3", "body"));
  CHECK(rig.Answered(client, 3));
  client->Send(Get("/4"));
  CHECK(rig.Answered(client, 4) && rig.Logged(4));
  CHECK((rig.Lines() == Expected{"GET /1 HTTP/1.1|200|2|0", "GET /22 HTTP/1.1|200|3|0",
                                 "POST /3 HTTP/1.1|200|2|0", "GET /4 HTTP/1.1|200|2|0"}));
}

TEST("nobody asked for a log: there is none") {
  RigOptions options = Logging();
  options.engine.log.all = false;
  CHECK(LinesFor(Get("/1") + "garbage\r\n\r\n", options).empty());
}

TEST("requests that were put off are logged once") {
  LogRig rig;
  rig.host.room = 2;
  Client* client = rig.Connect();
  std::string many;
  for (int i = 0; i < 40; ++i) many += Get("/" + std::to_string(i));
  client->Send(many);
  CHECK(rig.Answered(client, 40) && rig.Logged(40));
  const Expected lines = rig.Lines();
  CHECK_EQ(lines.size(), 40u);
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string target = "/" + std::to_string(i);
    CHECK_EQ(lines[i], "GET " + target + " HTTP/1.1|200|" + std::to_string(target.size()) + "|0");
  }
}

TEST("followers that a closing answer leaves without one are not logged") {
  LogRig rig;
  rig.host.answer = [&](const Seen& seen) {
    rig.host.Start(seen.id, 10);
    rig.engine->AbortResponse(seen.id);
  };
  Client* client = rig.Connect();
  client->Send(Get("/1") + Get("/2") + Get("/3"));
  CHECK(rig.Until([&] { return client->ended || client->was_reset; }));
  CHECK((rig.Lines() == Expected{"GET /1 HTTP/1.1|200|0|1"}));
}

TEST("what the engine answers itself is logged, with the first line where there is no head") {
  const auto first = [](std::string_view bytes, const RigOptions& options = Logging()) {
    const Expected lines = LinesFor(bytes, options);
    CHECK_EQ(lines.size(), 1u);
    return lines.empty() ? std::string() : lines[0].substr(0, lines[0].find('|') + 4);
  };
  CHECK_EQ(first("GET / HTTP/1.1\r\nHost: a\r\nBad header\r\n\r\n"), "GET / HTTP/1.1|400");
  CHECK_EQ(first("\r\nnonsense\r\n\r\n"), "nonsense|400");
  CHECK_EQ(first("\x16\x03\x01 \r\n\r\n"), "\\x16\\x03\\x01 |400");
  CHECK_EQ(first("GET /cut HTTP/1.1\r\nHo"), "GET /cut HTTP/1.1|400");
  CHECK_EQ(first(Get("/%zz")), "GET /%zz HTTP/1.1|400");
  RigOptions small = Logging();
  small.engine.limits.max_body_bytes = 3;
  CHECK_EQ(first("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n", small),
           "POST /b HTTP/1.1|413");
  small.engine.limits.max_field_bytes = 30;
  CHECK_EQ(first(Get("/f", "X: " + std::string(40, 'x') + "\r\n"), small), "GET /f HTTP/1.1|431");
}

TEST("a body that breaks off: the request is known by then") {
  RigOptions options = Logging();
  options.engine.limits.post_buffering_bytes = 1000;
  const std::string_view cut = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc";
  const Expected lines = LinesFor(cut, options);
  CHECK_EQ(lines.size(), 1u);
  CHECK_EQ(lines[0].compare(0, 20, "POST /p HTTP/1.1|400"), 0);
}

TEST("a connection without a request in it has no line") {
  CHECK(LinesFor("").empty());
  CHECK(LinesFor("\r\n").empty());
  RigOptions options = Logging();
  options.protocol = WireProtocol::kUwsgi;
  CHECK(LinesFor(std::string_view("\0\0\0\0", 4), options).empty());    // an empty packet
  CHECK(LinesFor(std::string_view("\x64\0\0\0", 4), options).empty());  // a ping
}

TEST("uwsgi: the same line; what is no packet has nothing that could be told") {
  RigOptions options = Logging("%(h)s %(r)s %(s)s");
  options.protocol = WireProtocol::kUwsgi;
  const Vars vars = {{"REQUEST_METHOD", "GET"},    {"REQUEST_URI", "/u"},
                     {"PATH_INFO", "/u"},          {"SERVER_PROTOCOL", "HTTP/1.1"},
                     {"REMOTE_ADDR", "192.0.2.1"}, {"CONTENT_LENGTH", ""}};
  CHECK((LinesFor(PacketOf(vars), options) == Expected{"192.0.2.1 GET /u HTTP/1.1 200"}));
  CHECK((LinesFor("GET / HTTP/1.1\r\n\r\n", options) == Expected{"127.0.0.1 - 400"}));
}

TEST("sizes are those of the body, without framing; HEAD and 304 have none") {
  LogRig rig;
  rig.host.answer = [&](const Seen& seen) {
    if (seen.target == "/chunked") {
      rig.host.Start(seen.id, kNoLength);
      rig.engine->Write(seen.id, ByteView("12345"));
      rig.engine->Write(seen.id, ByteView("678"));
      rig.engine->EndResponse(seen.id);
    } else if (seen.target == "/file") {
      UniqueFd file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
      CHECK(ftruncate(file.get(), 300000) == 0);
      rig.host.Start(seen.id, 300000);
      rig.engine->WriteFile(seen.id, std::move(file), 0, 300000);
      rig.engine->EndResponse(seen.id);
    } else if (seen.target == "/304") {
      ResponseHead head;
      head.status = ByteView("304 Not Modified");
      head.no_body = true;
      rig.engine->Respond(seen.id, head, kNoLength, {});
    } else {
      rig.host.Respond(seen.id, "seven..");
    }
  };
  Client* client = rig.Connect();
  client->Send("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n" + Get("/chunked") + Get("/file") +
               Get("/304") + Get("/7"));
  CHECK(rig.Logged(5));
  CHECK((rig.Lines() == Expected{"HEAD /h HTTP/1.1|200|0|0", "GET /chunked HTTP/1.1|200|8|0",
                                 "GET /file HTTP/1.1|200|300000|0", "GET /304 HTTP/1.1|304|0|0",
                                 "GET /7 HTTP/1.1|200|7|0"}));
}

TEST("a client that goes before the answer is 499, one that goes in the middle keeps the status") {
  LogRig rig;
  ExchangeId open;
  rig.host.answer = [&](const Seen& seen) {
    open = seen.id;
    if (seen.target == "/begun") {
      rig.host.Start(seen.id, 100);
      rig.engine->Write(seen.id, ByteView("1234"));
    }
  };
  for (const char* target : {"/silent", "/begun"}) {
    Client* client = rig.Connect();
    const size_t before = rig.host.seen.size();
    client->Send(Get(target));
    CHECK(rig.Until([&] { return rig.host.seen.size() > before; }));
    rig.Settle();
    client->Reset();
    CHECK(rig.Until([&] { return rig.engine->open_connections() == 0; }));
  }
  CHECK((rig.Lines() == Expected{"GET /silent HTTP/1.1|499|0|1", "GET /begun HTTP/1.1|200|4|1"}));
}

TEST("an answer that cannot be finished has what was sent; one that never began is 500") {
  LogRig rig;
  rig.host.answer = [&](const Seen& seen) {
    if (seen.target == "/begun") rig.host.Start(seen.id, 100);
    rig.engine->Write(seen.id, ByteView("1234"));
    rig.engine->AbortResponse(seen.id);
  };
  for (const char* target : {"/begun", "/not"}) {
    Client* client = rig.Connect();
    client->Send(Get(target));
    CHECK(rig.Until([&] { return client->ended || client->was_reset; }));
  }
  CHECK((rig.Lines() == Expected{"GET /begun HTTP/1.1|200|4|1", "GET /not HTTP/1.1|500|0|1"}));
}

TEST("a slow client: the line comes when all is sent, or says what was not") {
  RigOptions options = Logging("%(U)s %(s)s %(B)s %(werr) %(micros)");
  options.send_buffer = 4096;
  options.receive_buffer = 4096;
  LogRig rig(options);
  constexpr size_t kSize = 1000000;
  rig.host.answer = [&](const Seen& seen) { rig.host.Respond(seen.id, std::string(kSize, 'x')); };
  Client* client = rig.Connect();
  client->reads = false;
  client->Send(Get("/all"));
  rig.Settle(100);
  CHECK(rig.Lines().empty());
  client->reads = true;
  CHECK(rig.Answered(client, 1) && rig.Logged(1));
  const std::string whole = rig.Lines()[0];
  CHECK_EQ(whole.substr(0, 18), "/all 200 1000000 0");
  CHECK(std::stoul(whole.substr(19)) >= 100000);  // the time that it took to send
  client->reads = false;
  client->Send(Get("/some"));
  rig.Settle(50);
  client->Reset();
  CHECK(rig.Logged(2));
  const std::string cut = rig.Lines()[1];
  CHECK_EQ(cut.substr(0, 10), "/some 200 ");
  CHECK(std::stoul(cut.substr(10)) < kSize);
  CHECK(cut.find(" 1 ") != std::string::npos);
}

TEST("what runs when everything is closed is 503") {
  LogRig rig;
  rig.host.answer = [](const Seen&) {};
  Client* client = rig.Connect();
  client->Send(Get("/x"));
  CHECK(rig.Until([&] { return rig.host.seen.size() == 1; }));
  rig.engine->CloseAll();
  CHECK((rig.Lines() == Expected{"GET /x HTTP/1.1|503|0|1"}));
}

TEST("filters: only what they ask for") {
  const auto count = [](void (*set)(AccessLogOptions*)) {
    RigOptions options = Logging();
    options.engine.log.all = false;
    set(&options.engine.log);
    LogRig rig(options);
    rig.host.answer = [&](const Seen& seen) {
      if (seen.target == "/200") rig.host.Respond(seen.id, "0123456789");
      if (seen.target == "/404") rig.host.Respond(seen.id, "no", "404 Not Found");
      if (seen.target == "/500") rig.host.Respond(seen.id, "no", "500 Internal Server Error");
      if (seen.target == "/empty") rig.host.Respond(seen.id, "");
      if (seen.target == "/slow") {
        usleep(30000);
        rig.host.Respond(seen.id, "s");
      }
    };
    Client* client = rig.Connect();
    for (const char* target : {"/200", "/404", "/500", "/empty", "/slow"}) {
      client->Send(Get(target));
      CHECK(rig.Answered(client, rig.host.seen.size() + 1));
    }
    std::string all;
    for (const std::string& line : rig.Lines()) all += line.substr(4, line.find(' ', 4) - 4);
    return all;
  };
  CHECK_EQ(count([](AccessLogOptions* log) { log->status_4xx = true; }), "/404");
  CHECK_EQ(count([](AccessLogOptions* log) { log->status_5xx = true; }), "/500");
  CHECK_EQ(count([](AccessLogOptions* log) { log->empty = true; }), "/empty");
  CHECK_EQ(count([](AccessLogOptions* log) { log->slow_us = 20000; }), "/slow");
  CHECK_EQ(count([](AccessLogOptions* log) { log->big_bytes = 10; }), "/200");
  CHECK_EQ(count([](AccessLogOptions* log) { log->status_4xx = log->status_5xx = true; }),
           "/404/500");
}

TEST("a reader that does not read: requests go on, a megabyte is kept, the rest is counted") {
  LogRig rig(Logging("%(U)s " + std::string(2000, 'x') + "%(s)s"));
  Client* client = rig.Connect();
  size_t sent = 0;
  while (sent < 1000) {
    std::string many;
    for (int i = 0; i < 20; ++i) many += Get("/" + std::to_string(sent++));
    client->Send(many);
    CHECK(rig.Answered(client, sent));
  }
  CHECK(rig.host.log.empty());
  // The reader wakes up.
  CHECK(rig.Until([&] {
    rig.Lines();
    return !rig.host.log.empty();
  }));
  const Expected lines = rig.Lines();
  const size_t lost = sent - lines.size();
  CHECK(lost > 100 && lost < 600);
  CHECK_EQ(rig.host.log[0], std::to_string(lost) +
                                " lines of the access log were dropped: what reads it does not "
                                "keep up");
  for (size_t i = 0; i < lines.size(); ++i) {
    CHECK_EQ(lines[i].compare(0, lines[i].find(' '), "/" + std::to_string(i)), 0);
  }
  client->Send(Get("/last"));
  CHECK(rig.Answered(client, sent + 1) && rig.Logged(lines.size() + 1));
}

TEST("another file from now on: nothing is lost on the way, also while the first one is full") {
  LogRig rig(Logging("%(U)s " + std::string(2000, 'x')));
  Client* client = rig.Connect();
  for (size_t i = 0; i < 60; ++i) {
    client->Send(Get("/" + std::to_string(i)));
    CHECK(rig.Answered(client, i + 1));
  }
  LogRig other;
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  other.read_end.Reset(ends[0]);
  UniqueFd write_end(ends[1]);
  CHECK(rig.engine->OpenLog(write_end.get()));
  client->Send(Get("/60"));
  CHECK(rig.Answered(client, 61));
  CHECK(rig.Until([&] { return other.Lines().size() + rig.Lines().size() == 61; }));
  CHECK(!other.Lines().empty() && !rig.Lines().empty());
}

TEST("what was full at the end is written if the reader comes within a second") {
  LogRig rig;
  Client* client = rig.Connect();
  client->Send(Get("/x"));
  CHECK(rig.Answered(client, 1));
  rig.engine.reset();
  CHECK_EQ(rig.Lines().size(), 1u);
}
