// The threads of a worker process, `--threads N`: each one loads the application and has an engine of
// its own on the same sockets. The main thread runs nothing of the application, so it can still say
// what a thread does that is held, and end it.
import { closeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Options } from '../config/options.js'
import { StartError } from '../errors.js'
import type { ServeMessage } from '../manager/messages.js'
import { loadAddon } from '../native/addon.js'
import type { Log } from '../server/log.js'
import { Scoreboard } from '../server/scoreboard.js'
import type { FromThread, ThreadPlan, ToThread } from './thread-messages.js'

const THREAD = fileURLToPath(new URL('./thread.js', import.meta.url))
const LOOK_MS = 1000

export interface ThreadEvents {
  /** The process serves on without some of its threads: it is to be replaced. */
  lost(why: string): void
  /** There is no thread left. */
  allLost(why: string): void
}

interface Thread {
  readonly index: number
  readonly worker: Worker
  /** Fulfilled when the thread is gone. */
  readonly ended: Promise<void>
  /** Fulfilled when it was told to stop, and accepts no more. */
  readonly quiet: Promise<void>
  /** Of the loop, at the last look; and how many looks it has not moved. */
  turns: number
  still: number
  /** What waits until it writes to another access log, in the order in which it was told. */
  readonly logging: (() => void)[]
}

export class Threads {
  private readonly message: ServeMessage
  private readonly accessLog: number | undefined
  private readonly log: Log
  private readonly events: ThreadEvents
  private readonly board: Scoreboard | null
  private readonly living = new Set<Thread>()
  private closing: Promise<void> | null = null

  constructor(
    message: ServeMessage,
    accessLog: number | undefined,
    log: Log,
    events: ThreadEvents,
  ) {
    this.message = message
    this.accessLog = accessLog
    this.log = log
    this.events = events
    const { score } = message
    this.board = score === undefined ? null : new Scoreboard(score.fd, score.slots)
  }

  /**
   * @returns the interface of the application, when all threads accept
   * @throws {StartError} one of them cannot start
   */
  async start(): Promise<string> {
    const count = this.message.options.threads
    const started = Array.from({ length: count }, (_, index) => this.startOne(index))
    const [what] = await Promise.all(started)
    if (this.message.options.harakiri > 0) setInterval(() => this.look(), LOOK_MS).unref()
    return what
  }

  /** All threads finish what runs. */
  close(
    mercyMs: number = this.message.options.workerReloadMercy * 1000,
    idleGraceS: number = 0,
  ): Promise<void> {
    for (const { worker } of this.living) post(worker, { tell: 'stop', mercyMs, idleGraceS })
    this.closing ??= Promise.all([...this.living].map(({ ended }) => ended)).then(() => {})
    return this.closing
  }

  /** After close(): fulfilled when none of them accepts any more. */
  async quiet(): Promise<void> {
    await Promise.all([...this.living].map(({ quiet, ended }) => Promise.race([quiet, ended])))
  }

  closeNow(): void {
    this.closing ??= Promise.resolve()
    for (const { worker } of this.living) void worker.terminate()
  }

  /** @returns fulfilled when all threads write to it and not to the one before; `fd` may be closed now */
  async logTo(fd: number): Promise<void> {
    await Promise.all(
      [...this.living].map(async (thread) => {
        // A thread that is busy comes to it when `fd` is closed and its number may be another file's.
        const own = loadAddon().duplicate(fd)
        const logged = new Promise<void>((done) => thread.logging.push(done))
        post(thread.worker, { tell: 'log', fd: own })
        await Promise.race([logged, thread.ended])
        closeSync(own)
      }),
    )
  }

  requests(): number {
    const { board, message } = this
    let sum = 0
    for (let i = 0; board !== null && i < message.options.threads; i++) {
      sum += board.read((message.score?.slot ?? 0) + i).requests
    }
    return sum
  }

