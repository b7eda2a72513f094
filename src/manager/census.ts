// The facts about a pool: which processes have had which place in it, what they have done, and what
// the kernel says of them. Reads the scoreboard and /proc; decides nothing.
import { readFileSync } from 'node:fs'
import { loadAddon } from '../native/addon.js'
import { EMPTY_SCORE, type Score, type Scoreboard, sumOf } from '../server/scoreboard.js'
import type { Listener } from '../server/sockets.js'
import type { SocketFacts, WorkerFacts } from './stats.js'
import type { WorkerHandle } from './worker-handle.js'

/** What /proc counts memory in. */
const PAGE_BYTES = 4096

/** What is remembered of a place in the pool when its process has ended. */
interface Place {
  respawns: number
  past: Score
}

export class Census {
  private readonly board: Scoreboard
  private readonly places = new Map<number, Place>()
  /** Seconds of the epoch. */
  private readonly births = new WeakMap<WorkerHandle, number>()
  private readonly living = new Set<WorkerHandle>()

  constructor(board: Scoreboard) {
    this.board = board
  }

  spawned(worker: WorkerHandle): void {
    this.births.set(worker, Math.floor(Date.now() / 1000))
    this.living.add(worker)
    this.placeOf(worker.id).respawns++
  }

  /** Its slots are free again. */
  ended(worker: WorkerHandle): void {
    this.living.delete(worker)
    const place = this.placeOf(worker.id)
    place.past = sumOf(place.past, this.scoreOf(worker))
    this.board.release(worker.slot, worker.threads)
  }

  /** One entry for each place up to `wanted`, and for each that is still taken. */
  workers(wanted: number): WorkerFacts[] {
    const ids = new Set<number>()
    for (let id = 1; id <= wanted; id++) ids.add(id)
    for (const { id } of this.living) ids.add(id)
    return [...ids].sort((a, b) => a - b).map((id) => this.factsOf(id))
  }

  /** What the threads of a worker have done, together. */
  scoreOf({ slot, threads }: WorkerHandle): Score {
    let score = EMPTY_SCORE
    for (let i = 0; slot >= 0 && i < threads; i++) score = sumOf(score, this.board.read(slot + i))
    return score
  }

  private factsOf(id: number): WorkerFacts {
    const { respawns, past } = this.placeOf(id)
    const all = [...this.living].filter((worker) => worker.id === id)
    // The one that serves; of those that come and go, the last.
    const shown = all.find(({ state }) => state === 'ready') ?? all.at(-1)
    const total = all.map((worker) => this.scoreOf(worker)).reduce(sumOf, past)
    if (shown === undefined) return { ...ABSENT, id, respawns, total }
    const [vszBytes, rssBytes] = memoryOf(shown.pid)
    const slots =
      shown.slot < 0 ? [] : Array.from({ length: shown.threads }, (_, i) => shown.slot + i)
    return {
      id,
      pid: shown.pid,
      accepting: shown.state === 'ready',
      rssBytes,
      vszBytes,
      spawnedAt: this.births.get(shown) ?? 0,
      respawns,
      score: this.scoreOf(shown),
      total,
      cores: slots.map((slot) => ({
        score: this.board.read(slot),
        current: this.board.current(slot),
      })),
    }
  }

  private placeOf(id: number): Place {
    let place = this.places.get(id)
    if (place === undefined) {
      place = { respawns: 0, past: EMPTY_SCORE }
      this.places.set(id, place)
    }
    return place
  }
}

const ABSENT = {
  pid: 0,
  accepting: false,
  rssBytes: 0,
  vszBytes: 0,
  spawnedAt: 0,
  score: EMPTY_SCORE,
  cores: [],
} as const

/** [virtual, resident] in bytes; of a process that is gone nothing. */
export function memoryOf(pid: number): [number, number] {
  try {
    const [size, resident] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')
    return [Number(size) * PAGE_BYTES, Number(resident) * PAGE_BYTES]
  } catch {
    return [0, 0]
  }
}

export function socketFacts(
  described: readonly Listener[],
  descriptors: readonly number[],
): SocketFacts[] {
  return described.map(({ address, protocol }, i) => {
    const [queue, maxQueue] = loadAddon().listenQueue(descriptors[i]) ?? [0, 0]
    return { name: address, protocol, queue, maxQueue }
  })
}
