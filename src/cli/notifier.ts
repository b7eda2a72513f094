// What the init system hears from us, as sd_notify(3) has it: that we serve, reload or stop, and that
// we are alive. Without a socket to tell it to, every call does nothing.
import { loadAddon } from '../native/addon.js'
import type { Log } from '../server/log.js'
import type { InitSystem } from './init-system.js'
import type { Finishing } from './lifetime.js'

export class Notifier {
  private readonly log: Log
  private socket: string | undefined
  private readonly watchdogMs: number
  private heart: NodeJS.Timeout | undefined
  private complained = false

  constructor({ notifySocket, watchdogMs }: InitSystem, log: Log) {
    this.socket = notifySocket
    this.watchdogMs = watchdogMs
    this.log = log
  }

  /** Serving, after a start or a reload. */
  ready(status: string): void {
    this.say('READY=1', `STATUS=${oneLine(status)}`)
  }

  reloading(): void {
    // The clock that systemd calls monotonic.
    const now = process.hrtime.bigint() / 1000n
    this.say('RELOADING=1', `MONOTONIC_USEC=${now}`, 'STATUS=reloading')
  }

  /** Twice in the time that is allowed, as long as `alive` says so and the loop gets to it. */
  watch(alive: () => boolean): void {
    if (this.socket === undefined || this.watchdogMs === 0) return
    const beat = () => {
      if (alive()) this.say('WATCHDOG=1')
    }
    beat()
    this.heart = setInterval(beat, Math.max(1, this.watchdogMs / 2))
    this.heart.unref()
  }

  /** The same server, of whose end the init system hears. */
  announcing(server: Finishing): Finishing {
    return {
      close: () => {
        this.say('STOPPING=1', 'STATUS=finishing what runs')
        // A reload that ends now changes nothing any more.
        this.silence()
        return server.close()
      },
      closeNow: () => server.closeNow(),
    }
  }

  private silence(): void {
    clearInterval(this.heart)
    this.socket = undefined
  }

  private say(...lines: string[]): void {
    if (this.socket === undefined) return
    const error = loadAddon().notify(this.socket, lines.join('\n'))
    if (error === null || this.complained) return
    this.complained = true
    this.log.warning(`the init system does not hear us, NOTIFY_SOCKET ${this.socket}: ${error}`)
  }
}

function oneLine(text: string): string {
  return text.split('\n', 1)[0]
}
