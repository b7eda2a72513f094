// One worker as its master sees it: a process with a control channel, from spawn to exit. Decides
// nothing; what follows from its end is the master's.
import { type ChildProcess, spawn } from 'node:child_process'
import type { Options } from '../config/options.js'
import { EXIT } from '../errors.js'
import type { LogKind } from '../server/log-files.js'
import type { ScorePlace } from '../server/scoreboard.js'
import { MAX_TIMER_MS } from '../server/server.js'
import { LogChannel } from './log-channel.js'
import { type FailedMessage, isMessage, type ToMaster, type ToWorker } from './messages.js'

export interface WorkerEvents {
  /** It accepts. */
  ready(worker: WorkerHandle, what: string): void
  /** It has worked enough. */
  tired(worker: WorkerHandle, why: string): void
  /** The process is gone. */
  ended(worker: WorkerHandle): void
}

export interface SpawnPlan {
  /** The script of a worker. */
  readonly script: string
  readonly app: string
  readonly options: Options
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly score: ScorePlace | undefined
  readonly threads: number
  /** Descriptors that it inherits behind its control channel. */
  readonly descriptors: readonly number[]
  /** Log files that it writes to. */
  readonly logs: readonly (readonly [LogKind, number])[]
}

/** Standard streams and control channel come before those that are inherited. */
const FIRST_DESCRIPTOR = 4

/** What is left of its mercy when a worker still has not ended: it is stuck, and is killed. */
const KILL_AFTER_MS = 1000

export class WorkerHandle {
  /** Its place in the pool, from 1 on. */
  readonly id: number
  /** Its place in the scoreboard, -1: it has none. */
  readonly slot: number
  /** How many slots it has, one for each engine. */
  readonly threads: number
  state: 'starting' | 'ready' | 'stopping' | 'ended' = 'starting'
  /** Whether its end is what was wanted. */
  told = false
  /** Whether it has accepted connections. */
  wasReady = false
  /** Why it could not start, if it has said so. */
  failure: FailedMessage | null = null
  /** Fulfilled when it accepts no more. */
  readonly quiet: Promise<void>
  private beQuiet: () => void = () => {}
  /** How it ended, for people. */
  end = ''
  readonly startedAt: number = performance.now()
  private readonly child: ChildProcess
  private killer: NodeJS.Timeout | undefined
  private readonly logChannel: LogChannel | null

  constructor(id: number, plan: SpawnPlan, events: WorkerEvents) {
    this.id = id
    this.slot = plan.score?.slot ?? -1
    this.threads = plan.threads
    this.quiet = new Promise((done) => {
      this.beQuiet = done
    })
    this.logChannel = plan.logs.length > 0 ? new LogChannel() : null
    const channel = this.logChannel === null ? [] : [this.logChannel.theirs]
    this.child = spawn(process.execPath, [...process.execArgv, plan.script], {
      cwd: plan.cwd,
      env: plan.env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...plan.descriptors, ...channel],
    })
    this.logChannel?.closeTheirs()
    this.child.on('message', (message: unknown) => {
      if (isMessage(message)) this.take(message as ToMaster, events)
    })
    this.child.on('error', (error) => this.finish(error.message, events))
    this.child.on('exit', (code, signal) =>
      this.finish(signal === null ? `exit code ${code}` : `signal ${signal}`, events),
    )
    this.patience(plan.options.workerStartTimeout)
    for (const [kind, fd] of plan.logs) this.logChannel?.send(kind, fd)
    this.send({
      postern: 'serve',
      app: plan.app,
      options: plan.options,
      score: plan.score,
      worker: id,
      logChannel: this.logChannel === null ? -1 : FIRST_DESCRIPTOR + plan.descriptors.length,
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** Fulfilled when it writes to that one and not to the one before, or is gone. */
  handOverLog(kind: LogKind, fd: number): Promise<void> {
    if (this.logChannel === null || this.state === 'ended') return Promise.resolve()
    this.logChannel.send(kind, fd)
    const taken = this.logChannel.taken()
    this.send({ postern: 'logs' })
    return taken
  }

  /** Lets it finish what runs; one that does not end in time is killed. */
  stop(mercyMs: number, idleGraceS: number): void {
    if (this.state === 'ended') return
    const starting = this.state === 'starting'
    this.state = 'stopping'
    this.told = true
    clearTimeout(this.killer)
    // One that is still loading serves nobody.
    if (starting) return this.kill()
    this.send({ postern: 'stop', mercyMs, idleGraceS })
    const patience = mercyMs + KILL_AFTER_MS
    if (patience <= MAX_TIMER_MS) this.killer = setTimeout(() => this.kill(), patience)
  }

  /** One that does not finish loading must not hold up a start, or a reload, for ever. */
  private patience(seconds: number): void {
    if (seconds === 0) return
    const starter = setTimeout(() => {
      if (this.state !== 'starting') return
      const message = `worker ${this.id} has not finished loading after ${seconds} s (worker-start-timeout)`
      this.failure = { postern: 'failed', message, exitCode: EXIT.PERMANENT }
      this.kill()
    }, seconds * 1000)
    starter.unref()
  }

  kill(): void {
    this.child.kill('SIGKILL')
  }

  private send(message: ToWorker): void {
    // It may have ended: then its exit says all that there is to say.
    if (this.child.connected) this.child.send(message, () => {})
  }

  private take(message: ToMaster, events: WorkerEvents): void {
    if (message.postern === 'failed') this.failure = message
    else if (message.postern === 'draining') this.beQuiet()
    else if (message.postern === 'logs-taken') this.logChannel?.take()
    else if (message.postern === 'tired') events.tired(this, message.why)
    else if (this.state === 'starting') {
      this.state = 'ready'
      this.wasReady = true
      events.ready(this, message.what)
    }
  }

  private finish(end: string, events: WorkerEvents): void {
    if (this.state === 'ended') return
    clearTimeout(this.killer)
    this.logChannel?.close()
    this.beQuiet()
    this.end = end
    this.state = 'ended'
    events.ended(this)
  }
}
