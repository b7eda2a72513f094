// Harakiri of the last resort: a worker whose loop stands still, and that does not end itself. Its
// own watchdog cannot interrupt native code, such as execSync; the master can kill it.
import type { Log } from '../server/log.js'
import type { Scoreboard } from '../server/scoreboard.js'
import type { WorkerHandle } from './worker-handle.js'

const LOOK_MS = 1000
/** What its own watchdog may take to say what runs, and to answer those who wait. */
const WATCHDOG_S = 5

export interface Beating {
  readonly workers: Iterable<WorkerHandle>
  /** 0: nobody is killed. */
  readonly harakiriS: number
}

interface Pulse {
  turns: number
  /** Looks since it has moved. Not seconds: a machine that was asleep has not turned either. */
  still: number
}

export class Heartbeat {
  private readonly board: Scoreboard
  private readonly log: Log
  private readonly pulses = new WeakMap<WorkerHandle, Pulse>()

  constructor(board: Scoreboard, log: Log) {
    this.board = board
    this.log = log
  }

  start(look: () => Beating): void {
    setInterval(() => this.look(look()), LOOK_MS).unref()
  }

  private look({ workers, harakiriS }: Beating): void {
    if (harakiriS === 0) return
    for (const worker of workers) {
      if (worker.slot < 0 || this.stillOf(worker) < harakiriS + WATCHDOG_S) continue
      const request = this.board.current(worker.slot)
      const last = request === null ? '' : `, last request: ${request.method} ${request.uri}`
      this.log.error(
        `harakiri: worker ${worker.id} (pid ${worker.pid}) is held by native code and is killed${last}`,
      )
      this.pulses.delete(worker)
      worker.kill()
    }
  }

  private stillOf(worker: WorkerHandle): number {
    const { turns, connections } = this.board.read(worker.slot)
    const pulse = this.pulses.get(worker)
    if (pulse === undefined || pulse.turns !== turns || connections === 0) {
      this.pulses.set(worker, { turns, still: 0 })
      return 0
    }
    pulse.still++
    return pulse.still
  }
}
