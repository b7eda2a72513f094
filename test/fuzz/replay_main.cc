// Gives each target the inputs that are known: seeds from the corpora, and those that once broke
// something. No fuzzer, but sanitizers of any compiler; prints TAP as the native tests do.
//
//   fuzz-replay [TARGET]          reads $POSTERN_FUZZ_SEEDS/TARGET/* and
//   test/fuzz/regressions/TARGET/*
#include <dirent.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

#include "target.h"

namespace postern::fuzz {
namespace {

const char* current = "none";

// Called by the sanitizers, with handle_abort=1 for MUST as well.
void NameInput() {
  fprintf(stderr, "the input was %s\n", current);
}

std::vector<std::string> FilesIn(const std::string& folder) {
  std::vector<std::string> out;
  DIR* const open = opendir(folder.c_str());
  if (open == nullptr) return out;
  while (const dirent* entry = readdir(open)) {
    if (entry->d_name[0] != '.') out.push_back(folder + "/" + entry->d_name);
  }
  closedir(open);
  std::sort(out.begin(), out.end());
  return out;
}

size_t Replay(const Target& target, const std::string& folder) {
  const std::vector<std::string> files = FilesIn(folder + "/" + target.name);
  for (const std::string& path : files) {
    current = path.c_str();
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    target.Run(Exact(Bytes(bytes)).View());
  }
  return files.size();
}

int ReplayAll(int argc, char** argv) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  __sanitizer_set_death_callback(NameInput);
  const std::string wanted = argc > 1 ? argv[1] : "";
  const char* const seeds = getenv("POSTERN_FUZZ_SEEDS");
  int number = 0;
  int failed = 0;
  size_t inputs = 0;
  for (const Target* target = Target::first; target != nullptr; target = target->next) {
    if (!wanted.empty() && wanted != target->name) continue;
    const size_t replayed = Replay(*target, seeds == nullptr ? "build/fuzz/seeds" : seeds);
    inputs += replayed + Replay(*target, "test/fuzz/regressions");
    if (replayed == 0) ++failed;
    printf("%s %d - fuzz target %s bears what is known\n", replayed == 0 ? "not ok" : "ok",
           ++number, target->name);
  }
  printf("1..%d\n# tests %d checks %zu failed %d\n", number, number, inputs, failed);
  return failed == 0 && number > 0 ? 0 : 1;
}

}  // namespace
}  // namespace postern::fuzz

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  return postern::fuzz::ReplayAll(argc, argv);
}
