// The half of an exchange that the client sends: where the bytes of wsgi.input come from. A base
// class and not a part, because a part would be one more object for every request.
import type { ExchangeHost, HostedExchange } from './host.js'
import { type BodySource, GatewayInput } from './input.js'
import type { Environ } from './types.js'

export abstract class RequestBody implements BodySource, HostedExchange {
  readonly host: ExchangeHost
  readonly connection: number
  readonly generation: number
  readonly flags: number
  readonly input: GatewayInput
  environ: Environ | null = null
  listed = false
  private trailerPairs: [name: string, value: string][] | null = null
  /** A body that came whole with its head: undefined: it did not; null: nothing (more) of it. */
  private inline: Buffer | null | undefined = undefined
  private inlineAt = 0
  private inlineBytes = 0

  constructor(host: ExchangeHost, connection: number, generation: number, flags: number) {
    this.host = host
    this.connection = connection
    this.generation = generation
    this.flags = flags
    this.input = new GatewayInput(this)
  }

  abstract get done(): boolean
  abstract writable(): void
  abstract aborted(): void

  bodyArrived(): void {
    GatewayInput.wake(this.input)
  }

  addTrailers(lines: string): void {
    for (const line of lines.split('\r\n')) {
      const colon = line.indexOf(':')
      if (colon > 0) this.trailers.push([line.slice(0, colon).toLowerCase(), line.slice(colon + 2)])
    }
  }

  /** wsgi.trailers: filled when the body has come to its end. */
  get trailers(): [name: string, value: string][] {
    this.trailerPairs ??= []
    return this.trailerPairs
  }

  /** The whole body stands in the host's memory, until the round ends; 0 bytes: there is none. */
  setInline(at: number, bytes: number): void {
    this.inline = null
    this.inlineAt = at
    this.inlineBytes = bytes
  }

  /** The round ends: what was not read yet is copied. */
  keepInline(): void {
    if (this.inlineBytes === 0) return
    this.inline = this.host.copyBody(this.inlineAt, this.inlineBytes)
    this.inlineBytes = 0
  }

  readBody(): Buffer | null | undefined | [number, string] {
    if (this.inline === undefined) return this.host.readBody(this)
    // Another round may have written over it: those bytes belong to somebody else.
    if (this.inlineBytes > 0 && this.done) return [400, 'the request is over']
    this.keepInline()
    const inline = this.inline
    this.inline = null
    return inline
  }
}
