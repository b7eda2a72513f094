// See js_scoreboard.h.
#include "binding/js_scoreboard.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstddef>

#include "base/unique_fd.h"
#include "binding/napi_util.h"
#include "binding/shared_layout.h"

namespace postern {
namespace {

// What src/native/layout.ts calls by these numbers.
#define POSTERN_WORD(member, number) static_assert(offsetof(ScoreSlot, member) == 8 * (number))
POSTERN_WORD(requests, layout::kScoreRequests);
POSTERN_WORD(sent_bytes, layout::kScoreSentBytes);
POSTERN_WORD(busy_ns, layout::kScoreBusyNs);
POSTERN_WORD(response_ns, layout::kScoreResponseNs);
POSTERN_WORD(turns, layout::kScoreTurns);
POSTERN_WORD(in_flight, layout::kScoreInFlight);
POSTERN_WORD(connections, layout::kScoreConnections);
POSTERN_WORD(busy_since, layout::kScoreBusySince);
POSTERN_WORD(responses, layout::kScoreResponses);
POSTERN_WORD(client_gone, layout::kScoreClientGone);
POSTERN_WORD(overdue, layout::kScoreOverdue);
POSTERN_WORD(handed_over, layout::kScoreHandedOver);
POSTERN_WORD(sequence, layout::kScoreSequence);
POSTERN_WORD(started_ns, layout::kScoreStartedNs);
POSTERN_WORD(fail_on_close, layout::kScoreFailOnClose);
POSTERN_WORD(method_bytes, layout::kScoreTextSizes);
#undef POSTERN_WORD
static_assert(offsetof(ScoreSlot, method) == layout::kScoreMethod);
static_assert(offsetof(ScoreSlot, uri) == layout::kScoreUri);
static_assert(sizeof(ScoreSlot) == layout::kScoreSlotBytes);

constexpr int kMaxSlots = 65536;

napi_value Fail(napi_env env, const char* call) {
  const char* const code = uv_err_name(uv_translate_sys_error(errno));
  napi_throw_error(env, code, (std::string("scoreboard: ") + call + " " + code).c_str());
  return nullptr;
}

bool HasBytes(int fd, size_t bytes) {
  struct stat status;
  return fstat(fd, &status) == 0 && static_cast<size_t>(status.st_size) >= bytes;
}

}  // namespace

napi_value JsOpenScoreboard(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  const double from = count > 0 ? ToDouble(env, arguments[0], -2) : -2;
  const double slots = count > 1 ? ToDouble(env, arguments[1], 0) : 0;
  if (!(from >= -1 && from <= INT32_MAX) || !(slots >= 1 && slots <= kMaxSlots)) {
    napi_throw_type_error(env, "ERR_POSTERN_ARGUMENT", "openScoreboard(fd, slots)");
    return nullptr;
  }
  const size_t bytes = static_cast<size_t>(slots) * sizeof(ScoreSlot);
  int fd = static_cast<int>(from);
  UniqueFd made;
  if (fd < 0) {
    made.Reset(memfd_create("postern-scoreboard", MFD_CLOEXEC));
    fd = made.get();
    if (!made.valid() || ftruncate(fd, static_cast<off_t>(bytes)) != 0) return Fail(env, "memfd");
  } else if (!HasBytes(fd, bytes)) {
    errno = EINVAL;
    return Fail(env, "fstat");
  }
  fcntl(fd, F_SETFD, FD_CLOEXEC);  // what the application starts has nothing to do with it
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return Fail(env, "mmap");
  // Never unmapped: engines write to it, and whoever opens a scoreboard keeps it for life.
  napi_value buffer;
  if (napi_create_external_arraybuffer(env, memory, bytes, nullptr, nullptr, &buffer) != napi_ok) {
    munmap(memory, bytes);
    return nullptr;
  }
  napi_value result;
  napi_create_object(env, &result);
  SetProperty(env, result, "fd", Number(env, made.valid() ? made.Release() : fd));
  SetProperty(env, result, "memory", buffer);
  return result;
}

ScoreSlot* SlotOf(napi_env env, napi_value memory, int slot) {
  void* data = nullptr;
  size_t bytes = 0;
  if (napi_get_arraybuffer_info(env, memory, &data, &bytes) != napi_ok || data == nullptr ||
      slot < 0 || (static_cast<size_t>(slot) + 1) * sizeof(ScoreSlot) > bytes) {
    return nullptr;
  }
  return static_cast<ScoreSlot*>(data) + slot;
}

}  // namespace postern
