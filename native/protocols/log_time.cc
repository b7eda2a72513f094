// See log_time.h.
#include "protocols/log_time.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace postern {
namespace {

constexpr char kMonths[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr char kDays[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

template <typename... Values>
size_t Print(char (&out)[48], size_t size, const char* format, Values... values) {
  const int printed = snprintf(out, size, format, values...);
  return std::min(static_cast<size_t>(std::max(printed, 0)), size - 1);
}

}  // namespace

void LogTime::Set(int64_t unix_seconds) {
  if (unix_seconds == seconds) return;
  seconds = unix_seconds;
  const time_t when = unix_seconds;
  tm t{};
  localtime_r(&when, &t);
  const long minutes = t.tm_gmtoff / 60;
  clf_size = Print(clf, sizeof(clf), "%02d/%s/%d:%02d:%02d:%02d %c%02ld%02ld", t.tm_mday,
                   kMonths[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec,
                   minutes < 0 ? '-' : '+', std::labs(minutes) / 60, std::labs(minutes) % 60);
  ctime_size = Print(ctime, sizeof(ctime), "%s %s %2d %02d:%02d:%02d %d", kDays[t.tm_wday],
                     kMonths[t.tm_mon], t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, t.tm_year + 1900);
  gmtime_r(&when, &t);
  iso_size = Print(iso, sizeof(iso), "%04d-%02d-%02dT%02d:%02d:%02d", t.tm_year + 1900,
                   t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

}  // namespace postern
