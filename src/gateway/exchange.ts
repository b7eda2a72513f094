// One request and its response: calls the application, follows startResponse, write and the result,
// and tells the host what to send. Pure: sockets, files and the addon are behind ExchangeHost.
//
//   kNew ──startResponse──► kStarted ──first non-empty block──► kSent ──► kDone
//     any ──the client is gone──► kAborted                      any ──error──► kDone
//
// The rules are those of PEP 3333; docs/gateway.md numbers them, test/gateway tests each by number.
import { describeError, GatewayError } from '../errors.js'
import { FLAG_HEAD, HEAD_NO_BODY, HEAD_NO_LENGTH } from '../native/layout.js'
import { checkAttached, isBytes, PART_BYTES, sizeOf, toBytes, wireSize } from './blocks.js'
import {
  dropped,
  ERROR_HEADERS,
  ended,
  noStart,
  statusLine,
  statusOf,
  tooLong,
  tooShort,
} from './complaints.js'
import type { WrappedFile } from './file-wrapper.js'
import type { Head, HeadFacts } from './headers.js'
import { GatewayInput } from './input.js'
import { type BlockSink, Pump } from './pump.js'
import { RequestBody } from './request-body.js'
import { badResult, closerOf, isThenable, iteratorOf } from './results.js'
import type { Block, Environ, GatewayApp, HeaderPair, ResponseBody, Write } from './types.js'

const kNew = 0
const kStarted = 1
const kSent = 2
const kDone = 3
const kAborted = 4

/** Arrays up to this many bytes are joined and sent as one block. */
const JOIN_BYTES = 64 * 1024
/** For a body that is one block and nothing behind it. */
const NO_MORE: Iterator<Block> = { next: () => ({ done: true, value: undefined }) }

