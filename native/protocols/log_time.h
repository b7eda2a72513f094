// The time of a log line in its several notations, made once a second.
#ifndef POSTERN_PROTOCOLS_LOG_TIME_H_
#define POSTERN_PROTOCOLS_LOG_TIME_H_

#include <cstdint>

#include "base/bytes.h"

namespace postern {

struct LogTime {
  int64_t seconds = -1;  // since 1970
  char clf[48] = "";     // 27/Nov/2026:00:25:54 +0100, the local time
  char ctime[48] = "";   // Fri Nov 27 00:25:54 2026, the local time
  char iso[48] = "";     // 2026-11-26T23:25:54, UTC
  size_t clf_size = 0, ctime_size = 0, iso_size = 0;

  // Names of days and months are English, whatever the locale is.
  void Set(int64_t unix_seconds);
};

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_LOG_TIME_H_
