// The entry of libFuzzer, for an executable with one target.
#include <signal.h>

#include "target.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  signal(SIGPIPE, SIG_IGN);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  postern::fuzz::Target::first->Run({data, size});
  return 0;
}
