// The scoreboard: what the engines of a master say about themselves, in one mapping that all of its
// processes share. No message passes for it; who reads it never disturbs who writes it. The layout
// is in native/engine/scoreboard.h.
import { loadAddon } from '../native/addon.js'
import * as L from '../native/layout.js'

/** What a process needs to find its slots. */
export interface ScorePlace {
  readonly fd: number
  /** In the whole scoreboard. */
  readonly slots: number
  /** The first of its own. */
  readonly slot: number
}

/** A slot, read at one moment. Times are in nanoseconds. */
export interface Score {
  readonly requests: number
  readonly sentBytes: number
  /** Spent in the application. */
  readonly busyNs: number
  /** From request to end of response, all together. */
  readonly responseNs: number
  /** Of the event loop. */
  readonly turns: number
  readonly inFlight: number
  readonly connections: number
  /** When the application was called, on the clock of process.hrtime; 0: it does not run. */
  readonly busySinceNs: number
  /** Responses by class: 1xx … 5xx. */
  readonly responses: readonly [number, number, number, number, number]
  /** Requests whose client left before the end of the response. */
  readonly clientGone: number
  /** Requests that harakiri has ended. */
  readonly overdue: number
}

export const EMPTY_SCORE: Score = {
  requests: 0,
  sentBytes: 0,
  busyNs: 0,
  responseNs: 0,
  turns: 0,
  inFlight: 0,
  connections: 0,
  busySinceNs: 0,
  responses: [0, 0, 0, 0, 0],
  clientGone: 0,
  overdue: 0,
}

/** Of two engines, or of two lives of one. Whoever has been busy for longer counts. */
export function sumOf(a: Score, b: Score): Score {
  const classOf = (i: number) => a.responses[i] + b.responses[i]
  const since = [a.busySinceNs, b.busySinceNs].filter((one) => one > 0)
  return {
    requests: a.requests + b.requests,
    sentBytes: a.sentBytes + b.sentBytes,
    busyNs: a.busyNs + b.busyNs,
    responseNs: a.responseNs + b.responseNs,
    turns: a.turns + b.turns,
    inFlight: a.inFlight + b.inFlight,
    connections: a.connections + b.connections,
    busySinceNs: since.length === 0 ? 0 : Math.min(...since),
    responses: [classOf(0), classOf(1), classOf(2), classOf(3), classOf(4)],
    clientGone: a.clientGone + b.clientGone,
    overdue: a.overdue + b.overdue,
  }
}

/** The request that came last. */
export interface CurrentRequest {
  readonly method: string
  readonly uri: string
  readonly startedNs: number
}

const WORDS = L.SCORE_SLOT_BYTES / 8

export class Scoreboard {
  readonly fd: number
  readonly slots: number
  readonly memory: ArrayBuffer
  private readonly words: BigUint64Array
  private readonly taken: boolean[] = []

  /** @param fd of a scoreboard that exists; -1: a new one */
  constructor(fd: number, slots: number) {
    const opened = loadAddon().openScoreboard(fd, slots)
    this.fd = opened.fd
    this.slots = slots
    this.memory = opened.memory
    this.words = new BigUint64Array(opened.memory)
  }

  /** Slots in a row, all zero, for a new process; -1: so many are not free. */
  take(count: number): number {
    let free = 0
    for (let slot = 0; slot < this.slots; slot++) {
      free = this.taken[slot] === true ? 0 : free + 1
      if (free < count) continue
      const first = slot - count + 1
      for (let i = first; i <= slot; i++) this.taken[i] = true
      this.words.fill(0n, first * WORDS, (slot + 1) * WORDS)
      return first
    }
    return -1
  }

  /** Their process has ended. */
  release(first: number, count: number): void {
    for (let slot = first; first >= 0 && slot < first + count; slot++) this.taken[slot] = false
  }

  read(slot: number): Score {
    const word = (at: number) => Number(this.words[slot * WORDS + at])
    const classOf = (digit: number) => word(L.SCORE_RESPONSES + digit - 1)
    return {
      requests: word(L.SCORE_REQUESTS),
      sentBytes: word(L.SCORE_SENT_BYTES),
      busyNs: word(L.SCORE_BUSY_NS),
      responseNs: word(L.SCORE_RESPONSE_NS),
      turns: word(L.SCORE_TURNS),
      inFlight: word(L.SCORE_IN_FLIGHT),
      connections: word(L.SCORE_CONNECTIONS),
      busySinceNs: word(L.SCORE_BUSY_SINCE),
      responses: [classOf(1), classOf(2), classOf(3), classOf(4), classOf(5)],
      clientGone: word(L.SCORE_CLIENT_GONE),
      overdue: word(L.SCORE_OVERDUE),
    }
  }

  /** Its thread is about to be ended: whoever waits is answered then. */
  failOnClose(slot: number): void {
    this.words[slot * WORDS + L.SCORE_FAIL_ON_CLOSE] = 1n
  }

  /** null: there was none yet, or another one is just coming. */
  current(slot: number): CurrentRequest | null {
    const at = slot * WORDS
    const sequence = this.words[at + L.SCORE_SEQUENCE]
    const sizes = this.words[at + L.SCORE_TEXT_SIZES]
    const text = (offset: number, size: bigint) =>
      Buffer.from(this.memory, slot * L.SCORE_SLOT_BYTES + offset, Number(size)).toString('latin1')
    const request = {
      method: text(L.SCORE_METHOD, sizes & 0xffn),
      uri: text(L.SCORE_URI, (sizes >> 32n) & 0x1ffn),
      startedNs: Number(this.words[at + L.SCORE_STARTED_NS]),
    }
    const torn = sequence % 2n === 1n || sequence !== this.words[at + L.SCORE_SEQUENCE]
    return torn || sequence === 0n ? null : request
  }
}
