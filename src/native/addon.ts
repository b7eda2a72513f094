// Finds and loads the native addon, and says in TypeScript what it exports. The only file that
// requires it; hand-written, and compared with the addon's real exports by a test.
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXIT, StartError } from '../errors.js'
import { checkLayout } from './layout.js'

/** How a listener is opened; `kind`: 0 TCP, 1 unix, 2 abstract, 3 inherited descriptor. */
export interface NativeListen {
  kind: number
  host: string
  port: number
  fd: number
  /** chmod(2) bits of a unix socket file, -1: as umask gives it. */
  mode: number
  /** 0 HTTP/1, 1 uwsgi. */
  protocol: number
  /** 0: min(1024, somaxconn). */
  backlog: number
  reusePort: boolean
}

/** A listener as it was bound: port 0 has become a number, a unix socket is its path. */
export interface NativeListener {
  index: number
  /** Belongs to the engine: good for passing on to another process, not for closing. */
  fd: number
  host: string
  port: number
}

/** Bytes, seconds and counts; 0 means no limit where the option's documentation says so. */
export interface NativeOptions {
  maxRequestLineBytes: number
  maxFields: number
  maxFieldBytes: number
  maxHeadBytes: number
  maxVars: number
  maxBodyBytes: number
  postBufferingBytes: number
  headerTimeoutS: number
  bodyTimeoutS: number
  writeTimeoutS: number
  keepaliveTimeoutS: number
  /** For a response, or the next part of it; 0: for ever. */
  harakiriS: number
  maxConnections: number
  refuseUnderscores: boolean
  stripHeaderSpaces: boolean
  permitObsFold: boolean
  obsTarget: boolean
  serverHeader: boolean
  dateHeader: boolean
  /** Addresses, networks, "unix" or "*", separated by commas. */
  forwardedAllowIps: string
  /** Names of fields, separated by commas. */
  forwardedHeaders: string
  forwardedCount: number
  forwardedRefuse: boolean
  forwardedClear: boolean
  /** 0 off, 1 allowed, 2 required. */
  proxyMode: number
  /** A name or the text of a format; an error with code ERR_POSTERN_LOG_FORMAT says what is wrong. */
  logFormat: string
  /** Every exchange has a line, or those that one of the others is about; 0: none. */
  logAll: boolean
  log4xx: boolean
  log5xx: boolean
  logZero: boolean
  logSlowMs: number
  logBigBytes: number
  logForwardedFor: boolean
  /** Place of this process in the pool, from 1 on; 0: there is none. */
  logWorker: number
}

export interface NativeCallbacks {
  /** The shared memory holds the events of a round. */
  onRound(): void
  /** drain() was called and the last connection has closed. */
  onDrained(): void
  /** `level`: 0 info, 1 warning, 2 error. */
  onLog(level: number, text: string): void
  /** What async_hooks sees as the origin of every request. */
  resource: object
}

/**
 * One engine. An exchange is named by its connection and generation; calls for one that is over do
 * nothing. Every method first takes the responses in shared memory, so the order of what an
 * application does is the order on the wire.
 */
export interface NativeEngine {
  readonly inbox: Uint8Array
  readonly control: Int32Array
  readonly events: Int32Array
  readonly vars: Int32Array
  readonly news: Int32Array
  readonly records: Int32Array
  readonly out: Uint8Array

