// The master: opens the sockets once, keeps N workers alive on them, replaces them one generation by
// another. It never accepts a connection, never loads the application, and so survives whatever a
// worker does. When its process ends, and by which signals, is cli/lifetime.ts.
//
//   start ── all ready ──► serving ── reload: new generation ready ──► the old one drains
//                             │                     └─ it fails: the old one goes on serving
//                             └── close: all drain, sockets go
import { StartError } from '../errors.js'
import type { Log } from '../server/log.js'
import type { LogFiles } from '../server/log-files.js'
import { Scoreboard, type ScorePlace } from '../server/scoreboard.js'
import type { Listener } from '../server/sockets.js'
import { VERSION } from '../version.js'
import { Backoff } from './backoff.js'
import { Census, socketFacts } from './census.js'
import { Heartbeat } from './heartbeat.js'
import { Listeners } from './listeners.js'
import type { MasterPlan } from './master-plan.js'
import { type Pool, type ReloadRequest, Reloads } from './reloads.js'
import { Sizing } from './sizing.js'
import type { Facts } from './stats.js'
import { WorkerHandle } from './worker-handle.js'

/** Workers of a generation, of the one before, and replacements: never that many threads. */
const SLOTS = 4096

/** Workers that cannot start one behind the other: then the start, or the reload, has failed. */
const MOST_FAILURES = 3
/** How long to wait before a tired worker is tried to be replaced again. */
const REPLACE_AGAIN_MS = 10_000
/** How long idle keep-alive connections of an old worker may bring one more request. */
const IDLE_GRACE_S = 2

/** A set of workers that is waited for: those of the start, or of a reload. */
interface Awaited {
  readonly workers: Set<WorkerHandle>
  failures: number
  done(failure: StartError | null): void
}

export class Master implements Pool {
  plan: MasterPlan
  private readonly script: string
  private readonly log: Log
  private readonly logFiles: LogFiles
  private readonly listeners: Listeners = new Listeners()
  private readonly board: Scoreboard = new Scoreboard(-1, SLOTS)
  private readonly heartbeat: Heartbeat
  private readonly census: Census = new Census(this.board)
  private readonly sizing: Sizing
  /** All that live: of this generation, and those of the last one that still drain. */
  private readonly workers = new Set<WorkerHandle>()
  private readonly backoffs = new Map<number, Backoff>()
  private readonly timers = new Set<NodeJS.Timeout>()
  wanted: number
  private awaited: Awaited | null = null
  /** Those that have worked enough and wait for their turn to be replaced. */
  private readonly tired = new Set<WorkerHandle>()
  /** Replacements that do not accept yet → whom they replace. */
  private readonly replacing = new Map<WorkerHandle, WorkerHandle>()
  private readonly reloads: Reloads
  private what = ''
  private closing: Promise<void> | null = null
  private closed: () => void = () => {}

  /** @param script what a worker process runs */
  constructor(plan: MasterPlan, script: string, log: Log, logFiles: LogFiles) {
    this.plan = plan
    this.logFiles = logFiles
    this.script = script
    this.log = log
    this.wanted = plan.options.processes
    this.heartbeat = new Heartbeat(this.board, log)
    this.reloads = new Reloads(this, log)
    this.sizing = new Sizing(plan.options, {
      serving: () => (this.closing === null && !this.reloads.running ? this.counted() : null),
      scoreOf: (worker) => this.census.scoreOf(worker),
      backlog: () => Math.max(...this.facts().sockets.map(({ queue }) => queue)),
      resize: (wanted, leaving) => this.resize(wanted, leaving),
    })
  }

  get sockets(): readonly Listener[] {
    return this.listeners.described
  }

  /** The interface of the application, as the first worker found it. */
  get interface(): string {
    return this.what
  }

  get pids(): readonly number[] {
    return [...this.workers].filter(({ state }) => state === 'ready').map(({ pid }) => pid)
  }

  /** What a stats socket tells. */
  facts(): Facts {
    return {
      version: VERSION,
      pid: process.pid,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      cwd: this.plan.cwd,
      app: this.plan.app,
      sockets: socketFacts(this.listeners.described, this.listeners.inheritance),
      workers: this.census.workers(this.wanted),
    }
  }

