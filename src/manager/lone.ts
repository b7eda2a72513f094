// The facts about a server that has no master: it is its own only worker.
import { Scoreboard, type ScorePlace } from '../server/scoreboard.js'
import type { Listener } from '../server/sockets.js'
import { VERSION } from '../version.js'
import { memoryOf, socketFacts } from './census.js'
import type { Facts } from './stats.js'

export interface Opened {
  readonly listeners: readonly Listener[]
  readonly descriptors: readonly number[]
}

export class Lone {
  private readonly board: Scoreboard = new Scoreboard(-1, 1)
  private readonly spawnedAt = Math.floor(Date.now() / 1000)

  /** Where the server has to count. */
  get place(): ScorePlace {
    return { fd: this.board.fd, slots: 1, slot: 0 }
  }

  facts(app: string, { listeners, descriptors }: Opened): Facts {
    const score = this.board.read(0)
    const [vszBytes, rssBytes] = memoryOf(process.pid)
    const { pid } = process
    return {
      version: VERSION,
      pid,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      cwd: process.cwd(),
      app,
      sockets: socketFacts(listeners, descriptors),
      workers: [
        {
          id: 1,
          pid,
          accepting: true,
          rssBytes,
          vszBytes,
          spawnedAt: this.spawnedAt,
          respawns: 1,
          score,
          total: score,
          cores: [{ score, current: this.board.current(0) }],
        },
      ],
    }
  }
}
