// One request and its response: calls the application, follows startResponse, write and the result,
// and tells the host what to send. Pure: sockets, files and the addon are behind ExchangeHost.
//
//   kNew ──startResponse──► kStarted ──first non-empty block──► kSent ──► kDone
//     any ──the client is gone──► kAborted                      any ──error──► kDone
//
// The rules are those of PEP 3333; docs/gateway.md numbers them, test/gateway tests each by number.
import { STATUS_CODES } from 'node:http'
import { describeError, GatewayError } from '../errors.js'
import { FLAG_HEAD, HEAD_NO_BODY, HEAD_NO_LENGTH } from '../native/layout.js'
import type { FileWrapperClass, WrappedFile } from './file-wrapper.js'
import type { Head, HeadCache, HeadFacts } from './headers.js'
import { type BodySource, GatewayInput } from './input.js'
import type { Block, Environ, GatewayApp, HeaderPair, ResponseBody, Write } from './types.js'

/** What an exchange needs from the server that runs it. */
export interface ExchangeHost {
  readonly heads: HeadCache
  readonly FileWrapper: FileWrapperClass
  /** Above this many waiting bytes the application pauses. */
  readonly highWaterBytes: number
  /** Error pages show the stack. Never in production. */
  readonly dev: boolean

  /** A whole response; Content-Length is the size of `body`. */
  respond(exchange: Exchange, head: Head, body: Block): void
  /** A whole response that has neither a body nor a Content-Length. */
  respondBare(exchange: Exchange, head: Head): void
  /** A response that comes in blocks. `length` of all of them in bytes, -1: unknown. */
  start(exchange: Exchange, head: Head, length: number): void
  /** Hands a block to the kernel; returns the bytes that it did not take yet. */
  write(exchange: Exchange, bytes: Uint8Array): number
  writeFile(exchange: Exchange, fd: number, offset: number, length: number): number
  fileExtent(fd: number): [number, number] | null
  end(exchange: Exchange): void
  /** Cuts the response so that the client sees that it is not whole. */
  abort(exchange: Exchange): void
  /** `exchange.writable()` follows, at once or when the client has caught up. */
  awaitWritable(exchange: Exchange): void
  readBody(exchange: Exchange): Buffer | null | undefined | [number, string]
  /** A copy of a body that was told to `Exchange.setInline`. */
  copyBody(at: number, bytes: number): Buffer
  /** One error-level line, with the stack where there is one. */
  logError(message: string, error?: unknown): void
}

const kNew = 0
const kStarted = 1
const kSent = 2
const kDone = 3
const kAborted = 4

/** Arrays up to this many bytes are joined and sent as one block. */
const JOIN_BYTES = 64 * 1024
/**
 * After this many bytes in one go the event loop gets a turn, however much the client takes: only
 * from there comes the news that it has gone, and other requests wait there too.
 */
const BURST_BYTES = 1024 * 1024
/** What a block counts besides its bytes, so that empty ones add up as well. */
const BLOCK_COST = 64

type AnyIterator = Iterator<Block> | AsyncIterator<Block>

export class Exchange implements BodySource, HeadFacts {
  readonly host: ExchangeHost
  readonly connection: number
  readonly generation: number
  readonly flags: number
  readonly input: GatewayInput
  /** Content-Length as the application gave it, -1: it did not. */
  contentLength = -1
  private state = kNew
  private head: Head | null = null
  private sent = 0
  /** The client has more than enough to read. */
  private behind = false
  /** `writable` is to go on with the iterator. */
  private paused = false
  private burst = 0
  /** What is over the Content-Length is cut without a word: a file is longer than the part wanted. */
  private clips = false
  private result: unknown = undefined
  private iterator: AnyIterator | null = null
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

  /** The response is complete, or will never be. */
  get done(): boolean {
    return this.state >= kDone
  }

  run(app: GatewayApp, environ: Environ): void {
    let result: ResponseBody | Promise<ResponseBody>
    try {
      result = app(environ, (status, headers, error) => this.startResponse(status, headers, error))
    } catch (error) {
      this.fail(error)
      return
    }
    this.take(result)
  }

  // --- called by the host ---

