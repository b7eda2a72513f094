// What the main thread of a worker process and its threads say to each other.
import type { Options } from '../config/options.js'
import type { ScorePlace } from '../server/scoreboard.js'

/** Given to a thread with its start. */
export interface ThreadPlan {
  readonly app: string
  /** Their sockets are descriptors that belong to the thread. */
  readonly options: Options
  readonly score: ScorePlace | undefined
  /** Number of the worker process. */
  readonly worker: number
  /** Open until the thread is ready. */
  readonly accessLog: number | undefined
}

export type ToThread =
  | { readonly tell: 'stop'; readonly mercyMs: number; readonly idleGraceS: number }
  /** The access log goes to this descriptor, which is open until the thread has answered. */
  | { readonly tell: 'log'; readonly fd: number }

export type FromThread =
  | { readonly tell: 'ready'; readonly what: string }
  /** It writes to the last descriptor that it was told of. */
  | { readonly tell: 'logged' }
  /** It has been told to stop, and accepts no more. */
  | { readonly tell: 'quiet' }
  /** Its last connection has closed. */
  | { readonly tell: 'closed' }
  | { readonly tell: 'failed'; readonly text: string; readonly exitCode: number }
