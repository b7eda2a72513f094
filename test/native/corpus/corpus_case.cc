// See corpus_case.h.
#include "corpus/corpus_case.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "check.h"
#include "corpus/sha256.h"

namespace postern::test {
namespace {

std::string FromHex(std::string_view text) {
  std::string out;
  if (text == "-") return out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return out;
}

// Hexadecimal bytes, or "#length:digest".
Value ToValue(const std::string& text) {
  Value value;
  if (text[0] != '#') {
    value.bytes = FromHex(text);
    value.size = value.bytes.size();
    return value;
  }
  const size_t colon = text.find(':');
  value.size = static_cast<size_t>(atoll(text.c_str() + 1));
  value.sha256 = text.substr(colon + 1);
  return value;
}

Wanted ToWanted(const std::string& word) {
  if (word == "accept") return Wanted::kAccept;
  if (word == "reject") return Wanted::kReject;
  if (word == "either") return Wanted::kEither;
  return word == "wait" ? Wanted::kWait : Wanted::kRaw;
}

ExpectedMessage ToMessage(std::istringstream* words) {
  ExpectedMessage message;
  std::string outcome;
  std::string prefer;
  std::string app;
  std::string may_wait;
  *words >> outcome >> prefer >> app >> message.connection >> may_wait;
  message.outcome = ToWanted(outcome);
  message.prefers_reject = prefer == "reject";
  message.app_may_run = app == "may";
  message.may_wait = may_wait == "may_wait";
  return message;
}

void TakeMessageLine(const std::string& key, std::istringstream* words, ExpectedMessage* message) {
  std::string first;
  std::string second;
  if (key == "status") {
    for (int status; *words >> status;) message->status.push_back(status);
    return;
  }
  *words >> first >> second;
  if (key == "header") {
    message->headers.emplace_back(FromHex(first), ToValue(second));
  } else if (key == "trailer") {
    message->trailers.emplace_back(FromHex(first), ToValue(second));
  } else if (key == "env") {
    message->env.emplace_back(FromHex(first), ToValue(second));
  } else if (key == "absent") {
    message->absent_headers.push_back(FromHex(first));
  } else if (key == "absent_env") {
    message->absent_env.push_back(FromHex(first));
  } else if (key == "body") {
    message->body = ToValue(first);
  } else if (key == "response") {
    message->response = ToValue(first);
  } else {
    message->facts.emplace(key, ToValue(first));
  }
}

void TakeLine(const std::string& line, CorpusCase* one) {
  std::istringstream words(line);
  std::string key;
  words >> key;
  if (key == "title" || key == "raw") {
    std::string bytes;
    words >> bytes;
    (key == "raw" ? one->raw : one->title) = FromHex(bytes);
  } else if (key == "shutdown") {
    one->shutdown = true;
  } else if (key == "max_responses") {
    words >> one->max_responses;
  } else if (key == "config") {
    std::string name;
    std::string value;
    words >> name >> value;
    one->config.emplace_back(name, value);
  } else if (key == "message") {
    one->messages.push_back(ToMessage(&words));
  } else {
    TakeMessageLine(key, &words, &one->messages.back());
  }
}

}  // namespace

bool Value::Matches(std::string_view text) const {
  if (sha256.empty()) return text == bytes;
  return text.size() == size && Sha256::Of(text) == sha256;
}

std::string Value::Show() const {
  return sha256.empty() ? ::postern::test::Show(bytes) : std::to_string(size) + " bytes " + sha256;
}

bool ExpectedMessage::Allows(int code) const {
  return std::find(status.begin(), status.end(), code) != status.end();
}

std::optional<std::string> CorpusCase::Config(std::string_view name) const {
  for (const auto& [key, value] : config) {
    if (key == name) return value;
  }
  return {};
}

std::vector<CorpusCase> ReadCorpus(const std::string& path, bool uwsgi) {
  std::vector<CorpusCase> cases;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("case ")) {
      cases.emplace_back();
      cases.back().id = line.substr(5);
      cases.back().uwsgi = uwsgi;
    } else if (line != "end") {
      TakeLine(line, &cases.back());
    }
  }
  return cases;
}

}  // namespace postern::test
