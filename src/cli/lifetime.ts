// When the process of a command line ends, and with which code: the only file that ends it.
//
//   idle ── load ──► loading ── serve ──► serving ── TERM, INT ──► stopping ──► exit 0
//                                                    QUIT ──► exit 0, at once
//
// A start that fails exits with the code of its error. TERM or INT while loading exits 0, a second
// one while stopping does not wait. An exception that nobody caught is logged and exits 1, unless
// the application handles it; a rejection that nobody handles is logged, and that is all (DESIGN.md,
// decision 13).
import { EXIT, StartError } from '../errors.js'
import { loadAddon } from '../native/addon.js'
import type { Log } from '../server/log.js'

/** npm passes a signal on that the terminal has sent to the whole process group: that is one. */
const SAME_SIGNAL_MS = 200

/** What has to be finished before the process ends: a server, or a master with its workers. */
export interface Finishing {
  close(): Promise<void>
  closeNow(): void
}

/** How a process is told to end, and who hears why it could not start. */
export interface Role {
  readonly graceful: readonly NodeJS.Signals[]
  readonly ignored: readonly NodeJS.Signals[]
  /** Says why the start has failed; resolves when that has been heard. */
  report(message: string, exitCode: number): Promise<void> | void
}

/** A process that a person or an init system has started. */
const MAIN_ROLE: Role = {
  graceful: ['SIGTERM', 'SIGINT'],
  ignored: [],
  report: (message) => void process.stderr.write(`postern: ${message}\n`),
}

export class Lifetime {
  private readonly log: Log
  private readonly role: Role
  private loading: string | null = null
  private server: Finishing | null = null
  /** When it was told to stop, as performance.now() has it; 0: it was not. */
  private stoppedAt = 0

  constructor(log: Log, role: Role = MAIN_ROLE) {
    this.log = log
    this.role = role
    for (const signal of role.graceful) process.on(signal, () => this.stop(signal))
    for (const signal of role.ignored) process.on(signal, () => {})
    process.on('SIGQUIT', () => this.stopNow('SIGQUIT'))
    process.on('uncaughtExceptionMonitor', (error) => this.crash(error))
    process.on('unhandledRejection', (reason) =>
      log.error('unhandled rejection, outside of a request', reason),
    )
    process.on('beforeExit', () => this.endedEarly())
    // However it ends, by the application too: no file of a socket stays, no result stays open.
    process.on('exit', () => this.server?.closeNow())
    // Who read our output has gone: that is no reason to stop serving.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  }

  /** The application is being loaded, and must come to an end with that. */
  load(app: string): void {
    this.loading = app
  }

  /** From now on there is something to finish before the end. */
  serve(server: Finishing): void {
    this.loading = null
    this.server = server
  }

  /** The start has failed: one message, the code that belongs to it. */
  fail(error: unknown): void {
    const known = error instanceof StartError
    const text = known ? error.message : ((error as Error)?.stack ?? String(error))
    const exitCode = known ? error.exitCode : EXIT.PERMANENT
    const heard = this.role.report(text, exitCode)
    if (heard === undefined) process.exit(exitCode)
    void heard.then(() => process.exit(exitCode))
  }

  /** Whoever wanted it is gone: finishes what runs, and leaves. */
  leave(): void {
    if (this.server === null) process.exit(EXIT.OK)
    void this.server.close().then(() => process.exit(EXIT.OK))
  }

  /** The application holds the thread and does not give it back: nothing is left to wait for. */
  endHeld(): void {
    loadAddon().exitNow(EXIT.CRASHED)
  }

  /** @param why a signal, or who else asks for it */
  stopNow(why: string): void {
    this.log.warning(`${why}: stopping at once`)
    process.exit(EXIT.OK)
  }

  private stop(signal: NodeJS.Signals): void {
    if (this.server === null) process.exit(EXIT.OK)
    const now = performance.now()
    if (this.stoppedAt !== 0) {
      if (now - this.stoppedAt < SAME_SIGNAL_MS) return
      this.log.warning(`${signal} again: stopping at once`)
      process.exit(EXIT.OK)
    }
    this.stoppedAt = now
    this.log.info(`${signal}: finishing what runs, then stopping`)
    void this.server.close().then(() => process.exit(EXIT.OK))
  }

  private crash(error: unknown): void {
    const handled =
      process.listenerCount('uncaughtException') > 0 ||
      process.hasUncaughtExceptionCaptureCallback()
    this.log.error(`uncaught exception${handled ? '' : ', the process ends'}`, error)
    if (!handled) process.exit(EXIT.CRASHED)
  }

  private endedEarly(): void {
    if (this.loading === null) return
    this.fail(
      new StartError(
        `${this.loading} does not finish loading: its top-level await is for something that never comes`,
      ),
    )
  }
}
