// What an atom of an access log format stands for. Used by log_format.cc and log_compiler.cc only.
#ifndef POSTERN_PROTOCOLS_LOG_ATOMS_H_
#define POSTERN_PROTOCOLS_LOG_ATOMS_H_

#include <cstdint>

namespace postern {

enum class LogAtom : uint8_t {
  kText,

  // Known when the request has come; values of clients, escaped.
  kAddr,
  kUser,
  kMethod,
  kUri,
  kPath,
  kQuery,
  kProtocol,
  kRequestLine,
  kVariable,
  // And values of ours.
  kTimeClf,
  kTimeCtime,
  kTimeIso,
  kTimeSeconds,
  kTimeMillis,
  kTimeMicros,
  kVariableCount,
  kPacketBytes,
  kContentLength,
  kModifier1,
  kModifier2,
  kEndOfRun,

  // Known when the head of the response is made.
  kResponseField,

  // Known at the end.
  kRun,
  kStatus,
  kBodyBytes,
  kBodyBytesOrDash,
  kHeadBytes,
  kAllBytes,
  kFieldCount,
  kMicros,
  kMillis,
  kMillisDecimal,
  kSeconds,
  kSecondsDecimal,
  kEpoch,
  kRss,
  kRssMb,
  kVsz,
  kVszMb,
  kAborted,
  kAbortedFlag,  // 0 or 1
};

constexpr bool IsRequestAtom(LogAtom atom) {
  return atom > LogAtom::kText && atom < LogAtom::kEndOfRun;
}

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_LOG_ATOMS_H_