export class Exchange extends RequestBody implements BlockSink, HeadFacts {
  /** Content-Length as the application gave it, -1: it did not. */
  contentLength = -1
  /** The client has more than enough to read. */
  behind = false
  private state = kNew
  private head: Head | null = null
  private sent = 0
  /** What is over the Content-Length is cut without a word: a file is longer than the part wanted. */
  private clips = false
  private result: unknown = undefined
  private pump: Pump | null = null

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
    this.settle(result)
  }

  // --- called by the host ---

  /** The client is gone. */
  aborted(): void {
    if (this.state >= kDone) return
    this.state = kAborted
    GatewayInput.wake(this.input)
    this.closeResult()
  }

  /** The client has caught up. */
  writable(): void {
    this.pump?.resume()
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
    // A block of the result that is under way comes first.
    this.pump?.flush()
    if (this.state >= kDone) throw ended()
    this.send(data, sizeOf(data))
    return !this.behind
  }

  // --- the result ---

  private settle(result: unknown): void {
    try {
      if (typeof result === 'string' || result instanceof Uint8Array) return this.sendWhole(result)
      this.result = result
      this.settleObject(result)
    } catch (error) {
      this.fail(error)
    }
  }

  private settleObject(result: unknown): void {
    if (result === null || typeof result !== 'object') throw badResult(result)
    if (isThenable(result)) {
      this.result = undefined
      // A thenable of somebody's own may call back twice, or at once: resolve() keeps it in order.
      Promise.resolve(result).then(
        (value) => this.settle(value),
        (error) => this.fail(error),
      )
      return
    }
    if (this.state >= kDone) return this.discard(result)
    if (Array.isArray(result)) return this.sendArray(result)
    if (isBytes(result)) return this.sendWhole(result)
    if (result instanceof this.host.FileWrapper) return this.sendFile(result as WrappedFile)
    this.iterate(new Pump(this, iteratorOf(result)))
  }

  private iterate(pump: Pump): void {
    this.pump = pump
    pump.run()
  }

  /** Nobody waits for it any more, but it is owed its end: a stream its cancel(), all their close(). */
  private discard(result: object): void {
    const sized = Array.isArray(result) || result instanceof this.host.FileWrapper
    if (!sized) this.pump = new Pump(this, iteratorOf(result))
    this.closeResult()
  }

  private sendArray(blocks: Block[]): void {
    let size = 0
    for (const block of blocks) size += sizeOf(block)
    if (size > JOIN_BYTES) {
      if (this.contentLength < 0 && this.state === kStarted) {
        this.contentLength = blocks.reduce((bytes, block) => bytes + wireSize(block), 0)
      }
      return this.iterate(new Pump(this, blocks[Symbol.iterator]()))
    }
    const parts = blocks.map(toBytes)
    this.sendWhole(parts.length === 1 ? parts[0] : Buffer.concat(parts))
  }

  private sendFile(wrapped: WrappedFile): void {
    const fd = wrapped.descriptor
    const extent = fd === undefined ? null : this.host.fileExtent(fd)
    if (fd === undefined || extent === null || this.head === null) {
      this.clips = true
      return this.iterate(new Pump(this, wrapped[Symbol.asyncIterator]()))
    }
    const [offset, left] = extent
    if (this.state === kStarted) {
      if (this.contentLength < 0) this.contentLength = left
      if (this.hasNoBody() || left === 0) return this.finish()
      this.host.start(this, this.head, this.contentLength)
      this.state = kSent
    }
    const room = this.contentLength < 0 ? left : this.contentLength - this.sent
    const length = Math.min(left, room)
    this.sent += length
    this.host.writeFile(this, fd, offset, length)
    this.finish()
  }

  /** The whole body in one block: the way that most responses go. */
  private sendWhole(block: Block): void {
    if (this.state >= kDone) return this.closeResult()
    if (this.head === null) throw noStart()
    if (block.length === 0 && typeof block !== 'string') checkAttached(block)
    if (block.length > PART_BYTES) return this.sendLong(this.head, block)
    if (this.state === kSent) {
      this.send(block, block.length)
      return this.finish()
    }
    if (this.contentLength >= 0 || (this.head.flags & HEAD_NO_BODY) !== 0) {
      this.sendChecked(this.head, block)
    } else {
      this.host.respond(this, this.head, block)
    }
    this.over()
    if (this.result !== undefined) this.closeResult()
  }

  /** A whole body that is not handed over in one piece. */
  private sendLong(head: Head, block: Block): void {
    const bytes = toBytes(block)
    const open = this.contentLength < 0 && this.state === kStarted
    if (open && (head.flags & HEAD_NO_BODY) === 0) this.contentLength = bytes.length
    const pump = new Pump(this, NO_MORE)
    pump.startWith(bytes)
    this.iterate(pump)
  }

  /** As sendWhole, where the application gave a length or the status forbids a body. */
  private sendChecked(head: Head, block: Block): void {
    const { host, contentLength } = this
    const bytes = toBytes(block)
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
    if (this.contentLength < 0 || (head.flags & HEAD_NO_LENGTH) !== 0) {
      return this.host.respondBare(this, head)
    }
    this.host.start(this, head, this.contentLength)
    this.host.end(this)
  }

  /** Sends a block at once, the head before it if it is the first. */
  private send(block: Block, size: number): void {
    if (size === 0) return
    if (this.head === null) throw noStart()
    if (this.hasNoBody()) return this.dropBlock(this.head)
    if (this.state === kStarted) {
      this.host.start(this, this.head, this.contentLength)
      this.state = kSent
    }
    let bytes = toBytes(block)
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

  private hasNoBody(): boolean {
    if ((this.flags & FLAG_HEAD) !== 0) return true
    return this.head !== null && (this.head.flags & HEAD_NO_BODY) !== 0
  }

  // --- BlockSink ---

  take(block: Block, size: number): void {
    this.send(block, size)
    const tooMuch = this.contentLength >= 0 && this.sent > this.contentLength
    // A response without a body is decided by the first block, empty ones do not count.
    const decided = this.head !== null && this.hasNoBody() && size > 0
    if (tooMuch || decided) this.finish()
  }

  pause(): void {
    this.host.awaitWritable(this)
  }

  /** The result has come to its end, or nothing more of it may be sent. */
  finish(): void {
    if (this.head === null) throw noStart()
    if (this.state === kStarted) {
      if (this.hasNoBody()) this.sendHeadOnly(this.head)
      else if (this.contentLength > 0) this.sendChecked(this.head, '')
      else this.host.respond(this, this.head, '')
    } else {
      if (this.contentLength > this.sent) {
        this.host.logError(tooShort(this.sent, this.contentLength))
      }
      this.host.end(this)
    }
    this.over()
    this.closeResult()
  }

  // --- the end ---

  /** All is said. A read of the request body that still waits would wait for ever. */
  private over(): void {
    this.state = kDone
    GatewayInput.wake(this.input)
  }

  /** close() of the result and return() of its iterator, each once, whatever happened. */
  private closeResult(): void {
    const { result, pump } = this
    this.result = undefined
    this.pump = null
    this.callClose(result, 'close')
    // The same object may be both: a generator has no close, but an object with next() may.
    if (pump !== null) this.callClose(pump.iterator, 'return')
  }

  private callClose(target: unknown, purpose: 'close' | 'return'): void {
    if (target === null || typeof target !== 'object') return
    let name: string = purpose
    try {
      if (purpose === 'close') name = closerOf(target)
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

  fail(error: unknown): void {
    const { state, host } = this
    const status = statusOf(error)
    // The client's own doing is not an error of the application, nor is what happens after it left.
    if (state !== kAborted && status >= 500) host.logError('the application failed', error)
    if (state < kDone) {
      if (state === kSent) host.abort(this)
      else this.sendErrorPage(status, error)
      this.over()
    }
    this.closeResult()
  }

  private sendErrorPage(status: number, error: unknown): void {
    const { host } = this
    this.contentLength = -1
    const head = host.heads.get(statusLine(status), ERROR_HEADERS, this)
    const stack = host.dev && status >= 500 ? `\n${describeError(error)}\n` : ''
    host.respond(this, head, `${statusLine(status)}\n${stack}`)
  }
}
