// Reloads of a pool, one at a time: all workers at once, or one behind the other. The old worker is
// never stopped before the new one serves, and a deployment that does not start leaves the old ones
// where they are.
import { setTimeout as sleep } from 'node:timers/promises'
import { StartError } from '../errors.js'
import type { Log } from '../server/log.js'
import type { MasterPlan } from './master-plan.js'
import type { WorkerHandle } from './worker-handle.js'

/** How long a reload waits until the old workers accept no more: a stuck one does not hear. */
const MOST_QUIET_MS = 1000

export interface ReloadRequest {
  /** The configuration, read again. */
  read(): Promise<MasterPlan>
  /** One worker behind the other: needs the memory of one more, not of twice as many. */
  readonly chain: boolean
}

/** What is reloaded. */
export interface Pool {
  readonly isClosing: boolean
  plan: MasterPlan
  wanted: number
  /** Of the workers that serve. */
  readonly pids: readonly number[]
  living(): readonly WorkerHandle[]
  /** How many there are to be, as the plan and the load have it. */
  size(): number
  /** Takes a plan, or says why it cannot. */
  adopt(read: () => Promise<MasterPlan>): Promise<StartError | null>
  /** Starts workers for these places; resolves when all of them serve, or with why they cannot. */
  startWorkers(ids: readonly number[]): Promise<StartError | null>
  retire(worker: WorkerHandle): void
  /** Everybody is new: no replacement of an old one is waited for any more. */
  forgetReplacements(): void
  /** Makes as many workers as are wanted, and replaces those that have worked enough. */
  settle(): void
}

export class Reloads {
  private readonly pool: Pool
  private readonly log: Log
  private next: { request: ReloadRequest; done: (failure: StartError | null) => void }[] = []
  /** One is under way. */
  running = false

  constructor(pool: Pool, log: Log) {
    this.pool = pool
    this.log = log
  }

  /**
   * Reloads, behind a reload that is under way; those that come meanwhile are one.
   *
   * @returns why the old workers keep serving; null: they do not
   */
  async ask(request: ReloadRequest): Promise<StartError | null> {
    if (this.pool.isClosing) return new StartError('the server is stopping')
    if (this.running) return new Promise((done) => this.next.push({ request, done }))
    this.running = true
    let failure: StartError | null
    try {
      failure = await (request.chain ? this.chain(request) : this.all(request))
    } finally {
      this.running = false
    }
    const waiting = this.next
    this.next = []
    const last = waiting.at(-1)
    if (last !== undefined) {
      void this.ask(last.request).then((result) => {
        for (const { done } of waiting) done(result)
      })
    }
    return failure
  }

  private async all({ read }: ReloadRequest): Promise<StartError | null> {
    const { pool } = this
    const before = [...pool.living()]
    const old = { plan: pool.plan, wanted: pool.wanted }
    let failure = await pool.adopt(read)
    if (failure === null) {
      pool.wanted = pool.size()
      failure = await pool.startWorkers(Array.from({ length: pool.wanted }, (_, i) => i + 1))
    }
    if (pool.isClosing) return failure
    if (failure === null) {
      for (const worker of before) pool.retire(worker)
      pool.forgetReplacements()
      await untilQuiet(before)
      this.log.info(`reloaded: workers ${pool.pids.join(', ')} serve`)
    } else {
      Object.assign(pool, old)
      this.log.error(`reload failed, the old workers keep serving: ${failure.message}`)
      pool.settle()
    }
    return failure
  }

  private async chain({ read }: ReloadRequest): Promise<StartError | null> {
    const { pool } = this
    const before = pool.living().filter(({ state }) => state === 'ready')
    const old = { plan: pool.plan, wanted: pool.wanted }
    let failure = await pool.adopt(read)
    let replaced = 0
    for (const worker of before) {
      if (failure !== null || pool.isClosing) break
      failure = await pool.startWorkers([worker.id])
      if (failure !== null || pool.isClosing) break
      pool.retire(worker)
      await untilQuiet([worker])
      replaced++
    }
    if (pool.isClosing) return failure
    if (failure === null) {
      pool.wanted = pool.size()
      this.log.info(`reloaded: workers ${pool.pids.join(', ')} serve`)
    } else {
      // Half new, half old: what has to be started from here on is what was good before.
      Object.assign(pool, old)
      this.log.error(
        `chain reload stopped, ${replaced} of ${before.length} workers are new, the old ones keep ` +
          `serving: ${failure.message}`,
      )
    }
    pool.settle()
    return failure
  }
}

/** Who reads that a reload is over may try the new version at once: no old worker is to answer that. */
async function untilQuiet(workers: readonly WorkerHandle[]): Promise<void> {
  await Promise.race([
    Promise.all(workers.map(({ quiet }) => quiet)),
    sleep(MOST_QUIET_MS, undefined, { ref: false }),
  ])
}
