// See expectations.h.
#include "corpus/expectations.h"

#include <algorithm>

#include "base/ascii.h"
#include "check.h"
#include "protocols/uwsgi.h"

namespace postern::test {
namespace {

// "x-foo" → "HTTP_X_FOO"; some names of the corpus are variables already.
std::string VariableOf(const std::string& header) {
  if (header.starts_with("HTTP_")) return header;
  std::string name;
  for (char c : header)
    name += c == '-' ? '_' : static_cast<char>(ToUpper(static_cast<uint8_t>(c)));
  return name == "CONTENT_TYPE" || name == "CONTENT_LENGTH" ? name : "HTTP_" + name;
}

std::string Mismatch(const std::string& what, const std::string& got, const std::string& wanted) {
  return what + " is " + got + ", expected " + wanted;
}

const std::string* Find(const Message& message, const std::string& variable) {
  const auto found = message.variables.find(variable);
  return found == message.variables.end() ? nullptr : &found->second;
}

// A fact of the corpus that is not given has no value here.
std::string FactOf(const Message& message, const std::string& name) {
  const auto variable = [&](const char* key) {
    const std::string* value = Find(message, key);
    return value == nullptr ? std::string("(absent)") : *value;
  };
  if (name == "method") return message.method;
  if (name == "target") return message.target;
  if (name == "path") return message.path;
  if (name == "path_decoded") return variable("PATH_INFO");
  if (name == "query") return message.query;
  if (name == "version") return variable("SERVER_PROTOCOL").substr(5);
  if (name == "remote_addr") return message.remote_addr;
  if (name == "remote_port") return message.remote_port;
  if (name == "scheme") return message.https ? "https" : "http";
  if (name == "host") return variable("HTTP_HOST");
  if (name == "server_name") return variable("SERVER_NAME");
  return name == "server_port" ? variable("SERVER_PORT") : "?";
}

// Repeated fields may be joined by "," or ", ", cookies by "; ".
bool MatchesJoined(const std::vector<const Value*>& values, const std::string& got) {
  if (values.size() == 1) return values[0]->Matches(got);
  for (const char* separator : {",", ", ", "; "}) {
    std::string joined;
    for (const Value* value : values) joined += (joined.empty() ? "" : separator) + value->bytes;
    if (joined == got) return true;
  }
  return false;
}

std::string CompareHeaders(const ExpectedMessage& wanted, const Message& message) {
  for (const auto& [name, first] : wanted.headers) {
    if (name.find('_') != std::string::npos) continue;  // dropped: http.md, "Fields"
    std::vector<const Value*> values;
    for (const auto& [other, value] : wanted.headers) {
      if (VariableOf(other) == VariableOf(name)) values.push_back(&value);
    }
    const std::string* got = Find(message, VariableOf(name));
    if (got == nullptr) return VariableOf(name) + " is absent, expected " + first.Show();
    if (!MatchesJoined(values, *got)) return Mismatch(VariableOf(name), Show(*got), first.Show());
  }
  for (const std::string& name : wanted.absent_headers) {
    const bool other =
        std::any_of(wanted.headers.begin(), wanted.headers.end(),
                    [&](const auto& h) { return VariableOf(h.first) == VariableOf(name); });
    if (!other && Find(message, VariableOf(name)) != nullptr) {
      return VariableOf(name) + " is there, and must not";
    }
  }
  return {};
}

std::string CompareEnv(const ExpectedMessage& wanted, const Message& message) {
  for (const auto& [name, value] : wanted.env) {
    // The binding says http or https, whatever UWSGI_SCHEME said.
    const std::string scheme = message.https ? "https" : "http";
    const std::string* got = name == "wsgi.url_scheme" ? &scheme : Find(message, name);
    if (got == nullptr) return name + " is absent, expected " + value.Show();
    if (!value.Matches(*got)) return Mismatch(name, Show(*got), value.Show());
  }
  for (const std::string& name : wanted.absent_env) {
    if (Find(message, name) != nullptr) return name + " is there, and must not";
  }
  return {};
}

std::string CompareTrailers(const ExpectedMessage& wanted, const Message& message) {
  std::string lines;
  for (size_t i = 0; i < message.trailers.size();) {
    const size_t colon = message.trailers.find(": ", i);
    for (; i < colon; ++i)
      lines += static_cast<char>(ToLower(static_cast<uint8_t>(message.trailers[i])));
    const size_t end = message.trailers.find("\r\n", i) + 2;
    lines += message.trailers.substr(i, end - i);
    i = end;
  }
  std::string expected;
  for (const auto& [name, value] : wanted.trailers) expected += name + ": " + value.bytes + "\r\n";
  if (wanted.trailers.empty() || lines == expected) return {};
  return Mismatch("trailers", Show(lines), Show(expected));
}

std::string CompareAccepted(const ExpectedMessage& wanted, const Message& message) {
  for (const auto& [name, value] : wanted.facts) {
    const std::string got = FactOf(message, name);
    if (value.bytes == "the socket peer" && got == kSocketPeer) continue;
    if (!value.Matches(got)) return Mismatch(name, Show(got), value.Show());
  }
  std::string difference = CompareHeaders(wanted, message);
  if (difference.empty()) difference = CompareEnv(wanted, message);
  if (difference.empty()) difference = CompareTrailers(wanted, message);
  if (!difference.empty()) return difference;
  if (wanted.body && !wanted.body->Matches(message.body)) {
    return Mismatch("body", Show(message.body), wanted.body->Show());
  }
  return {};
}

std::string CompareConnection(const CorpusCase& one, size_t index, const MessageReader& read) {
  const std::string& wanted = one.messages[index].connection;
  const Message& message = read.messages()[index];
  const bool last = index + 1 == one.messages.size();
  // What follows may also end the connection: bytes that are no request.
  const bool refused_behind =
      index + 1 < read.messages().size() && read.messages()[index + 1].refused;
  if (wanted == "keep" && !message.keep_alive) return "the connection closes, expected to be kept";
  if (wanted == "close" && last && message.keep_alive && !refused_behind && !read.waiting()) {
    return "the connection is kept, expected to close";
  }
  return {};
}

std::string CompareOne(const CorpusCase& one, size_t index, const MessageReader& read) {
  const ExpectedMessage& wanted = one.messages[index];
  const bool there = index < read.messages().size();
  const Message none;
  const Message& message = there ? read.messages()[index] : none;
  if (wanted.outcome == Wanted::kRaw) {
    const std::string pong(reinterpret_cast<const char*>(kUwsgiPong), sizeof(kUwsgiPong));
    return message.ping && wanted.response->Matches(pong) ? "" : "not answered as a ping";
  }
  if (message.refused) {
    if (wanted.outcome == Wanted::kAccept) {
      return "refused with " + std::to_string(message.status) + " (" + message.reason + ")";
    }
    if (!wanted.Allows(message.status)) {
      return "refused with " + std::to_string(message.status) + " (" + message.reason +
             "), which is not allowed";
    }
    if (wanted.outcome == Wanted::kReject && !wanted.app_may_run && message.started) {
      return "refused after the application began";
    }
    return {};
  }
  if (message.complete) {
    if (wanted.outcome == Wanted::kReject) return "accepted, expected to be refused";
    if (wanted.outcome == Wanted::kWait) return "accepted, expected to wait";
    const std::string difference = CompareAccepted(wanted, message);
    return difference.empty() ? CompareConnection(one, index, read) : difference;
  }
  const bool waits = wanted.outcome == Wanted::kWait || wanted.may_wait;
  if (waits) return {};
  return there || read.waiting() ? "not decided yet: it would wait for more bytes"
                                 : "not there: the connection has closed before";
}

}  // namespace

std::string Difference(const CorpusCase& one, const MessageReader& read) {
  for (size_t i = 0; i < one.messages.size(); ++i) {
    const std::string difference = CompareOne(one, i, read);
    if (!difference.empty()) return "message " + std::to_string(i + 1) + ": " + difference;
  }
  const auto complete = std::count_if(read.messages().begin(), read.messages().end(),
                                      [](const Message& message) { return message.complete; });
  if (one.max_responses >= 0 && complete > one.max_responses) {
    return std::to_string(complete) + " requests were run, at most " +
           std::to_string(one.max_responses) + " are in these bytes";
  }
  return {};
}

}  // namespace postern::test
