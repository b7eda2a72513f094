// How many workers there should be while not all of `processes` are needed: uWSGI's cheaper
// subsystem, with its option names and its three algorithms. Pure: it is given what was seen since
// the last look, and says how many to start, or that one may go. Who goes, and how, is the master's:
// only one that has nothing to do.
//
//   spare      start some when no worker has been free for a while, let one go when two are free
//   backlog    follow the listen queue
//   busyness   keep the time that workers spend in the application between two marks
import type { Options } from '../config/options.js'

/** What was seen since the last look, a second ago. */
export interface Look {
  /** Of each worker that serves: the share of that second that it spent in the application, 0 to 1. */
  readonly loads: readonly number[]
  /** Connections that wait in the fullest listen queue. */
  readonly backlog: number
}

export interface Cheaper {
  /** How many workers to start, or -1: one may go. The caller keeps to the bounds. */
  decide(look: Look): number
}

export type CheaperOptions = Pick<
  Options,
  | 'processes'
  | 'cheaper'
  | 'cheaperInitial'
  | 'cheaperStep'
  | 'cheaperOverload'
  | 'cheaperAlgo'
  | 'cheaperBusynessMax'
  | 'cheaperBusynessMin'
  | 'cheaperBusynessMultiplier'
  | 'cheaperBusynessPenalty'
  | 'cheaperBusynessBacklogAlert'
  | 'cheaperBusynessBacklogStep'
>

/** A worker that spends more of its time than that in the application is not free. */
const BUSY = 0.5

/** null: all workers run all the time. */
export function makeCheaper(options: CheaperOptions): Cheaper | null {
  if (options.cheaper === 0 || options.cheaper >= options.processes) return null
  if (options.cheaperAlgo === 'backlog') return new Backlog(options)
  return options.cheaperAlgo === 'busyness' ? new Busyness(options) : new Spare(options)
}

/** How many workers a start begins with. */
export function initialWorkers(options: CheaperOptions): number {
  if (options.cheaper === 0) return options.processes
  return Math.min(options.processes, Math.max(options.cheaper, options.cheaperInitial))
}

class Spare implements Cheaper {
  private readonly options: CheaperOptions
  private overloaded = 0
  private idle = 0

  constructor(options: CheaperOptions) {
    this.options = options
  }

  decide({ loads }: Look): number {
    const free = loads.filter((load) => load < BUSY).length
    this.overloaded = free === 0 ? this.overloaded + 1 : 0
    this.idle = free >= 2 ? this.idle + 1 : 0
    if (this.overloaded >= this.options.cheaperOverload) {
      this.overloaded = 0
      return this.options.cheaperStep
    }
    if (this.idle < this.options.cheaperOverload) return 0
    this.idle = 0
    return -1
  }
}

class Backlog implements Cheaper {
  private readonly options: CheaperOptions
  private idle = 0

  constructor(options: CheaperOptions) {
    this.options = options
  }

  decide({ loads, backlog }: Look): number {
    const { cheaperOverload, cheaperStep } = this.options
    const free = loads.filter((load) => load < BUSY).length
    this.idle = backlog === 0 && free >= 2 ? this.idle + 1 : 0
    if (backlog > cheaperOverload) return cheaperStep
    if (this.idle < Math.max(1, cheaperOverload)) return 0
    this.idle = 0
    return -1
  }
}

class Busyness implements Cheaper {
  private readonly options: CheaperOptions
  private looks = 0
  private sum = 0
  /** Cycles in a row below the lower mark. */
  private low = 0
  /** How many of them it takes: more after each worker that was let go too early. */
  private patience: number
  private letGo = false

  constructor(options: CheaperOptions) {
    this.options = options
    this.patience = options.cheaperBusynessMultiplier
  }

  decide({ loads, backlog }: Look): number {
    const { options } = this
    if (backlog > options.cheaperBusynessBacklogAlert) {
      this.low = 0
      return options.cheaperBusynessBacklogStep
    }
    this.sum += loads.reduce((all, one) => all + one, 0) / Math.max(1, loads.length)
    if (++this.looks < options.cheaperOverload) return 0
    const busyness = (this.sum / this.looks) * 100
    this.looks = 0
    this.sum = 0
    return this.endCycle(busyness)
  }

  private endCycle(busyness: number): number {
    const { options } = this
    if (busyness > options.cheaperBusynessMax) {
      if (this.letGo && this.low === 0) this.patience += options.cheaperBusynessPenalty
      this.letGo = false
      this.low = 0
      return options.cheaperStep
    }
    if (busyness >= options.cheaperBusynessMin) {
      this.low = 0
      return 0
    }
    if (++this.low < this.patience) return 0
    this.low = 0
    this.letGo = true
    return -1
  }
}
