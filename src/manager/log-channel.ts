// How descriptors of log files get from a master to a worker: over a socket of their own, beside the
// control channel, because Node's carries none. The control channel tells when to look.
import { closeSync } from 'node:fs'
import { loadAddon } from '../native/addon.js'
import type { LogKind } from '../server/log-files.js'

const TAGS: readonly LogKind[] = ['access', 'server']

/** The master's end. */
export class LogChannel {
  /** What the worker inherits. */
  readonly theirs: number
  private readonly ours: number
  private waiting: (() => void)[] = []
  private open = true

  constructor() {
    const [ours, theirs] = loadAddon().descriptorChannel()
    this.ours = ours
    this.theirs = theirs
  }

  /** The worker has inherited its end, or will not. */
  closeTheirs(): void {
    closeSync(this.theirs)
  }

  send(kind: LogKind, fd: number): void {
    loadAddon().sendDescriptor(this.ours, fd, TAGS.indexOf(kind))
  }

  /** Fulfilled when the worker has taken what was sent, or is gone. */
  taken(): Promise<void> {
    return this.open ? new Promise((done) => this.waiting.push(done)) : Promise.resolve()
  }

  /** The worker has said so; each message is answered once, in order. */
  take(): void {
    this.waiting.shift()?.()
  }

  close(): void {
    if (!this.open) return
    this.open = false
    closeSync(this.ours)
    for (const done of this.waiting.splice(0)) done()
  }
}

/** Everything that waits at the worker's end, the oldest first. */
export function receiveLogs(channel: number): (readonly [LogKind, number])[] {
  const addon = loadAddon()
  const received: (readonly [LogKind, number])[] = []
  for (;;) {
    const one = addon.receiveDescriptor(channel)
    if (one === null) return received
    received.push([TAGS[one[0]], one[1]])
  }
}