  /** The client is gone. */
  aborted(): void {
    if (this.state >= kDone) return
    this.state = kAborted
    GatewayInput.wake(this.input)
    this.closeResult()
  }

  /** More of the request body can be read. */
  bodyArrived(): void {
    GatewayInput.wake(this.input)
  }

  /** The client has caught up. */
  writable(): void {
    if (!this.paused) return
    this.paused = false
    this.behind = false
    if (this.iterator !== null) this.pump(this.iterator)
  }

  /** Takes "name: value CRLF" lines. */
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

  // --- called by the application ---

  private startResponse(status: string, headers: readonly HeaderPair[], error?: unknown): Write {
    if (this.state >= kDone) throw ended()
    if (error !== undefined && error !== null) {
      if (this.state === kSent) throw error
    } else if (this.head !== null) {
      throw new GatewayError('ERR_START_TWICE', 'startResponse was called a second time')
    }
    this.head = this.host.heads.get(status, headers, this)
    this.state = kStarted
    return (data) => this.write(data)
  }

  private write(data: Block): boolean {
    if (this.state >= kDone) throw ended()
    this.send(data)
    return !this.behind
  }

  // --- the result ---

  private take(result: unknown): void {
    if (typeof result === 'string' || result instanceof Uint8Array) return this.finishWith(result)
    try {
      this.result = result
      this.takeObject(result)
    } catch (error) {
      this.fail(error)
    }
  }

  private takeObject(result: unknown): void {
    if (result === null || typeof result !== 'object') throw badResult(result)
    if (isThenable(result)) {
      this.result = undefined
      result.then(
        (value) => this.take(value),
        (error) => this.fail(error),
      )
      return
    }
    if (this.state >= kDone) return this.discard(result)
    if (Array.isArray(result)) return this.takeArray(result)
    if (result instanceof this.host.FileWrapper) return this.sendFile(result as WrappedFile)
    this.pump(iteratorOf(result))
  }

  /** Nobody waits for it any more, but it is owed its end: a stream its cancel(), all their close(). */
  private discard(result: object): void {
    const sized = Array.isArray(result) || result instanceof this.host.FileWrapper
    if (!sized) this.iterator = iteratorOf(result)
    this.closeResult()
  }

  private takeArray(blocks: Block[]): void {
    let bytes = 0
    for (const block of blocks) bytes += sizeOf(block)
    if (bytes > JOIN_BYTES) {
      if (this.contentLength < 0 && this.state === kStarted) this.contentLength = bytes
      return this.pump(blocks[Symbol.iterator]())
    }
    const parts = blocks.map((block) => (typeof block === 'string' ? Buffer.from(block) : block))
    this.finishWith(parts.length === 1 ? parts[0] : Buffer.concat(parts))
  }

  private sendFile(wrapped: WrappedFile): void {
    const { fd } = wrapped.file
    const extent = typeof fd === 'number' ? this.host.fileExtent(fd) : null
    if (fd === undefined || extent === null || this.head === null) {
      this.clips = true
      return this.pump(wrapped[Symbol.asyncIterator]())
    }
    const [offset, left] = extent
    if (this.state === kStarted) {
      if (this.contentLength < 0) this.contentLength = left
      if (this.hasNoBody() || left === 0) return this.finishStream()
      this.host.start(this, this.head, this.contentLength)
      this.state = kSent
    }
    const room = this.contentLength < 0 ? left : this.contentLength - this.sent
    const length = Math.min(left, room)
    this.sent += length
    this.host.writeFile(this, fd, offset, length)
    this.finishStream()
  }

  /** Takes block after block, as long as they come without waiting. */
  private pump(iterator: AnyIterator): void {
    this.iterator = iterator
    try {
      while (this.state < kDone && !this.behind) {
        const step = iterator.next()
        if (isThenable(step)) {
          step.then(
            (later) => this.takeStep(later as IteratorResult<Block>, iterator),
            (error) => this.fail(error),
          )
          return
        }
        if (!this.acceptStep(step as IteratorResult<Block>)) return
      }
    } catch (error) {
      this.fail(error)
      return
    }
    if (this.state >= kDone) return
    this.paused = true
    this.host.awaitWritable(this)
  }