  /**
   * Opens the sockets and starts the workers.
   *
   * @param opened called in between: the workers are started by what the process is then
   * @returns when all of them accept
   * @throws {StartError} a socket cannot be opened, or three workers in a row could not start
   */
  async start(opened: () => void = () => {}): Promise<void> {
    await this.listeners.open(this.plan.options, this.log)
    opened()
    this.logFiles.watch(async (kind, fd) => {
      await Promise.all([...this.workers].map((worker) => worker.handOverLog(kind, fd)))
    })
    this.wanted = this.size()
    const failure = await this.startWorkers(Array.from({ length: this.wanted }, (_, i) => i + 1))
    if (failure !== null) throw failure
    this.sizing.start()
    this.heartbeat.start(() => ({ workers: this.workers, harakiriS: this.plan.options.harakiri }))
  }

  /**
   * Replaces the workers. The old ones are told to finish when the new ones accept; if those cannot
   * start, nothing changes but a line in the log. A call during a reload follows it.
   *
   * @returns why the old workers keep serving; null: they do not
   */
  reload(request: ReloadRequest): Promise<StartError | null> {
    return this.reloads.ask(request)
  }

  /** TTIN and TTOU: one worker more or less. */
  scale(by: number): void {
    const wanted = Math.max(1, this.wanted + by)
    if (this.closing !== null || this.reloads.running || wanted === this.wanted) return
    this.resize(wanted)
  }

  private resize(wanted: number, leaving?: WorkerHandle): void {
    this.wanted = wanted
    this.log.info(`${wanted} ${wanted === 1 ? 'worker' : 'workers'} from now on`)
    if (leaving !== undefined) this.retire(leaving)
    this.level()
  }

  /**
   * Lets the workers finish what runs.
   *
   * @returns when all of them have ended and the sockets are closed; the same promise for every call
   */
  close(): Promise<void> {
    this.closing ??= new Promise((resolve) => {
      this.closed = resolve
      for (const timer of this.timers) clearTimeout(timer)
      const mercy = this.plan.options.workerReloadMercy * 1000
      for (const worker of this.workers) worker.stop(mercy, 0)
      this.finishClosing()
    })
    return this.closing
  }

  /** Kills the workers: what still runs is cut. */
  closeNow(): void {
    this.closing ??= Promise.resolve()
    for (const worker of this.workers) worker.kill()
    this.listeners.close()
  }

  // --- what reloads ask for ---

  async adopt(read: () => Promise<MasterPlan>): Promise<StartError | null> {
    try {
      const plan = await read()
      if (!this.listeners.fits(plan.options)) {
        this.log.warning('the sockets of the configuration have changed: they stay until a restart')
      }
      if (!this.logFiles.fits(plan.options)) {
        this.log.warning(
          'the log files of the configuration have changed: they stay until a restart',
        )
      }
      this.plan = plan
      return null
    } catch (error) {
      return error instanceof StartError ? error : new StartError(String(error))
    }
  }

  size(): number {
    return this.sizing.adopt(this.plan.options, this.pids.length)
  }

  async startWorkers(ids: readonly number[]): Promise<StartError | null> {
    const workers = new Set<WorkerHandle>()
    const failure = await new Promise<StartError | null>((done) => {
      this.awaited = { workers, failures: 0, done }
      for (const id of ids) workers.add(this.spawn(id))
    })
    this.awaited = null
    if (failure !== null) for (const worker of workers) this.retire(worker)
    return failure
  }

  private spawn(id: number): WorkerHandle {
    const { app, cwd, env, options } = this.plan
    const plan = {
      script: this.script,
      app,
      cwd,
      env,
      options: this.listeners.inherited(options),
      score: this.takeScore(options.threads),
      threads: options.threads,
      descriptors: [...this.listeners.inheritance, this.board.fd],
      logs: this.logFiles.open,
    }
    const worker = new WorkerHandle(id, plan, {
      ready: (one, what) => this.onReady(one, what),
      tired: (one, why) => this.onTired(one, why),
      ended: (one) => this.onEnded(one),
    })
    this.workers.add(worker)
    this.census.spawned(worker)
    return worker
  }

  private takeScore(threads: number): ScorePlace | undefined {
    const slot = this.board.take(threads)
    if (slot < 0) return undefined
    return { fd: this.listeners.nextDescriptor, slots: SLOTS, slot }
  }

  private onReady(worker: WorkerHandle, what: string): void {
    this.what = what
    if (this.replacing.has(worker)) return this.onReplaced(worker)
    const { awaited } = this
    if (awaited?.workers.has(worker) !== true) return
    awaited.failures = 0
    if ([...awaited.workers].every(({ state }) => state === 'ready')) awaited.done(null)
  }