  /** @throws Error with an errno `code`, such as EADDRINUSE. */
  listen(how: NativeListen): NativeListener
  start(): void
  /** Counts in that slot of a scoreboard from now on. */
  setScore(memory: ArrayBuffer, slot: number): void
  /**
   * Where the access log goes from now on; before the first call lines are kept. `fd` may be closed
   * after it, unless it is one of the standard streams.
   */
  logTo(fd: number): void
  /** A number for a head that is used often, or -1 when there are enough of them. */
  registerHead(status: string, lines: string, flags: number): number
  /** Sends what is in shared memory and makes room there. */
  takeRecords(): void
  /** `length` of the whole body in bytes, -1: unknown. */
  startResponse(
    connection: number,
    generation: number,
    status: string,
    lines: string,
    flags: number,
    length: number,
  ): void
  /**
   * Returns the bytes that wait for a slow client; of an exchange that is over, more than any limit.
   * They are copies: `bytes` is free again.
   */
  write(connection: number, generation: number, bytes: Uint8Array): number
  writeFile(
    connection: number,
    generation: number,
    fd: number,
    offset: number,
    length: number,
  ): number
  /** [position, bytes to the end] of a regular file, null for anything else. */
  fileExtent(fd: number): [number, number] | null
  end(connection: number, generation: number): void
  /** Cuts the connection so that the client sees that the response is not whole. */
  abort(connection: number, generation: number): void
  /** An interim response: a whole head with its empty line. */
  interim(connection: number, generation: number, head: string): void
  /** Bytes that wait; with `notify`, a TYPE_WRITABLE event comes when they are few. */
  queued(connection: number, generation: number, notify: boolean): number
  /** null: the end. undefined: nothing yet, TYPE_BODY comes. A pair: [status, reason]. */
  readBody(connection: number, generation: number): Buffer | null | undefined | [number, string]
  /** "name: value CRLF" lines. */
  trailers(connection: number, generation: number): string
  /**
   * Stops accepting, finishes what runs, then onDrained. Idle connections may bring one more request
   * for `idleGraceS` seconds.
   */
  drain(idleGraceS: number): void
  /** The process is about to end: answers everybody who waits, 504 or 503, at once. */
  failAll(): void
  close(): void
  stats(): { connections: number; requests: number }
}

/** Memory that processes share, SCORE_SLOT_BYTES a slot. */
export interface NativeScoreboard {
  /** To be inherited by other processes. */
  readonly fd: number
  readonly memory: ArrayBuffer
}

export interface NativeAddon {
  createEngine(options: NativeOptions, callbacks: NativeCallbacks): NativeEngine
  /**
   * New memory with `fd` -1, otherwise that of the descriptor.
   *
   * @throws Error with an errno `code`, such as EBADF.
   */
  openScoreboard(fd: number, slots: number): NativeScoreboard
  /** dup(2) of a descriptor; -1: it is none. */
  duplicate(fd: number): number
  /** [waiting, capacity] of a listening socket, null: it is none, or the kernel does not tell. */
  listenQueue(fd: number): [number, number] | null
  /** _exit(2): no handler runs, no JavaScript, nothing waits. */
  exitNow(code: number): never
  /** One datagram to that unix socket, as sd_notify(3) has it. The name of an error, null: it has arrived. */
  notify(address: string, text: string): string | null
  /** `to` is from now on what `from` is. */
  replaceDescriptor(from: number, to: number): void
  /** The two ends of a channel for descriptors; neither is inherited by itself. */
  descriptorChannel(): [number, number]
  /** `tag`, 0 to 255, says what it is. It stays the sender's, too. */
  sendDescriptor(channel: number, fd: number, tag: number): void
  /** [tag, descriptor] of what was sent, null: nothing more. */
  receiveDescriptor(channel: number): [number, number] | null
  /** Meta-variable names of the known keys, by number. */
  readonly keyNames: readonly string[]
  readonly layout: Record<string, number>
}

let loaded: NativeAddon | undefined

/**
 * The addon: the file that $POSTERN_ADDON names, else build/Release of a checkout, else the prebuild
 * for this platform.
 *
 * @throws {StartError} when there is none that fits, with what to do.
 */
export function loadAddon(): NativeAddon {
  if (loaded !== undefined) return loaded
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const require = createRequire(import.meta.url)
  let addon: NativeAddon
  try {
    const explicit = process.env.POSTERN_ADDON
    addon = explicit
      ? (require(resolve(explicit)) as NativeAddon)
      : (require('node-gyp-build') as (root: string) => NativeAddon)(root)
  } catch (cause) {
    throw new StartError(
      `the native addon does not load on ${process.platform}-${process.arch} (looked in ${root}): ` +
        `run "npm run build:native" there; ${(cause as Error).message.split('\n')[0]}`,
      EXIT.PERMANENT,
      { cause },
    )
  }
  const differences = checkLayout(addon.layout)
  if (differences.length > 0) {
    throw new StartError(
      `the native addon in ${root} is of another version (${differences.join(', ')}): ` +
        'run "npm run build:native" there',
    )
  }
  loaded = addon
  return addon
}
