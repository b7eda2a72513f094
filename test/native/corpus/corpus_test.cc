// Every case of test/corpus/http1.json and uwsgi.json, at the level of the protocols, in every
// delivery: whole, byte by byte, split in two at each offset, and in random pieces.
//
// What is read must not depend on the delivery at all; what it must be, the corpus says.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>

#include "check.h"
#include "corpus/corpus_case.h"
#include "corpus/expectations.h"
#include "corpus/message_reader.h"

namespace postern::test {
namespace {

// Cases whose settings are about proxies and that do not pass yet, by id.
constexpr std::string_view kNotYet[] = {
    "",
};

// Raw bytes up to this are split at every offset; of longer ones the ends are, and some places
// between them.
constexpr size_t kShortBytes = 4096;
constexpr size_t kEndBytes = 1024;
constexpr size_t kMiddleSplits = 256;
// Between the ends of very long ones, a byte at a time would only repeat itself.
constexpr size_t kLongBytes = 16384;
constexpr size_t kLongStep = 61;
constexpr int kRandomDeliveries = 12;

bool IsAboutProxies(const CorpusCase& one) {
  return std::any_of(one.config.begin(), one.config.end(), [](const auto& setting) {
    return setting.first.find("prox") != std::string::npos || setting.first == "real_ip_headers" ||
           setting.first == "scheme_headers" || setting.first == "trusted_downstream";
  });
}

// Small, and the same everywhere: a failure names its seed.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ull + 1) {}
  size_t Below(size_t limit) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return limit == 0 ? 0 : static_cast<size_t>(state_ >> 11) % limit;
  }

 private:
  uint64_t state_;
};

uint64_t SeedOf(const std::string& id) {
  static const char* const given = getenv("POSTERN_SEED");
  uint64_t seed = given == nullptr ? 20261122 : strtoull(given, nullptr, 10);
  for (char c : id) seed = seed * 31 + static_cast<uint8_t>(c);
  return seed;
}

class CaseRunner {
 public:
  CaseRunner(const CorpusCase& one, Scratch* scratch) : case_(one), scratch_(scratch) {
    CHECK(SettingsOf(one, &settings_, &unknown_));
  }

  void Run();
  // How the case went when delivered whole: for the count of preferences.
  const std::string& whole() const { return whole_; }

 private:
  void Deliver(const std::string& delivery, const std::vector<size_t>& cuts);
  void DeliverByteByByte();
  void DeliverSplit();
  void DeliverAtRandom();

  const CorpusCase& case_;
  Scratch* const scratch_;
  Settings settings_;
  std::string unknown_;
  std::string whole_;
  bool failed_ = false;
};

std::string DigestOf(const MessageReader& read) {
  std::string out = read.waiting() ? "waiting\n" : "";
  for (const Message& message : read.messages()) out += message.Digest() + "\n";
  return out;
}

// `cuts` are the offsets where one read ends and the next begins, in order.
void CaseRunner::Deliver(const std::string& delivery, const std::vector<size_t>& cuts) {
  if (failed_) return;  // one delivery says enough
  MessageReader read(settings_, scratch_);
  const std::string_view raw = case_.raw;
  size_t from = 0;
  for (size_t cut : cuts) {
    read.Read(raw.substr(from, cut - from));
    from = cut;
  }
  read.Read(raw.substr(from));
  if (case_.shutdown) read.Shutdown();
  const std::string digest = DigestOf(read);
  Row(case_.id + " " + delivery);
  if (whole_.empty()) {
    whole_ = digest;
    const std::string difference = Difference(case_, read);
    failed_ = !Check(difference.empty(), __FILE__, __LINE__, difference);
  } else {
    ++checks;
    if (digest == whole_) return;
    failed_ = true;
    Check(false, __FILE__, __LINE__,
          "it is read as " + Show(digest) + ", and delivered whole as " + Show(whole_));
  }
}

void CaseRunner::DeliverByteByByte() {
  const size_t size = case_.raw.size();
  std::vector<size_t> cuts;
  for (size_t at = 1; at < size;) {
    cuts.push_back(at);
    const bool inside = size > kLongBytes && at >= kEndBytes && at + kEndBytes < size;
    at += inside ? kLongStep : 1;
  }
  Deliver("byte by byte", cuts);
}

