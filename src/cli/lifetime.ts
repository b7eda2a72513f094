// When the process of a command line ends, and with which code: the only file that ends it.
//
//   idle ── load ──► loading ── serve ──► serving ── TERM, INT ──► stopping ──► exit 0
//
// A start that fails exits with the code of its error. TERM or INT while loading exits 0, a second
// one while stopping does not wait. An exception that nobody caught is logged and exits 1, unless
// the application handles it; a rejection that nobody handles is logged, and that is all (DESIGN.md,
// decision 13).
import { EXIT, StartError } from '../errors.js'
import type { Log } from '../server/log.js'
import type { Server } from '../server/server.js'

/** npm passes a signal on that the terminal has sent to the whole process group: that is one. */
const SAME_SIGNAL_MS = 200

export class Lifetime {
  private readonly log: Log
  private loading: string | null = null
  private server: Server | null = null
  /** When it was told to stop, as performance.now() has it; 0: it was not. */
  private stoppedAt = 0

  constructor(log: Log) {
    this.log = log
    process.on('SIGTERM', (signal) => this.stop(signal))
    process.on('SIGINT', (signal) => this.stop(signal))
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
  serve(server: Server): void {
    this.loading = null
    this.server = server
  }

  /** The start has failed: one message, the code that belongs to it. */
  fail(error: unknown): never {
    const known = error instanceof StartError
    const text = known ? error.message : ((error as Error)?.stack ?? String(error))
    process.stderr.write(`postern: ${text}\n`)
    process.exit(known ? error.exitCode : EXIT.PERMANENT)
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
