// The layout of the memory that C++ and JavaScript share: the twin of
// native/binding/shared_layout.h, where each number is explained. Constants, so that V8 folds them
// into the code; `checkLayout` compares them with the addon's own when it is loaded.

export const CONTROL_EVENTS = 0
export const CONTROL_NEWS = 1
export const CONTROL_RECORDS = 2

export const EVENT_TYPE = 0
export const EVENT_CONNECTION = 1
export const EVENT_GENERATION = 2
export const EVENT_FLAGS = 3
export const EVENT_SHAPE = 4
export const EVENT_VARS = 5
export const EVENT_VAR_COUNT = 6
export const EVENT_BODY = 7
export const EVENT_BODY_BYTES = 8
export const EVENT_LISTENER = 9
export const EVENT_PEER = 10
export const EVENT_PEER_BYTES = 11
export const EVENT_PEER_PORT = 12
export const EVENT_TRAILERS = 13
export const EVENT_TRAILER_BYTES = 14
export const EVENT_DEFERRED = 15
export const EVENT_INTS = 16

export const TYPE_REQUEST = 1
export const TYPE_BODY = 2
export const TYPE_WRITABLE = 3
export const TYPE_ABORTED = 4
export const TYPE_OVERDUE = 5

export const FLAG_FIRST = 1
export const FLAG_FOLLOWS = 2
export const FLAG_HEAD = 4
export const FLAG_STREAMED = 8
export const FLAG_HTTPS = 16
export const FLAG_CHUNKED = 32
export const FLAG_OLD_CLIENT = 64

export const VAR_KEY = 0
export const VAR_VALUE = 1
export const VAR_OFFSET = 2
export const VAR_BYTES = 3
export const VAR_NAME = 4
export const VAR_NAME_BYTES = 5
export const VAR_INTS = 6

export const NEWS_KIND = 0
export const NEWS_NUMBER = 1
export const NEWS_OFFSET = 2
export const NEWS_SIZE = 3
export const NEWS_INTS = 4
export const NEWS_STRING = 0
export const NEWS_KEY = 1
export const NEWS_SHAPE = 2

export const RECORD_CONNECTION = 0
export const RECORD_GENERATION = 1
export const RECORD_FLAGS = 2
export const RECORD_HEAD = 3
export const RECORD_STATUS_BYTES = 4
export const RECORD_LINES_BYTES = 5
export const RECORD_BODY = 6
export const RECORD_BODY_BYTES = 7
export const RECORD_INTS = 8
export const MAX_RECORDS = 512

export const HEAD_BY_BYTES = 1
export const HEAD_HAS_DATE = 2
export const HEAD_HAS_SERVER = 4
export const HEAD_NO_BODY = 8
export const HEAD_NO_LENGTH = 16

/** Of a scoreboard: 64-bit words, as native/engine/scoreboard.h explains them. */
export const SCORE_SLOT_BYTES = 512
export const SCORE_REQUESTS = 0
export const SCORE_SENT_BYTES = 1
export const SCORE_BUSY_NS = 2
export const SCORE_RESPONSE_NS = 3
export const SCORE_TURNS = 4
export const SCORE_IN_FLIGHT = 5
export const SCORE_CONNECTIONS = 6
export const SCORE_BUSY_SINCE = 7
export const SCORE_RESPONSES = 8
export const SCORE_CLIENT_GONE = 13
export const SCORE_OVERDUE = 14
export const SCORE_HANDED_OVER = 15
export const SCORE_SEQUENCE = 16
export const SCORE_STARTED_NS = 17
/** Bytes of the method in the low half, of the URI in the high one. */
export const SCORE_TEXT_SIZES = 18
/** Written by others: whoever waits is answered when the engine closes. */
export const SCORE_FAIL_ON_CLOSE = 19
/** Offsets in bytes. */
export const SCORE_METHOD = 192
export const SCORE_URI = 224

export const OUT_BYTES: number = 256 * 1024
export const MAX_HEADS = 1024

const EXPECTED: Record<string, number> = {
  controlEvents: CONTROL_EVENTS,
  controlNews: CONTROL_NEWS,
  controlRecords: CONTROL_RECORDS,
  eventInts: EVENT_INTS,
  eventDeferred: EVENT_DEFERRED,
  varInts: VAR_INTS,
  newsInts: NEWS_INTS,
  recordInts: RECORD_INTS,
  maxRecords: MAX_RECORDS,
  outBytes: OUT_BYTES,
  maxHeads: MAX_HEADS,
  scoreSlotBytes: SCORE_SLOT_BYTES,
  typeOverdue: TYPE_OVERDUE,
  flagOldClient: FLAG_OLD_CLIENT,
  headNoLength: HEAD_NO_LENGTH,
}

/** The names of numbers on which the addon and this file differ; empty when they agree. */
export function checkLayout(layout: Record<string, number>): string[] {
  return Object.keys(EXPECTED).filter((name) => layout[name] !== EXPECTED[name])
}
