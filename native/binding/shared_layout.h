// The memory that C++ and JavaScript share, so that an ordinary request needs no Node-API call.
// src/native/layout.ts holds the same numbers; the addon exports these (Layout) and a check at load
// compares the two.
//
//   inbox    bytes: what was read from sockets, and what was made of it
//   control  int32: counters, kControl… below
//   events   int32 × kEventInts: what happened in this round
//   vars     int32 × kVarInts: the meta-variables of the requests
//   news     int32 × kNewsInts: strings, keys and shapes that got a number just now
//   records  int32 × kRecordInts: responses, written by JavaScript
//   out      bytes: heads and bodies of those responses
#ifndef POSTERN_BINDING_SHARED_LAYOUT_H_
#define POSTERN_BINDING_SHARED_LAYOUT_H_

#include <cstdint>

namespace postern::layout {

// control
inline constexpr int kControlEvents = 0;   // C++ → JS: count
inline constexpr int kControlNews = 1;     // C++ → JS: count
inline constexpr int kControlRecords = 2;  // JS → C++: count
inline constexpr int kControlInts = 16;

// events
inline constexpr int kEventType = 0;
inline constexpr int kEventConnection = 1;
inline constexpr int kEventGeneration = 2;
inline constexpr int kEventFlags = 3;
inline constexpr int kEventShape = 4;  // number of the key sequence, -1: none
inline constexpr int kEventVars = 5;   // index into vars
inline constexpr int kEventVarCount = 6;
inline constexpr int kEventBody = 7;  // offset into inbox
inline constexpr int kEventBodyBytes = 8;
inline constexpr int kEventListener = 9;
inline constexpr int kEventPeer = 10;  // offset into inbox, with kFlagFirst
inline constexpr int kEventPeerBytes = 11;
inline constexpr int kEventPeerPort = 12;
inline constexpr int kEventTrailers = 13;  // offset into inbox
inline constexpr int kEventTrailerBytes = 14;
inline constexpr int kEventDeferred = 15;  // JS → C++: 1: not started
inline constexpr int kEventInts = 16;
inline constexpr int kMaxRequests = 128;
inline constexpr int kMaxEvents = 1024;

// kEventType
inline constexpr int kTypeRequest = 1;
inline constexpr int kTypeBody = 2;
inline constexpr int kTypeWritable = 3;
inline constexpr int kTypeAborted = 4;
inline constexpr int kTypeOverdue = 5;

// kEventFlags
inline constexpr int kFlagFirst = 1;     // the first request of its connection
inline constexpr int kFlagFollows = 2;   // start it only when the one before it is answered
inline constexpr int kFlagHead = 4;      // HEAD
inline constexpr int kFlagStreamed = 8;  // the body is still coming: readBody
inline constexpr int kFlagHttps = 16;
inline constexpr int kFlagChunked = 32;    // the length of the body was not told
inline constexpr int kFlagOldClient = 64;  // HTTP/1.0

// vars
inline constexpr int kVarKey = 0;    // number of the key, -1: by name
inline constexpr int kVarValue = 1;  // number of the string, -1: by bytes
inline constexpr int kVarOffset = 2;
inline constexpr int kVarBytes = 3;
inline constexpr int kVarName = 4;  // offset, with kVarKey -1
inline constexpr int kVarNameBytes = 5;
inline constexpr int kVarInts = 6;
inline constexpr int kMaxVars = 4096;

// news
inline constexpr int kNewsKind = 0;
inline constexpr int kNewsNumber = 1;
inline constexpr int kNewsOffset = 2;  // into inbox; of a shape: into vars
inline constexpr int kNewsSize = 3;    // bytes; of a shape: variables
inline constexpr int kNewsInts = 4;
inline constexpr int kMaxNews = 2 * kMaxVars + kMaxRequests;

// kNewsKind
inline constexpr int kNewsString = 0;
inline constexpr int kNewsKey = 1;
inline constexpr int kNewsShape = 2;

inline constexpr int kMaxKeys = 1024;  // known keys and names that were seen often
inline constexpr int kMaxShapes = 512;

// records
inline constexpr int kRecordConnection = 0;
inline constexpr int kRecordGeneration = 1;
inline constexpr int kRecordFlags = 2;
inline constexpr int kRecordHead = 3;         // number of a head, or offset into out
inline constexpr int kRecordStatusBytes = 4;  // of a head by bytes: its status, then its lines
inline constexpr int kRecordLinesBytes = 5;
inline constexpr int kRecordBody = 6;  // offset into out
inline constexpr int kRecordBodyBytes = 7;
inline constexpr int kRecordInts = 8;
inline constexpr int kMaxRecords = 512;

// kRecordFlags, and the flags of heads
inline constexpr int kHeadByBytes = 1;
inline constexpr int kHeadHasDate = 2;
inline constexpr int kHeadHasServer = 4;
inline constexpr int kHeadNoBody = 8;
inline constexpr int kHeadNoLength = 16;  // NoBody, and no Content-Length either (1xx, 204)

inline constexpr int kOutBytes = 256 * 1024;
inline constexpr int kMaxHeads = 1024;

// scoreboard: 64-bit words of a slot, see engine/scoreboard.h
inline constexpr int kScoreSlotBytes = 512;
inline constexpr int kScoreRequests = 0;
inline constexpr int kScoreSentBytes = 1;
inline constexpr int kScoreBusyNs = 2;
inline constexpr int kScoreResponseNs = 3;
inline constexpr int kScoreTurns = 4;
inline constexpr int kScoreInFlight = 5;
inline constexpr int kScoreConnections = 6;
inline constexpr int kScoreBusySince = 7;
inline constexpr int kScoreResponses = 8;
inline constexpr int kScoreClientGone = 13;
inline constexpr int kScoreOverdue = 14;
inline constexpr int kScoreHandedOver = 15;
inline constexpr int kScoreSequence = 16;
inline constexpr int kScoreStartedNs = 17;
inline constexpr int kScoreFailOnClose = 19;
inline constexpr int kScoreTextSizes = 18;  // method in the low half, URI in the high one
inline constexpr int kScoreMethod = 192;    // offset in bytes
inline constexpr int kScoreUri = 224;

}  // namespace postern::layout

#endif  // POSTERN_BINDING_SHARED_LAYOUT_H_