  private startOne(index: number): Promise<string> {
    const plan = this.planOf(index)
    const worker = new Worker(THREAD, { workerData: plan })
    const opened = () => {
      if (plan.accessLog !== undefined) closeSync(plan.accessLog)
    }
    return new Promise((done, fail) => {
      let ready = false
      const ended = new Promise<void>((gone) => worker.once('exit', () => gone()))
      let beQuiet = () => {}
      const quiet = new Promise<void>((heard) => {
        beQuiet = heard
      })
      const thread: Thread = { index, worker, ended, quiet, turns: 0, still: 0, logging: [] }
      this.living.add(thread)
      worker.on('message', (message: FromThread) => {
        if (message.tell === 'failed') return fail(new StartError(message.text, message.exitCode))
        if (message.tell === 'logged') return thread.logging.shift()?.()
        if (message.tell === 'quiet') return beQuiet()
        // What the application has left in its loop is not waited for.
        if (message.tell === 'closed') return void worker.terminate()
        ready = true
        opened()
        done(message.what)
      })
      worker.on('error', (error) => {
        this.log.error(`uncaught exception, thread ${index + 1} ends`, error)
      })
      worker.on('exit', () => {
        this.living.delete(thread)
        if (!ready) opened()
        if (!ready) fail(new StartError(`${this.message.app} does not finish loading`))
        else if (this.closing === null) this.onLost(thread)
      })
    })
  }

  private onLost({ index }: Thread): void {
    const why = `thread ${index + 1} has ended`
    if (this.living.size === 0) this.events.allLost(why)
    else this.events.lost(why)
  }

  /** Engines close their sockets: each one gets descriptors of its own. */
  private planOf(index: number): ThreadPlan {
    const { app, options, score, worker } = this.message
    const { accessLog } = this
    const own = (addresses: readonly string[]) =>
      addresses.map((text) => `fd://${loadAddon().duplicate(Number(text.slice('fd://'.length)))}`)
    const theirs: Options = {
      ...options,
      httpSocket: own(options.httpSocket),
      socket: own(options.socket),
    }
    return {
      app,
      options: theirs,
      score: score === undefined ? undefined : { ...score, slot: score.slot + index },
      worker,
      accessLog: accessLog === undefined ? undefined : loadAddon().duplicate(accessLog),
    }
  }

  // --- harakiri of a thread that is held, as server/watchdog.ts does it for a main thread ---

  private look(): void {
    const { board, message } = this
    if (board === null || message.score === undefined) return
    for (const thread of this.living) {
      const { turns, connections } = board.read(message.score.slot + thread.index)
      thread.still = turns === thread.turns && connections > 0 ? thread.still + 1 : 0
      thread.turns = turns
      if (thread.still === message.options.harakiri) this.endHeld(thread, board)
    }
  }

  private endHeld(thread: Thread, board: Scoreboard): void {
    const { message } = this
    const slot = (message.score?.slot ?? 0) + thread.index
    const current = board.current(slot)
    const what = current === null ? 'the application' : `${current.method} ${current.uri}`
    this.log.error(
      `harakiri: ${what} has held thread ${thread.index + 1} for ${message.options.harakiri} s\n` +
        stackOf(thread.worker.threadId),
    )
    // Where it is interrupted, its engine answers everybody who waits; the other threads go on.
    board.failOnClose(slot)
    void thread.worker.terminate()
  }
}

/** What a thread runs right now. The report interrupts it, so it does not matter that it is busy. */
function stackOf(threadId: number): string {
  const report = process.report.getReport() as unknown as {
    workers: { header: { threadId: number }; javascriptStack: { stack?: string[] } }[]
  }
  const own = report.workers.find(({ header }) => header.threadId === threadId)
  return own?.javascriptStack.stack?.join('\n') ?? 'at something that is not JavaScript'
}

function post(worker: Worker, message: ToThread): void {
  worker.postMessage(message)
}
