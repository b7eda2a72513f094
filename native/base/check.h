// Assertions that are on in debug builds, which is what the tests run, and cost nothing in release.
// They state what only our own code can break; what a client can break is handled, not asserted.
#ifndef POSTERN_BASE_CHECK_H_
#define POSTERN_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>

#ifdef POSTERN_DEBUG
#define POSTERN_DCHECK(condition)                                                   \
  do {                                                                              \
    if (!(condition)) {                                                             \
      fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      abort();                                                                      \
    }                                                                               \
  } while (false)
#else
#define POSTERN_DCHECK(condition) static_cast<void>(0)
#endif

#endif  // POSTERN_BASE_CHECK_H_