  private onEnded(worker: WorkerHandle): void {
    this.workers.delete(worker)
    this.census.ended(worker)
    if (this.closing !== null) return this.finishClosing()
    if (this.awaited?.workers.delete(worker) === true) return this.onAwaitedEnded(worker)
    this.tired.delete(worker)
    if (this.replacing.has(worker)) return this.onReplacementEnded(worker)
    if (worker.told) return
    const why = worker.failure?.message ?? worker.end
    if (this.counted().length + this.timers.size >= this.wanted) {
      return this.log.error(`worker ${worker.id} (pid ${worker.pid}) ended: ${why}`)
    }
    const backoff = this.backoffs.get(worker.id) ?? new Backoff()
    this.backoffs.set(worker.id, backoff)
    const delay = backoff.after(performance.now() - worker.startedAt, worker.wasReady)
    const when = delay === 0 ? 'now' : `in ${delay / 1000} s`
    this.log.error(`worker ${worker.id} (pid ${worker.pid}) ended, replaced ${when}: ${why}`)
    this.later(delay, () => {
      if (this.counted().length < this.wanted) this.spawn(worker.id)
    })
  }

  /** One of a start or a reload could not start, or did not live until the others could. */
  private onAwaitedEnded(worker: WorkerHandle): void {
    const awaited = this.awaited as Awaited
    const message = worker.failure?.message ?? `worker ${worker.id} ended: ${worker.end}`
    if (++awaited.failures >= MOST_FAILURES) {
      return awaited.done(new StartError(message, worker.failure?.exitCode))
    }
    this.log.error(`worker ${worker.id} (pid ${worker.pid}) could not start: ${firstLine(message)}`)
    awaited.workers.add(this.spawn(worker.id))
  }

  // --- recycling ---

  private onTired(worker: WorkerHandle, why: string): void {
    if (worker.state !== 'ready') return
    this.log.info(`worker ${worker.id} (pid ${worker.pid}) is to be replaced: ${why}`)
    this.tired.add(worker)
    this.replaceTired()
  }

  /** The replacement comes first, and never for more than a quarter of the workers at once. */
  private replaceTired(): void {
    // A reload replaces them anyway.
    if (this.closing !== null || this.reloads.running) return
    const most = Math.max(1, Math.floor(this.wanted / 4))
    for (const worker of this.tired) {
      if (this.replacing.size >= most) return
      this.tired.delete(worker)
      if (worker.state === 'ready') this.replacing.set(this.spawn(worker.id), worker)
    }
  }

  private onReplaced(worker: WorkerHandle): void {
    const old = this.replacing.get(worker)
    this.replacing.delete(worker)
    if (old !== undefined) this.retire(old)
    this.level()
    this.replaceTired()
  }

  /** The old one serves on; another try comes when a mistake may have been mended. */
  private onReplacementEnded(worker: WorkerHandle): void {
    const old = this.replacing.get(worker)
    this.replacing.delete(worker)
    const why = worker.failure?.message ?? worker.end
    this.log.error(`the replacement of worker ${worker.id} could not start, it serves on: ${why}`)
    this.level()
    setTimeout(() => {
      if (old !== undefined) this.tired.add(old)
      this.replaceTired()
    }, REPLACE_AGAIN_MS).unref()
  }

  // --- the pool ---

  get isClosing(): boolean {
    return this.closing !== null
  }

  living(): readonly WorkerHandle[] {
    return [...this.workers]
  }

  forgetReplacements(): void {
    this.replacing.clear()
  }

  settle(): void {
    this.level()
    this.replaceTired()
  }

  /** Those that serve or will, the oldest first: replacements count when they serve. */
  private counted(): WorkerHandle[] {
    return [...this.workers].filter(
      (worker) =>
        (worker.state === 'starting' || worker.state === 'ready') && !this.replacing.has(worker),
    )
  }

  /** Others accept on its sockets: it finishes what it has. */
  retire(worker: WorkerHandle): void {
    worker.stop(this.plan.options.workerReloadMercy * 1000, IDLE_GRACE_S)
  }

  /** Starts those that are missing, retires those that are too many. */
  private level(): void {
    const counted = this.counted()
    for (const worker of counted.slice(this.wanted)) this.retire(worker)
    const taken = new Set(counted.map(({ id }) => id))
    for (let id = 1, missing = this.wanted - counted.length; missing > 0; id++) {
      if (taken.has(id)) continue
      this.spawn(id)
      missing--
    }
  }

  private later(delayMs: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      if (this.closing === null) then()
    }, delayMs)
    this.timers.add(timer)
  }

  private finishClosing(): void {
    if (this.workers.size > 0) return
    this.listeners.close()
    this.closed()
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]
}
