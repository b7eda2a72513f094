// One application in one process: opens the sockets, runs the application, stops in good order.
//
// A constructor that stores, a start() that acts. No process-wide effects but listening: signals,
// environment and working directory are the command line's.
import { hasMaster, type Options } from '../config/options.js'
import type { GatewayApp } from '../gateway/types.js'
import {
  loadAddon,
  type NativeCallbacks,
  type NativeEngine,
  type NativeOptions,
} from '../native/addon.js'
import { VERSION } from '../version.js'
import { explainFormat, logsRequests, nativeLogOptions } from './access-log.js'
import { Dispatcher } from './dispatcher.js'
import { Log } from './log.js'
import { openSocket } from './open-socket.js'
import { Scoreboard, type ScorePlace } from './scoreboard.js'
import { SocketFiles } from './socket-files.js'
import {
  describeListener,
  type Listener,
  serverName,
  type Wanted,
  wantedSockets,
} from './sockets.js'
import { watchThread } from './watchdog.js'

const STANDARD_OUTPUT = 1
const PROXY_MODE = { off: 0, allow: 1, require: 2 }
/** What setTimeout can wait for: 24 days. Longer is for ever. */
export const MAX_TIMER_MS = 2 ** 31 - 1

/** What surrounds a server; what is absent it makes for itself, or does without. */
export interface Surroundings {
  /** Where it counts. */
  readonly score?: ScorePlace
  /**
   * Called when the application has not given the thread back for longer than harakiri allows, in the
   * middle of what holds it, after everybody who waits has had an answer. Ends the process.
   */
  readonly onHeld?: () => void
  /** Where the access log goes; default: standard output. */
  readonly accessLog?: number
  /** Which of several workers this is, from 1 on. */
  readonly worker?: number
}

export class Server {
  /** Empty before start(). */
  readonly listeners: Listener[] = []
  /** Theirs, in the same order; they belong to the engine. */
  readonly descriptors: number[] = []
  private readonly options: Options
  private readonly log: Log
  private readonly dispatcher: Dispatcher
  private engine: NativeEngine | null = null
  private readonly surroundings: Surroundings
  private closing: Promise<void> | null = null
  private closed: () => void = () => {}
  private mercy: { readonly ends: number; readonly timer: NodeJS.Timeout } | null = null
  private readonly socketFiles: SocketFiles

  constructor(
    app: GatewayApp,
    options: Options,
    log: Log = new Log(),
    surroundings: Surroundings = {},
  ) {
    this.surroundings = surroundings
    this.options = options
    this.log = log
    this.socketFiles = new SocketFiles(options.vacuum)
    this.dispatcher = new Dispatcher({
      app,
      log,
      software: `postern/${VERSION}`,
      dev: options.dev,
      highWaterBytes: 256 * 1024,
    })
  }

  /**
   * Opens all sockets, then accepts on all of them.
   *
   * @param load gives the application in place of the constructor's when the sockets are open: for a
   *   process that may open them and must not load anything before it is somebody else
   * @throws {StartError} a socket cannot be opened; those that were are closed again
   */
  async start(load?: () => Promise<GatewayApp>): Promise<void> {
    const engine = makeEngine(
      this.options,
      {
        onRound: () => this.dispatcher.onRound(),
        onDrained: () => this.closeNow(),
        onLog: (level, text) => this.log.native(level, text),
        resource: this.dispatcher.isolation.resource,
      },
      this.surroundings.worker,
    )
    this.engine = engine
    if (logsRequests(this.options)) engine.logTo(this.surroundings.accessLog ?? STANDARD_OUTPUT)
    const { options } = this
    this.dispatcher.attach(engine, loadAddon().keyNames, {
      multiprocess: sharesSockets(options),
      multithread: options.threads > 1,
    })
    try {
      for (const wanted of wantedSockets(this.options)) await this.open(engine, wanted)
      if (load !== undefined) this.dispatcher.app = await load()
      this.count(engine)
      engine.start()
    } catch (error) {
      this.closeNow()
      throw error
    }
  }

  private count(engine: NativeEngine): void {
    const { score, onHeld } = this.surroundings
    const watched = onHeld !== undefined && this.options.harakiri > 0
    if (score === undefined && !watched) return
    const board = new Scoreboard(score?.fd ?? -1, score?.slots ?? 1)
    const slot = score?.slot ?? 0
    engine.setScore(board.memory, slot)
    if (!watched) return
    const { fd, slots } = board
    const addon = process.env.POSTERN_ADDON
    watchThread({ fd, slots, slot, addon, seconds: this.options.harakiri }, (stack) => {
      this.giveUp(engine, stack)
      onHeld()
    })
  }

