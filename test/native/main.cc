// Runs the tests of an executable: all, or those whose title contains the first argument.
#include <cstring>

#include "check.h"

namespace postern::test {
namespace {

int RunAll(int argc, char** argv) {
  setvbuf(stdout, nullptr, _IOLBF, 0);  // a crash shall not swallow the title
  const char* const wanted = argc > 1 ? argv[1] : "";
  int number = 0;
  int failed = 0;
  for (const Test* test = Test::first; test != nullptr; test = test->next) {
    if (strstr(test->title, wanted) == nullptr) continue;
    const uint64_t before = failures;
    Row("");
    printf("# %s\n", test->title);
    test->run();
    const bool ok = failures == before;
    if (!ok) ++failed;
    printf("%s %d - %s\n", ok ? "ok" : "not ok", ++number, test->title);
  }
  printf("1..%d\n# tests %d checks %llu failed %d\n", number, number,
         static_cast<unsigned long long>(checks), failed);
  return failed == 0 && number > 0 ? 0 : 1;
}

}  // namespace
}  // namespace postern::test

int main(int argc, char** argv) {
  return postern::test::RunAll(argc, argv);
}