void CaseRunner::DeliverSplit() {
  const size_t size = case_.raw.size();
  const auto split = [this](size_t at) { Deliver("split at " + std::to_string(at), {at}); };
  if (size <= kShortBytes) {
    for (size_t at = 1; at < size; ++at) split(at);
    return;
  }
  // The longest ones are many of the same; their ends are where something happens.
  const size_t ends = size > 4 * kLongBytes ? kEndBytes / 8 : kEndBytes;
  for (size_t at = 1; at <= ends; ++at) {
    split(at);
    split(size - at);
  }
  Random random(SeedOf(case_.id));
  for (size_t i = 0; i < (size > 4 * kLongBytes ? kMiddleSplits / 8 : kMiddleSplits); ++i) {
    split(ends + random.Below(size - 2 * ends));
  }
}

void CaseRunner::DeliverAtRandom() {
  for (int i = 0; i < kRandomDeliveries; ++i) {
    const uint64_t seed = SeedOf(case_.id) + static_cast<uint64_t>(i);
    Random random(seed);
    const size_t most = 2 + random.Below(case_.raw.size() / 2 + 1);
    std::vector<size_t> cuts;
    for (size_t at = 1 + random.Below(most); at < case_.raw.size(); at += 1 + random.Below(most)) {
      cuts.push_back(at);
    }
    Deliver("in random pieces " + std::to_string(i) + " of seed " + std::to_string(seed), cuts);
  }
}

void CaseRunner::Run() {
  Check(unknown_.empty(), __FILE__, __LINE__, "an unknown setting: " + unknown_);
  Deliver("whole", {});
  DeliverByteByByte();
  DeliverSplit();
  DeliverAtRandom();
}

// --- the tests: one for each case ---

struct Counts {
  size_t cases = 0;
  size_t either = 0;
  size_t preferred = 0;
};

void RunCase(const CorpusCase& one, Counts* counts) {
  static Scratch scratch;
  CaseRunner runner(one, &scratch);
  runner.Run();
  ++counts->cases;
  if (one.messages[0].outcome != Wanted::kEither) return;
  ++counts->either;
  const bool refused = runner.whole().starts_with("refused") ||
                       runner.whole().find("started refused") != std::string::npos;
  if (refused == one.messages[0].prefers_reject) {
    ++counts->preferred;
  } else {
    printf("# note: %s: %s, the corpus would prefer the other\n", one.id.c_str(),
           refused ? "refused" : "accepted");
  }
}

// The corpora live as long as the tests that are made of them.
const std::vector<CorpusCase>& CasesOf(const std::string& name) {
  static std::map<std::string, std::vector<CorpusCase>> corpora;
  const auto [found, fresh] = corpora.try_emplace(name);
  if (fresh) {
    const char* const folder = getenv("POSTERN_CORPUS");
    const std::string root = folder == nullptr ? "build/native-tests/corpus-lines" : folder;
    found->second = ReadCorpus(root + "/" + name + ".txt", name == "uwsgi");
  }
  return found->second;
}

bool IsNotYet(std::string_view id) {
  return std::find(std::begin(kNotYet), std::end(kNotYet), id) != std::end(kNotYet);
}

void Register(std::vector<std::unique_ptr<Test>>* tests, const std::string& name, Counts* counts) {
  for (const CorpusCase& one : CasesOf(name)) {
    if (IsNotYet(one.id)) continue;
    tests->push_back(std::make_unique<Test>(one.id + ": " + one.title,
                                            [&one, counts] { RunCase(one, counts); }));
  }
  tests->push_back(std::make_unique<Test>("the corpus " + name + " is read", [name, counts] {
    CHECK(!CasesOf(name).empty());
    printf("# note: corpus %s: %zu cases; of %zu that may go either way, %zu as preferred\n",
           name.c_str(), counts->cases, counts->either, counts->preferred);
  }));
}

bool RegisterAll() {
  static std::vector<std::unique_ptr<Test>> tests;
  static Counts counts[2];
  Register(&tests, "http1", &counts[0]);
  Register(&tests, "uwsgi", &counts[1]);
  return true;
}

const bool registered = RegisterAll();

}  // namespace

TEST("cases that do not pass yet are there, and are about proxies") {
  for (std::string_view id : kNotYet) {
    if (id.empty()) continue;
    Row(id);
    const auto& cases = CasesOf("http1");
    const auto found = std::find_if(cases.begin(), cases.end(),
                                    [&](const CorpusCase& one) { return one.id == id; });
    CHECK(found != cases.end() && IsAboutProxies(*found));
  }
  CHECK(registered);
}

}  // namespace postern::test