  private giveUp(engine: NativeEngine, stack: string): void {
    const { runs } = this.dispatcher
    const what = runs === null ? 'the application' : runs
    this.log.error(`harakiri: ${what} has held the thread for ${this.options.harakiri} s\n${stack}`)
    this.socketFiles.remove()
    engine.failAll()
  }

  /** The access log goes there from now on; the descriptor may be closed after this. */
  logTo(fd: number): void {
    if (logsRequests(this.options)) this.engine?.logTo(fd)
  }

  /** Connections and requests since the start. */
  stats(): { connections: number; requests: number } {
    return this.engine?.stats() ?? { connections: 0, requests: 0 }
  }

  /**
   * Stops accepting, lets running requests finish, closes. Idle connections close at once, or, where
   * a successor accepts on the same sockets, after `idleGraceS` seconds; those that are still busy
   * after `graceMs` are cut. A later call can shorten the wait, not lengthen it.
   *
   * @returns a promise that is fulfilled when everything is closed; the same one for every call
   */
  close(
    graceMs: number = this.options.workerReloadMercy * 1000,
    idleGraceS: number = 0,
  ): Promise<void> {
    this.closing ??= new Promise((resolve) => {
      this.closed = resolve
      if (this.engine === null) return resolve()
      // Before the listeners go: what takes this address next must find no file of ours, and ours
      // must not be taken for its own.
      this.socketFiles.remove()
      this.engine.drain(idleGraceS)
    })
    if (this.engine !== null) this.grant(graceMs)
    return this.closing
  }

  /**
   * After close(): fulfilled when it accepts no more. The engine lets its sockets go in its next turn,
   * and the check phase of this very iteration of the loop comes before that.
   */
  quiet(): Promise<void> {
    return new Promise((done) => setImmediate(() => setImmediate(done)))
  }

  /** Closes at once: what still runs is cut. */
  closeNow(): void {
    clearTimeout(this.mercy?.timer)
    this.mercy = null
    this.socketFiles.remove()
    this.engine?.close()
    this.engine = null
    this.dispatcher.abortAll()
    this.closed()
  }

  private grant(graceMs: number): void {
    const ends = performance.now() + graceMs
    if (graceMs > MAX_TIMER_MS || (this.mercy !== null && this.mercy.ends <= ends)) return
    clearTimeout(this.mercy?.timer)
    const cut = () => {
      const { connections } = this.stats()
      this.log.warning(
        `${connections} connections are still busy after ${graceMs / 1000} s: they are cut`,
      )
      this.closeNow()
    }
    this.mercy = { ends, timer: setTimeout(cut, graceMs) }
  }

  private async open(engine: NativeEngine, wanted: Wanted): Promise<void> {
    const bound = await openSocket(engine, wanted, this.options, this.socketFiles)
    this.dispatcher.nameListener(bound.index, serverName(bound))
    this.listeners.push(describeListener(wanted, bound))
    this.descriptors.push(bound.fd)
  }
}

/** wsgi.multiprocess: another process may serve the next request. */
function sharesSockets(options: Options): boolean {
  return options.reusePort || hasMaster(options)
}

/** @throws {ConfigError} the format of the access log is wrong */
export function makeEngine(
  options: Options,
  callbacks: NativeCallbacks,
  worker: number = 0,
): NativeEngine {
  try {
    return loadAddon().createEngine(nativeOptions(options, worker), callbacks)
  } catch (error) {
    throw explainFormat(error)
  }
}

function nativeOptions(options: Options, worker: number): NativeOptions {
  return {
    ...nativeLogOptions(options, worker),
    maxRequestLineBytes: options.limitRequestLine,
    maxFields: options.limitRequestFields,
    maxFieldBytes: options.limitRequestFieldSize,
    maxHeadBytes: options.bufferSize,
    maxVars: options.maxVars,
    maxBodyBytes: options.limitPost,
    postBufferingBytes: options.postBuffering,
    headerTimeoutS: options.httpHeadersTimeout,
    bodyTimeoutS: options.socketTimeout,
    writeTimeoutS: options.soSendTimeout,
    keepaliveTimeoutS: options.httpKeepalive,
    harakiriS: options.harakiri,
    maxConnections: options.maxConnections,
    refuseUnderscores: options.headerMap === 'refuse',
    stripHeaderSpaces: options.stripHeaderSpaces,
    permitObsFold: options.permitObsFold,
    obsTarget: options.obsTarget,
    serverHeader: options.serverHeader,
    dateHeader: true,
    forwardedAllowIps: options.forwardedAllowIps,
    forwardedHeaders: options.forwardedHeaders,
    forwardedCount: options.forwardedCount,
    forwardedRefuse: options.forwardedInvalid === 'refuse',
    forwardedClear: options.forwardedClear,
    proxyMode: PROXY_MODE[options.proxyProtocol],
  }
}
