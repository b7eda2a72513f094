// wsgi.input: the request body, read asynchronously and never past its end.
//
// The words are Python's (read, readline, readlines, iteration by line), and `stream` is the same
// body as a web ReadableStream. Calls that overlap are served in the order in which they were made.
import { GatewayError } from '../errors.js'

/** Where the bytes come from. */
export interface BodySource {
  /**
   * The next bytes; null: the body is over; undefined: nothing yet, `GatewayInput.wake` follows.
   * A pair [status, reason]: the rest of the body cannot be read.
   */
  readBody(): Buffer | null | undefined | [number, string]
}

const LF = 0x0a
const EMPTY: Buffer = Buffer.alloc(0)

function checkSize(size: unknown): number {
  if (size === undefined || size === null) return Number.POSITIVE_INFINITY
  if (typeof size !== 'number' || !Number.isInteger(size)) {
    throw new TypeError(`wsgi.input: a size is a whole number of bytes, not ${String(size)}`)
  }
  return size < 0 ? Number.POSITIVE_INFINITY : size
}

/**
 * The face that applications see. It owns nothing until it is used: most requests have no body.
 * Private fields, so that JSON.stringify(environ) shows an empty object.
 */
export class GatewayInput {
  readonly #source: BodySource
  #reader: BodyReader | null = null

  constructor(source: BodySource) {
    this.#source = source
  }

  /**
   * Reads `size` bytes, fewer only at the end of the body; without a size (or with a negative one)
   * all that is left. An empty Buffer means the end.
   *
   * @throws {GatewayError} `ERR_BODY` with status 400, 408, 413: the body did not come whole
   * @see PEP 3333 "Input and Error Streams"
   */
  read(size?: number | null): Promise<Buffer> {
    const wanted = checkSize(size)
    const reader = this.#open()
    return reader.inTurn(() => reader.read(wanted))
  }

  /** Reads up to and with the next LF, at most `size` bytes. An empty Buffer means the end. */
  readline(size?: number | null): Promise<Buffer> {
    const limit = checkSize(size)
    const reader = this.#open()
    return reader.inTurn(() => reader.readline(limit))
  }

  /** Reads lines until they make up `hint` bytes, or all of them. */
  readlines(hint?: number | null): Promise<Buffer[]> {
    const enough = hint === 0 ? Number.POSITIVE_INFINITY : checkSize(hint)
    const reader = this.#open()
    return reader.inTurn(() => reader.readlines(enough))
  }

  /** Line by line, as Python iterates over a file. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const line = await this.readline()
      if (line.length === 0) return
      yield line
    }
  }

  /** The body as a web ReadableStream, chunk by chunk as it arrives. */
  get stream(): ReadableStream<Uint8Array> {
    return this.#open().asStream()
  }

  #open(): BodyReader {
    this.#reader ??= new BodyReader(this.#source)
    return this.#reader
  }

  /** For the server: the source has something new. */
  static wake(input: GatewayInput): void {
    input.#reader?.wake()
  }
}

class BodyReader {
  private readonly source: BodySource
  private readonly chunks: Buffer[] = []
  private bytes = 0
  private ended = false
  private failure: GatewayError | null = null
  private waiting: (() => void) | null = null
  private tail: Promise<unknown> | null = null
  private stream: ReadableStream<Uint8Array> | null = null

  constructor(source: BodySource) {
    this.source = source
  }

  wake(): void {
    const waiting = this.waiting
    this.waiting = null
    waiting?.()
  }

  asStream(): ReadableStream<Uint8Array> {
    this.stream ??= new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const chunk = await this.inTurn(() => this.readChunk())
          if (chunk.length === 0) controller.close()
          else controller.enqueue(chunk)
        },
      },
      { highWaterMark: 0 },
    )
    return this.stream
  }

  inTurn<T>(operation: () => Promise<T>): Promise<T> {
    const before = this.tail
    const result = before === null ? operation() : before.then(operation)
    const settled = result.then(
      () => {},
      () => {},
    )
    this.tail = settled
    void settled.then(() => {
      if (this.tail === settled) this.tail = null
    })
    return result
  }

  async read(wanted: number): Promise<Buffer> {
    while (this.bytes < wanted && (await this.pull()));
    return this.take(Math.min(wanted, this.bytes))
  }

  private async readChunk(): Promise<Buffer> {
    if (this.bytes === 0) await this.pull()
    return this.take(this.chunks[0]?.length ?? 0)
  }

  async readline(limit: number): Promise<Buffer> {
    let searched = 0
    let offset = 0
    for (;;) {
      const chunks = this.chunks
      for (; searched < chunks.length; searched++) {
        const at = chunks[searched].indexOf(LF)
        if (at >= 0) return this.take(Math.min(offset + at + 1, limit))
        offset += chunks[searched].length
      }
      if (offset >= limit || !(await this.pull())) return this.take(Math.min(offset, limit))
    }
  }

  async readlines(enough: number): Promise<Buffer[]> {
    const lines: Buffer[] = []
    for (let bytes = 0; bytes < enough; ) {
      const line = await this.readline(Number.POSITIVE_INFINITY)
      if (line.length === 0) break
      lines.push(line)
      bytes += line.length
    }
    return lines
  }

  /** Gets one more chunk. False: the body is over. */
  private async pull(): Promise<boolean> {
    while (!this.ended) {
      if (this.failure !== null) throw this.failure
      const next = this.source.readBody()
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          this.waiting = resolve
        })
      } else if (next === null) {
        this.ended = true
      } else if (Array.isArray(next)) {
        this.failure = new GatewayError('ERR_BODY', `wsgi.input: ${next[1]}`, next[0])
      } else {
        this.chunks.push(next)
        this.bytes += next.length
        return true
      }
    }
    return false
  }

  private take(size: number): Buffer {
    const chunks = this.chunks
    if (size === 0) return EMPTY
    this.bytes -= size
    const first = chunks[0]
    if (first.length > size) {
      chunks[0] = first.subarray(size)
      return first.subarray(0, size)
    }
    if (first.length === size) {
      chunks.shift()
      return first
    }
    const out = Buffer.allocUnsafe(size)
    let filled = 0
    let used = 0
    while (filled < size) {
      const chunk = chunks[used]
      const part = Math.min(chunk.length, size - filled)
      chunk.copy(out, filled, 0, part)
      filled += part
      if (part < chunk.length) chunks[used] = chunk.subarray(part)
      else used++
    }
    chunks.splice(0, used)
    return out
  }
}
