// The cases of test/corpus, as scripts/corpus-lines.mjs writes them: what is sent, and what each
// request in it must become.
#ifndef POSTERN_TEST_CORPUS_CORPUS_CASE_H_
#define POSTERN_TEST_CORPUS_CORPUS_CASE_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::test {

// Bytes, or only their length and digest.
struct Value {
  std::string bytes;
  size_t size = 0;
  std::string sha256;  // empty: `bytes` are the value

  bool Matches(std::string_view text) const;
  std::string Show() const;
};

enum class Wanted { kAccept, kReject, kEither, kWait, kRaw };

struct ExpectedMessage {
  Wanted outcome = Wanted::kAccept;
  bool prefers_reject = false;  // of kEither
  bool app_may_run = false;     // of kReject: the error is in the body
  bool may_wait = false;        // not found out until the bytes go on is right too
  std::string connection;       // "keep", "close" or "-"
  std::vector<int> status;      // 0: closed without an answer

  std::map<std::string, Value> facts;  // method, target, path, query, remote_addr …
  std::vector<std::pair<std::string, Value>> headers;
  std::vector<std::pair<std::string, Value>> trailers;
  std::vector<std::pair<std::string, Value>> env;
  std::vector<std::string> absent_headers;
  std::vector<std::string> absent_env;
  std::optional<Value> body;
  std::optional<Value> response;  // of kRaw

  bool Allows(int code) const;
};

struct CorpusCase {
  std::string id;
  std::string title;
  std::string raw;
  bool uwsgi = false;
  bool shutdown = false;  // the client closes its writing side behind the bytes
  int max_responses = -1;
  std::vector<std::pair<std::string, std::string>> config;
  std::vector<ExpectedMessage> messages;

  std::optional<std::string> Config(std::string_view name) const;
};

// Empty when the file cannot be read.
std::vector<CorpusCase> ReadCorpus(const std::string& path, bool uwsgi);

}  // namespace postern::test

#endif  // POSTERN_TEST_CORPUS_CORPUS_CASE_H_
