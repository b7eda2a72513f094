// Watches how busy the workers of a pool are, once a second, and has cheaper.ts decide how many there
// should be. Starting and retiring is the master's.
import type { Score } from '../server/scoreboard.js'
import { type Cheaper, type CheaperOptions, initialWorkers, makeCheaper } from './cheaper.js'
import type { WorkerHandle } from './worker-handle.js'

const LOOK_MS = 1000

/** What it needs to know, and whom it tells. */
export interface Sized {
  /** Those that serve; null: not now, a reload has its own idea of how many there are. */
  serving(): readonly WorkerHandle[] | null
  scoreOf(worker: WorkerHandle): Score
  /** Connections that wait in the fullest listen queue. */
  backlog(): number
  /** So many are wanted from now on; `leaving` is the one that goes, if one goes. */
  resize(wanted: number, leaving?: WorkerHandle): void
}

export class Sizing {
  private options: CheaperOptions
  private cheaper: Cheaper | null
  private readonly sized: Sized
  private readonly before = new WeakMap<WorkerHandle, { busyNs: number; at: number }>()

  constructor(options: CheaperOptions, sized: Sized) {
    this.options = options
    this.cheaper = makeCheaper(options)
    this.sized = sized
  }

  /**
   * @param options of a reload
   * @param now how many there are, 0 before the start
   * @returns how many there are to be
   */
  adopt(options: CheaperOptions, now: number): number {
    this.options = options
    this.cheaper = makeCheaper(options)
    if (this.cheaper === null) return options.processes
    return Math.min(options.processes, Math.max(initialWorkers(options), now))
  }

  start(): void {
    setInterval(() => this.look(), LOOK_MS).unref()
  }

  private look(): void {
    const serving = this.sized.serving()
    if (this.cheaper === null || serving === null || serving.length === 0) return
    const loads = serving.map((worker) => this.loadOf(worker))
    const change = this.cheaper.decide({ loads, backlog: this.sized.backlog() })
    const { cheaper: least, processes: most } = this.options
    if (change > 0 && serving.length < most) {
      this.sized.resize(Math.min(most, serving.length + change))
    } else if (change < 0 && serving.length > least) {
      // Busy ones never leave; of the others the one that came last.
      const leaving = serving.findLast(
        (worker: WorkerHandle) => this.sized.scoreOf(worker).inFlight === 0,
      )
      if (leaving !== undefined) this.sized.resize(serving.length - 1, leaving)
    }
  }

  /** The share of the time since the last look that it has spent in the application. */
  private loadOf(worker: WorkerHandle): number {
    const at = Number(process.hrtime.bigint())
    const { busyNs, busySinceNs } = this.sized.scoreOf(worker)
    const busy = busyNs + (busySinceNs > 0 ? Math.max(0, at - busySinceNs) : 0)
    const before = this.before.get(worker) ?? { busyNs: busy, at: at - 1 }
    this.before.set(worker, { busyNs: busy, at })
    return Math.min(1, Math.max(0, (busy - before.busyNs) / (at - before.at)))
  }
}
