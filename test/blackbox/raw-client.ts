// A raw HTTP/1.1 client that forgives nothing: what a response may not have is an error here, so
// that every test of the server is also a test of its framing.
//
// It sends the bytes it is given, in the pieces it is told; it never makes a request itself.
import { connect, type NetConnectOpts, type Socket } from 'node:net'

/** A TCP port (of 127.0.0.1 unless said), or the path of a unix socket ("\0name": abstract). */
export type Where = { port: number; host?: string } | { path: string }

export interface RawResponse {
  readonly status: number
  readonly reason: string
  readonly version: string
  /** In their order, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  /** Statuses of the interim (1xx) responses before it. */
  readonly interim: readonly number[]
  /** The server says that it closes, or the end of the body is the end of the connection. */
  readonly closes: boolean
}

export interface Delivery {
  /** Offsets at which the writes are cut. */
  readonly cuts?: readonly number[]
  /** One write for each byte. */
  readonly everyByte?: boolean
  /** Runs between two pieces. Default: one turn of the loop. */
  readonly between?: (piece: number) => Promise<unknown>
}

/** What came is not what a server may send. */
export class ProtocolError extends Error {
  override name = 'ProtocolError'
}

/** Nothing is late in these tests: a wait of this long is a failure. */
const PATIENCE_MS = 15_000