  private takeStep(step: IteratorResult<Block>, iterator: AnyIterator): void {
    try {
      if (!this.acceptStep(step)) return
    } catch (error) {
      this.fail(error)
      return
    }
    this.pump(iterator)
  }

  /** False: that was the last one. */
  private acceptStep(step: IteratorResult<Block>): boolean {
    if (this.state >= kDone) return false
    if (step.done === true) {
      this.finishStream()
      return false
    }
    this.send(step.value)
    this.burst += step.value.length + BLOCK_COST
    if (this.burst > BURST_BYTES) {
      this.burst = 0
      this.behind = true
    }
    const tooMuch = this.contentLength >= 0 && this.sent > this.contentLength
    // A response without a body is decided by the first block, empty ones do not count.
    const decided = this.head !== null && this.hasNoBody() && step.value.length > 0
    if (tooMuch || decided) this.finishStream()
    return this.state < kDone
  }

  /** Sends a block at once, the head before it if it is the first. */
  private send(block: Block): void {
    if (sizeOf(block) === 0) return
    if (this.head === null) throw noStart()
    if (this.hasNoBody()) return this.dropBlock(this.head)
    if (this.state === kStarted) {
      this.host.start(this, this.head, this.contentLength)
      this.state = kSent
    }
    let bytes: Uint8Array = typeof block === 'string' ? Buffer.from(block) : block
    const left = this.contentLength < 0 ? bytes.length : this.contentLength - this.sent
    this.sent += bytes.length
    if (bytes.length > left) {
      if (left >= 0 && !this.clips) this.host.logError(tooLong(this.contentLength))
      bytes = bytes.subarray(0, Math.max(left, 0))
    }
    this.behind = this.host.write(this, bytes) > this.host.highWaterBytes
  }

  private dropBlock(head: Head): void {
    if ((head.flags & HEAD_NO_BODY) !== 0) this.host.logError(dropped(head.code))
  }

  /** The whole body in one block: the way that most responses go. */
  private finishWith(block: Block): void {
    if (this.state === kStarted) {
      const head = this.head as Head
      if (this.contentLength >= 0 || (head.flags & HEAD_NO_BODY) !== 0) {
        this.finishChecked(head, block)
      } else {
        this.state = kDone
        this.host.respond(this, head, block)
      }
      if (this.result !== undefined) this.closeResult()
      return
    }
    if (this.state >= kDone) return this.closeResult()
    try {
      if (this.head === null) throw noStart()
      this.send(block)
      this.finishStream()
    } catch (error) {
      this.fail(error)
    }
  }

  /** As finishWith, where the application gave a length or the status forbids a body. */
  private finishChecked(head: Head, block: Block): void {
    const { host, contentLength } = this
    const bytes = typeof block === 'string' ? Buffer.from(block) : block
    this.state = kDone
    if ((head.flags & HEAD_NO_BODY) !== 0) {
      if (bytes.length > 0) host.logError(dropped(head.code))
      return this.sendHeadOnly(head)
    }
    if ((this.flags & FLAG_HEAD) !== 0) return this.sendHeadOnly(head)
    if (bytes.length === contentLength) return host.respond(this, head, bytes)
    if (bytes.length > contentLength) {
      host.logError(tooLong(contentLength))
      return host.respond(this, head, bytes.subarray(0, contentLength))
    }
    host.logError(tooShort(bytes.length, contentLength))
    host.start(this, head, contentLength)
    if (bytes.length > 0) host.write(this, bytes)
    host.end(this)
  }

  /** The head of a response that may not have a body. */
  private sendHeadOnly(head: Head): void {
    this.state = kDone
    if (this.contentLength < 0 || (head.flags & HEAD_NO_LENGTH) !== 0) {
      return this.host.respondBare(this, head)
    }
    this.host.start(this, head, this.contentLength)
    this.host.end(this)
  }

  /** The iterator has come to its end, or nothing more of it may be sent. */
  private finishStream(): void {
    if (this.head === null) throw noStart()
    if (this.state === kStarted) {
      if (this.hasNoBody()) this.sendHeadOnly(this.head)
      else if (this.contentLength > 0) this.finishChecked(this.head, '')
      else this.host.respond(this, this.head, '')
    } else {
      if (this.contentLength > this.sent) {
        this.host.logError(tooShort(this.sent, this.contentLength))
      }
      this.host.end(this)
    }
    this.state = kDone
    this.closeResult()
  }

