// What a master and its workers say to each other over the control channel: a handful of messages in
// the life of a worker, none a request.
import type { Options } from '../config/options.js'
import type { ScorePlace } from '../server/scoreboard.js'

/** Master → worker, once, first: what to serve. Its sockets are descriptors that it has inherited. */
export interface ServeMessage {
  readonly postern: 'serve'
  readonly app: string
  readonly options: Options
  /** Where its first thread counts, the others behind it; undefined: all slots are taken. */
  readonly score: ScorePlace | undefined
  /** Its place in the pool, from 1 on. */
  readonly worker: number
  /** Where descriptors of log files come from, the first ones wait there already; -1: there are none. */
  readonly logChannel: number
}

/** Master → worker: log files were opened again, their descriptors wait in the channel. */
export interface LogsMessage {
  readonly postern: 'logs'
}

/** Worker → master: it writes to them, and not to what it had before. */
export interface LogsTakenMessage {
  readonly postern: 'logs-taken'
}

/** Master → worker: finish what runs, then end. */
export interface StopMessage {
  readonly postern: 'stop'
  /** How long requests may take before they are cut, in milliseconds. */
  readonly mercyMs: number
  /** How long idle connections may bring one more request, in seconds. */
  readonly idleGraceS: number
}

/** Worker → master: it accepts. */
export interface ReadyMessage {
  readonly postern: 'ready'
  /** The interface of the application, and how that was found. */
  readonly what: string
}

/** Worker → master: it has worked enough, and serves until its replacement does. */
export interface TiredMessage {
  readonly postern: 'tired'
  readonly why: string
}

/** Worker → master: it has been told to stop, and accepts no more. */
export interface DrainingMessage {
  readonly postern: 'draining'
}

/** Worker → master: it cannot start, or not go on. */
export interface FailedMessage {
  readonly postern: 'failed'
  readonly message: string
  readonly exitCode: number
}

export type ToWorker = ServeMessage | StopMessage | LogsMessage
export type ToMaster =
  | ReadyMessage
  | TiredMessage
  | DrainingMessage
  | FailedMessage
  | LogsTakenMessage

/** The channel belongs to the application too: what is not ours is let pass. */
export function isMessage(message: unknown): message is ToWorker | ToMaster {
  return typeof message === 'object' && message !== null && 'postern' in message
}