const STATUS_LINE_RE = /^HTTP\/(1\.[01]) ([1-5]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/
const FIELD_RE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/
const CHUNK_RE = /^([0-9A-Fa-f]{1,16})$/
const ONCE: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'content-type',
  'date',
  'server',
  'transfer-encoding',
])

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export class RawClient {
  readonly socket: Socket
  /** Our port, as the server sees it; 0: a unix socket. */
  readonly localPort: number
  private chunks: Buffer[] = []
  private size = 0
  private ended = false
  private failure: NodeJS.ErrnoException | null = null
  private waiters: (() => void)[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    this.localPort = socket.localPort ?? 0
    socket.on('data', (chunk) => {
      this.chunks.push(chunk)
      this.size += chunk.length
      this.wake()
    })
    socket.on('end', () => {
      this.ended = true
      this.wake()
    })
    socket.on('error', (error) => {
      this.failure = error
      this.wake()
    })
    socket.on('close', () => {
      this.ended = true
      this.wake()
    })
  }

  static connect(where: Where): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', noDelay: true, allowHalfOpen: true, ...where }
      const socket = connect(options as NetConnectOpts)
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new RawClient(socket))
      })
    })
  }

  /** The server has closed its side, or the connection broke. */
  get over(): boolean {
    return this.ended || this.failure !== null
  }

  /** The connection was reset instead of closed. */
  get broken(): boolean {
    return this.failure !== null
  }

  /** Bytes that came and were not taken yet. */
  get waiting(): number {
    return this.size
  }

  /**
   * Sends `bytes` and resolves when the kernel has them, or when the server has closed: what is
   * left then is not sent.
   */
  async send(bytes: Uint8Array | string, delivery: Delivery = {}): Promise<void> {
    const all = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
    const cuts = delivery.everyByte
      ? Array.from({ length: Math.max(all.length - 1, 0) }, (_, i) => i + 1)
      : (delivery.cuts ?? [])
    let at = 0
    let piece = 0
    for (const cut of [...cuts, all.length]) {
      if (piece++ > 0) await (delivery.between ?? nextTurn)(piece - 1)
      if (this.over) return
      await this.write(all.subarray(at, cut))
      at = cut
    }
  }

  private write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        this.socket.off('close', done)
        resolve()
      }
      this.socket.once('close', done)
      this.socket.write(bytes, done)
    })
  }

  /** Closes our writing side. */
  finish(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** Stops reading, so that the server sees a client that is slow. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /**
   * The next final response.
   *
   * @param method of the request: a response to HEAD has no body
   * @throws {ProtocolError} it is malformed, or the connection ended before it was whole
   */
  async response(method = 'GET'): Promise<RawResponse> {
    const interim: number[] = []
    for (;;) {
      const head = await this.head()
      if (head.status >= 200 || head.status === 101) {
        const { body, closes } = await this.body(head, method)
        return { ...head, body, interim, closes }
      }
      checkBodiless(head)
      interim.push(head.status)
    }
  }

  /** The next final response; null: the server closed without one. */
  async responseOrEnd(method = 'GET'): Promise<RawResponse | null> {
    if (!(await this.has(1))) return null
    return this.response(method)
  }

  /** Resolves when some byte is there, or the end. True: a byte. */
  has(bytes: number): Promise<boolean> {
    return this.until(() => this.size >= bytes)
  }

  /** Resolves when the server has closed its side; fails if it sends anything before that. */
  async end(): Promise<void> {
    if (await this.has(1)) {
      throw new ProtocolError(`more bytes where the end should be: ${this.excerpt()}`)
    }
  }

  /** Everything up to the end of the connection. */
  async rest(): Promise<Buffer> {
    await this.until(() => false)
    return this.take(this.size)
  }

  private async head(): Promise<Omit<RawResponse, 'body' | 'interim' | 'closes'>> {
    const line = await this.line()
    const match = STATUS_LINE_RE.exec(line)
    if (match === null) throw new ProtocolError(`not a status line: ${JSON.stringify(line)}`)
    const headers: [string, string][] = []
    const seen = new Set<string>()
    for (;;) {
      const text = await this.line()
      if (text === '') break
      const field = FIELD_RE.exec(text)
      if (field === null) throw new ProtocolError(`not a field: ${JSON.stringify(text)}`)
      const name = field[1].toLowerCase()
      if (seen.has(name) && ONCE.has(name)) throw new ProtocolError(`${name} twice`)
      seen.add(name)
      headers.push([name, field[2]])
    }
    return { version: match[1], status: Number(match[2]), reason: match[3], headers }
  }

  private async body(
    head: Pick<RawResponse, 'status' | 'headers' | 'version'>,
    method: string,
  ): Promise<{ body: Buffer; closes: boolean }> {
    const length = fieldOf(head, 'content-length')
    const coding = fieldOf(head, 'transfer-encoding')
    const tokens = (fieldOf(head, 'connection') ?? '').toLowerCase().split(/[ \t]*,[ \t]*/)
    const keeps = head.version === '1.1' || tokens.includes('keep-alive')
    const closes = tokens.includes('close') || !keeps
    if (length !== undefined && coding !== undefined) throw new ProtocolError('two framings')
    if (length !== undefined && !/^\d+$/.test(length)) throw new ProtocolError(`length ${length}`)
    if (head.status === 204) checkBodiless(head)
    if (method === 'HEAD' || head.status === 204 || head.status === 304 || head.status === 101) {
      return { body: Buffer.alloc(0), closes }
    }
    if (coding !== undefined) {
      if (coding !== 'chunked') throw new ProtocolError(`transfer-encoding ${coding}`)
      return { body: await this.chunked(), closes }
    }
    if (length !== undefined) return { body: await this.exactly(Number(length)), closes }
    return { body: await this.untilClose(), closes: true }
  }

  private async untilClose(): Promise<Buffer> {
    const body = await this.rest()
    if (this.failure !== null) throw new ProtocolError(`the body was cut: ${this.failure.code}`)
    return body
  }

  private async chunked(): Promise<Buffer> {
    const parts: Buffer[] = []
    for (;;) {
      const line = await this.line()
      const match = CHUNK_RE.exec(line)
      if (match === null) throw new ProtocolError(`not a chunk size: ${JSON.stringify(line)}`)
      const size = Number.parseInt(match[1], 16)
      if (size > 0) parts.push(await this.exactly(size))
      if ((await this.line()) !== '') throw new ProtocolError('no CRLF behind the chunk')
      if (size === 0) return Buffer.concat(parts)
    }
  }

  /** A line without its CRLF. */
  private async line(): Promise<string> {
    let seen = 0
    for (;;) {
      if (this.chunks.length > 1) this.chunks = [Buffer.concat(this.chunks)]
      const at = this.chunks[0]?.indexOf('\n', seen) ?? -1
      if (at >= 0) {
        const text = this.take(at + 1).toString('latin1')
        if (!text.endsWith('\r\n')) throw new ProtocolError(`bare LF: ${JSON.stringify(text)}`)
        return text.slice(0, -2)
      }
      seen = this.size
      if (!(await this.has(seen + 1))) throw this.cut('a line')
    }
  }

  private async exactly(bytes: number): Promise<Buffer> {
    if (!(await this.has(bytes))) throw this.cut(`${bytes} bytes`)
    return this.take(bytes)
  }

  private take(bytes: number): Buffer {
    if (bytes === 0) return Buffer.alloc(0)
    const all = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks)
    this.chunks = all.length > bytes ? [all.subarray(bytes)] : []
    this.size -= bytes
    return all.subarray(0, bytes)
  }

  private async until(condition: () => boolean): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new ProtocolError(`nothing more in ${PATIENCE_MS} ms: ${this.excerpt()}`)),
        PATIENCE_MS,
      )
    })
    try {
      while (!condition() && !this.over) {
        const news = new Promise<void>((resolve) => {
          this.waiters.push(resolve)
        })
        await Promise.race([news, late])
        timer?.refresh()
      }
    } finally {
      clearTimeout(timer)
      late.catch(() => {})
    }
    return condition()
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter()
  }

  private cut(what: string): ProtocolError {
    const how = this.failure === null ? 'closed' : (this.failure.code ?? 'broken')
    return new ProtocolError(`${how} where ${what} should be: ${this.excerpt()}`)
  }

  private excerpt(): string {
    const bytes = Buffer.concat(this.chunks)
    return `${bytes.length} bytes ${JSON.stringify(bytes.subarray(0, 200).toString('latin1'))}`
  }
}

/** The value of a field that comes at most once, by its lower-case name. */
export function fieldOf(head: Pick<RawResponse, 'headers'>, name: string): string | undefined {
  return head.headers.find(([candidate]) => candidate === name)?.[1]
}

function checkBodiless(head: Pick<RawResponse, 'status' | 'headers'>): void {
  for (const name of ['content-length', 'transfer-encoding']) {
    if (fieldOf(head, name) !== undefined) {
      throw new ProtocolError(`${name} in a response with status ${head.status}`)
    }
  }
}

/** Connects, sends one request, takes its response, closes. */
export async function exchange(
  where: Where,
  request: Uint8Array | string,
  method = 'GET',
): Promise<RawResponse> {
  const client = await RawClient.connect(where)
  try {
    await client.send(request)
    return await client.response(method)
  } finally {
    client.destroy()
  }
}
