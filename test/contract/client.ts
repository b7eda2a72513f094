// A client on a bare socket: sends exactly these bytes, reads when it is told to, and knows how the
// connection ended.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type ByteSource, type Response, readResponse } from './response.js'

/** Where a server listens. */
export type Target = { readonly port: number; readonly host?: string } | { readonly path: string }

/** A wait that takes longer than this is a failure that says what it waited for. */
const PATIENCE_MS = 10_000

export class Client implements ByteSource {
  pending: Buffer = Buffer.alloc(0)
  wasReset = false
  /** Nothing more comes. */
  ended = false
  private readonly socket: Socket
  private readonly isTcp: boolean
  private readonly started = performance.now()
  private wake: () => void = () => {}

  private constructor(socket: Socket, isTcp: boolean) {
    this.socket = socket
    this.isTcp = isTcp
    socket.setNoDelay(true)
    socket.on('data', (bytes) => {
      this.pending = Buffer.concat([this.pending, bytes])
      this.wake()
    })
    const end = () => {
      this.ended = true
      this.wake()
    }
    // libuv takes a reset that comes together with bytes for an ordinary end; a write tells them
    // apart, because after a reset there is no connection to write to. Unix sockets have no resets.
    socket.on('end', () => {
      if (socket.writableEnded || !this.isTcp) return end()
      socket.write('\n', (error) => {
        if (error) this.wasReset = true
        end()
      })
    })
    socket.on('close', end)
    socket.on('error', () => {
      this.wasReset = true
      end()
    })
  }

  /** @param reading false: takes nothing from the socket before `resume` */
  static async open(target: Target, reading = true): Promise<Client> {
    const socket = connect({ ...target, allowHalfOpen: true })
    const client = new Client(socket, 'port' in target)
    if (!reading) socket.pause()
    try {
      await once(socket, 'connect')
    } catch (cause) {
      throw new Error('the server does not accept a connection', { cause })
    }
    return client
  }

  /** Sends a request, reads one response, closes. */
  static async ask(target: Target, bytes: Uint8Array | string, method = 'GET') {
    const client = await Client.open(target)
    try {
      client.send(bytes)
      return await client.response(method)
    } finally {
      client.close()
    }
  }

  send(bytes: Uint8Array | string): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Half-close: nothing more will be sent. */
  endSending(): void {
    this.socket.end()
  }

  reset(): void {
    if (this.isTcp) this.socket.resetAndDestroy()
    else this.socket.destroy()
  }

  close(): void {
    this.socket.destroy()
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  now(): number {
    return performance.now() - this.started
  }

  take(bytes: number): Buffer {
    const taken = this.pending.subarray(0, bytes)
    this.pending = this.pending.subarray(bytes)
    return taken
  }

  async more(): Promise<boolean> {
    if (this.ended) return false
    const before = this.pending.length
    const waited = new Promise<void>((resolve) => {
      this.wake = resolve
    })
    await within(waited, () => `bytes; so far ${JSON.stringify(this.pending.toString('latin1'))}`)
    return this.pending.length > before || !this.ended
  }

  /** The next response; null: the connection ended without one. */
  response(method = 'GET'): Promise<Response | null> {
    return readResponse(this, method)
  }

  /** Waits until `bytes` have arrived. */
  async gather(bytes: number): Promise<void> {
    while (this.pending.length < bytes) {
      if (!(await this.more())) throw new Error(`ended after ${this.pending.length} bytes`)
    }
  }

  /** Waits for the end of the connection; gives what still came. */
  async finish(): Promise<Buffer> {
    while (await this.more());
    return this.take(this.pending.length)
  }
}

/** `promise`, or an error that says what it was for. */
export async function within<T>(
  promise: Promise<T>,
  what: () => string,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what()}`)), patienceMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
