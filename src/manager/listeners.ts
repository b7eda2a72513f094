// The sockets of a master: bound once, handed to every worker, never accepted on here. They live as
// long as the master does, so no connection is lost while workers come and go.
import { formatAddress } from '../config/address.js'
import type { Options } from '../config/options.js'
import type { NativeEngine } from '../native/addon.js'
import type { Log } from '../server/log.js'
import { openSocket } from '../server/open-socket.js'
import { makeEngine } from '../server/server.js'
import { SocketFiles } from '../server/socket-files.js'
import { describeListener, type Listener, type Wanted, wantedSockets } from '../server/sockets.js'

/** Descriptors 0 to 2 are the standard streams, 3 is the control channel. */
const FIRST_DESCRIPTOR = 4

export class Listeners {
  readonly described: Listener[] = []
  private readonly descriptors: number[] = []
  private files: SocketFiles = new SocketFiles()
  private wanted: readonly Wanted[] = []
  // An engine that never starts: it opens and owns the sockets, and does nothing else.
  private engine: NativeEngine | null = null

  /** @throws {StartError} a socket cannot be opened; those that were are closed again */
  async open(options: Options, log: Log): Promise<void> {
    this.engine = makeEngine(options, {
      onRound() {},
      onDrained() {},
      onLog: (level, text) => log.native(level, text),
      resource: {},
    })
    this.files = new SocketFiles(options.vacuum)
    this.wanted = wantedSockets(options)
    try {
      for (const wanted of this.wanted) {
        const bound = await openSocket(this.engine, wanted, options, this.files)
        this.descriptors.push(bound.fd)
        this.described.push(describeListener(wanted, bound))
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** What a worker inherits behind its control channel. */
  get inheritance(): readonly number[] {
    return this.descriptors
  }

  /** The number by which a worker knows what it inherits behind these. */
  get nextDescriptor(): number {
    return FIRST_DESCRIPTOR + this.descriptors.length
  }

  /** The options of a worker: its sockets are what it inherits. */
  inherited(options: Options): Options {
    const of = (protocol: string) =>
      this.wanted.flatMap((wanted, i) =>
        wanted.protocol === protocol ? [`fd://${FIRST_DESCRIPTOR + i}`] : [],
      )
    return { ...options, httpSocket: of('http'), socket: of('uwsgi') }
  }

  /** Whether these options ask for the sockets that are open. */
  fits(options: Options): boolean {
    const names = (all: readonly Wanted[]) =>
      all.map(({ protocol, address }) => `${protocol} ${formatAddress(address)}`).join()
    return names(wantedSockets(options)) === names(this.wanted)
  }

  close(): void {
    this.files.remove()
    this.engine?.close()
    this.engine = null
  }
}
