// What an exchange needs from the server that runs it, and what that server may call on it. The
// seam between the gateway, which is pure, and everything that has a socket, a file or a clock.
import type { FileWrapperClass } from './file-wrapper.js'
import type { Head, HeadCache } from './headers.js'
import type { Block, Environ } from './types.js'

/** An exchange as its host knows it: named by connection and generation. */
export interface HostedExchange {
  readonly connection: number
  readonly generation: number
  /** FLAG_* of the shared layout. */
  readonly flags: number
  /** The response is complete, or will never be. */
  readonly done: boolean
  /** Of a request that did not finish in its round; null before that. */
  environ: Environ | null
  /** For the host: is it in the list of those that wait for something? */
  listed: boolean
  /** More of the request body can be read. */
  bodyArrived(): void
  /** The client has caught up. */
  writable(): void
  /** The client is gone, or the server has given up waiting: nobody takes an answer any more. */
  aborted(): void
  /** Takes "name: value CRLF" lines. */
  addTrailers(lines: string): void
}

export interface ExchangeHost {
  readonly heads: HeadCache
  readonly FileWrapper: FileWrapperClass
  /** Above this many waiting bytes the application pauses. */
  readonly highWaterBytes: number
  /** Error pages show the stack. Never in production. */
  readonly dev: boolean

  /** A whole response; Content-Length is the size of `body`. */
  respond(exchange: HostedExchange, head: Head, body: Block): void
  /** A whole response that has neither a body nor a Content-Length. */
  respondBare(exchange: HostedExchange, head: Head): void
  /** A response that comes in blocks. `length` of all of them in bytes, -1: unknown. */
  start(exchange: HostedExchange, head: Head, length: number): void
  /** Hands a block to the kernel; returns the bytes that it did not take yet. */
  write(exchange: HostedExchange, bytes: Uint8Array): number
  writeFile(exchange: HostedExchange, fd: number, offset: number, length: number): number
  fileExtent(fd: number): [number, number] | null
  end(exchange: HostedExchange): void
  /** Cuts the response so that the client sees that it is not whole. */
  abort(exchange: HostedExchange): void
  /** `exchange.writable()` follows, at once or when the client has caught up. */
  awaitWritable(exchange: HostedExchange): void
  /** As BodySource; an exchange that is done gets a reason why there is no more. */
  readBody(exchange: HostedExchange): Buffer | null | undefined | [number, string]
  /** A copy of a body that was told to `RequestBody.setInline`. */
  copyBody(at: number, bytes: number): Buffer
  /** One error-level line, with the stack where there is one. */
  logError(message: string, error?: unknown): void
}