  private hasNoBody(): boolean {
    if ((this.flags & FLAG_HEAD) !== 0) return true
    return this.head !== null && (this.head.flags & HEAD_NO_BODY) !== 0
  }

  /** close() of the result and return() of its iterator, each once, whatever happened. */
  private closeResult(): void {
    const { result, iterator } = this
    this.result = undefined
    this.iterator = null
    if (result === undefined && iterator === null) return
    this.callClose(result, 'close')
    // The same object may be both: a generator has no close, but an object with next() may.
    if (iterator !== null) this.callClose(iterator, 'return')
  }

  private callClose(target: unknown, name: 'close' | 'return'): void {
    if (target === null || typeof target !== 'object') return
    try {
      const method = (target as Record<string, unknown>)[name]
      if (typeof method !== 'function') return
      const outcome: unknown = method.call(target)
      if (isThenable(outcome)) {
        outcome.then(undefined, (error) => this.host.logError(`${name}() of the result`, error))
      }
    } catch (error) {
      this.host.logError(`${name}() of the result`, error)
    }
  }

  // --- errors ---

  private fail(error: unknown): void {
    const { state, host } = this
    this.closeResult()
    const status = statusOf(error)
    // The client's own doing is not an error of the application, nor is what happens after it left.
    if (state !== kAborted && status >= 500) host.logError('the application failed', error)
    if (state >= kDone) return
    this.state = kDone
    if (state === kSent) return host.abort(this)
    this.contentLength = -1
    const head = host.heads.get(statusLine(status), ERROR_HEADERS, this)
    const text =
      host.dev && status >= 500
        ? `${statusLine(status)}\n\n${describeError(error)}\n`
        : `${statusLine(status)}\n`
    host.respond(this, head, text)
  }
}

const ERROR_HEADERS: readonly HeaderPair[] = [['Content-Type', 'text/plain; charset=utf-8']]

/** The status of the error's own choice, if it is one for errors. */
function statusOf(error: unknown): number {
  try {
    if (!(error instanceof GatewayError)) return 500
    const { status } = error
    return status >= 400 && status in STATUS_CODES ? Number(status) : 500
  } catch {
    return 500 // a Proxy that throws when it is looked at
  }
}

function statusLine(status: number): string {
  return `${status} ${status === 413 ? 'Content Too Large' : STATUS_CODES[status]}`
}

function ended(): GatewayError {
  return new GatewayError('ERR_RESPONSE_ENDED', 'the response is over')
}

function noStart(): GatewayError {
  return new GatewayError('ERR_NO_START', 'a body without a call of startResponse before it')
}

function tooLong(length: number): string {
  return `the application gave more than its Content-Length of ${length}: the rest is not sent`
}

function tooShort(sent: number, length: number): string {
  return `the application gave ${sent} bytes and a Content-Length of ${length}: the connection is cut`
}

function dropped(code: number): string {
  return `the application gave a body with status ${code}, which has none: it is not sent`
}

function badResult(result: unknown): TypeError {
  const kind = result === null ? 'null' : typeof result
  return new TypeError(`the application returned ${kind} instead of a body`)
}

function sizeOf(block: unknown): number {
  if (typeof block === 'string' || block instanceof Uint8Array) return block.length
  throw new TypeError(
    `a body block is text or bytes, not ${block === null ? 'null' : typeof block}`,
  )
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    typeof value === 'object' &&
    typeof (value as PromiseLike<unknown>).then === 'function'
  )
}

function iteratorOf(result: object): AnyIterator {
  if (Symbol.asyncIterator in result) {
    return (result as AsyncIterable<Block>)[Symbol.asyncIterator]()
  }
  if (Symbol.iterator in result) return (result as Iterable<Block>)[Symbol.iterator]()
  if ('next' in result && typeof result.next === 'function') return result as Iterator<Block>
  throw new TypeError('the application returned an object that is not iterable')
}
