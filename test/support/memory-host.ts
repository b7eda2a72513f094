// A server without sockets: runs one gateway application and keeps what would have gone out.
//
// It holds the exchange to the contract of ExchangeHost: a response starts once, nothing follows its
// end, no more bytes than were announced. What breaks that is a violation, and `outcome` throws it.

import { isBytes } from '../../src/gateway/blocks.js'
import { Exchange } from '../../src/gateway/exchange.js'
import { createFileWrapper, type FileWrapperClass } from '../../src/gateway/file-wrapper.js'
import { type Head, HeadCache } from '../../src/gateway/headers.js'
import type { ExchangeHost, HostedExchange } from '../../src/gateway/host.js'
import type { Block, Environ, GatewayApp } from '../../src/gateway/types.js'
import { FLAG_HEAD, HEAD_NO_BODY } from '../../src/native/layout.js'

export type BodyEvent = Buffer | null | undefined | [number, string]

/** What a client would have seen. */
export interface Outcome {
  readonly status: string
  readonly lines: string
  readonly body: string
  /** The blocks as they were handed to the kernel, one string a call. */
  readonly blocks: string[]
  /** Content-Length on the wire; -1: none. */
  readonly length: number
  readonly end: 'whole' | 'cut' | 'open'
}

export interface MemoryOptions {
  readonly flags?: number
  readonly body?: readonly BodyEvent[]
  readonly dev?: boolean
  readonly highWaterBytes?: number
}

type Phase = 'idle' | 'streaming' | 'whole' | 'cut'

export class MemoryHost implements ExchangeHost {
  readonly dropped: string[] = []
  readonly heads: HeadCache = new HeadCache((name) => this.dropped.push(name))
  readonly FileWrapper: FileWrapperClass
  readonly highWaterBytes: number
  readonly dev: boolean
  readonly errors: { message: string; error: unknown }[] = []
  readonly blocks: string[] = []
  /** Content and position of "files", by descriptor. */
  readonly files: Map<number, { bytes: Buffer; at: number; regular: boolean }> = new Map()
  /** The client takes nothing: every byte that is written waits. */
  stalled = false
  waitingBytes = 0
  /** Memory that inline bodies stand in; the next round overwrites it. */
  inbox: Buffer = Buffer.alloc(0)
  private readonly bodyEvents: BodyEvent[]
  private readonly violations: string[] = []
  private readonly finished: Promise<void>
  private finish: () => void = () => {}
  private phase: Phase = 'idle'
  private head: Head | null = null
  private length = -1
  private awaiting: HostedExchange | null = null

  constructor(options: MemoryOptions = {}) {
    this.highWaterBytes = options.highWaterBytes ?? 64 * 1024
    this.dev = options.dev ?? false
    this.bodyEvents = [...(options.body ?? [null])]
    this.FileWrapper = createFileWrapper((fd, size) => this.readFile(fd, size))
    this.finished = new Promise((resolve) => {
      this.finish = resolve
    })
  }

  /** Waits for the end of the response and tells what it was. */
  async outcome(): Promise<Outcome> {
    await this.finished
    await turn()
    return this.soFar()
  }

  /** What went out until now. */
  soFar(): Outcome {
    if (this.violations.length > 0) throw new Error(`the exchange ${this.violations.join('; ')}`)
    return {
      status: this.head?.status ?? '',
      lines: this.head?.lines ?? '',
      body: this.blocks.join(''),
      blocks: this.blocks,
      length: this.length,
      end: this.phase === 'whole' || this.phase === 'cut' ? this.phase : 'open',
    }
  }

  /** The client reads again. */
  catchUp(): void {
    this.waitingBytes = 0
    this.stalled = false
    const waiting = this.awaiting
    this.awaiting = null
    waiting?.writable()
  }

  get isAwaited(): boolean {
    return this.awaiting !== null
  }

  // --- ExchangeHost ---

  respond(_exchange: HostedExchange, head: Head, body: Block): void {
    const bytes = Buffer.from(body as string)
    this.open(head, (head.flags & HEAD_NO_BODY) !== 0 ? -1 : bytes.length)
    // For HEAD the engine sends the length of the body and not the body.
    if (bytes.length > 0 && this.hasBody) this.blocks.push(bytes.toString('latin1'))
    this.close('whole')
  }

  respondBare(_exchange: HostedExchange, head: Head): void {
    this.open(head, -1)
    this.close('whole')
  }

  start(_exchange: HostedExchange, head: Head, length: number): void {
    this.open(head, length)
  }

  write(_exchange: HostedExchange, bytes: Uint8Array): number {
    if (!isBytes(bytes)) this.violations.push('wrote something that is not bytes')
    if (bytes.length > 0) this.take(Buffer.from(bytes).toString('latin1'))
    return this.waitingBytes
  }

  writeFile(_exchange: HostedExchange, fd: number, offset: number, length: number): number {
    const file = this.files.get(fd)
    if (length > 0)
      this.take((file?.bytes ?? Buffer.alloc(0)).toString('latin1', offset, offset + length))
    return this.waitingBytes
  }

  fileExtent(fd: number): [number, number] | null {
    const file = this.files.get(fd)
    return file === undefined || !file.regular ? null : [file.at, file.bytes.length - file.at]
  }

  end(): void {
    if (this.phase !== 'streaming') this.violations.push(`ended a response that is ${this.phase}`)
    const sent = this.blocks.reduce((sum, block) => sum + block.length, 0)
    // As the engine does: less than was announced is a cut. HEAD and 304 announce without sending.
    const bodyless = !this.hasBody || ((this.head?.flags ?? 0) & HEAD_NO_BODY) !== 0
    this.close(this.length > sent && !bodyless ? 'cut' : 'whole')
  }

  abort(): void {
    if (this.phase !== 'streaming') this.violations.push(`cut a response that is ${this.phase}`)
    this.close('cut')
  }

  awaitWritable(exchange: HostedExchange): void {
    this.awaiting = exchange
    if (!this.stalled) setImmediate(() => this.catchUp())
  }

  readBody(exchange: HostedExchange): BodyEvent {
    if (exchange.done) return [400, 'the request is over']
    return this.bodyEvents.length === 0 ? undefined : this.bodyEvents.shift()
  }

  copyBody(at: number, bytes: number): Buffer {
    return Buffer.from(this.inbox.subarray(at, at + bytes))
  }

  logError(message: string, error?: unknown): void {
    this.errors.push({ message, error })
  }

  /** More of the request body: the exchange hears of it as it would from the engine. */
  feed(exchange: Exchange, ...events: BodyEvent[]): void {
    this.bodyEvents.push(...events)
    exchange.bodyArrived()
  }

  /** Set for requests whose responses have a body. */
  hasBody = true

  private open(head: Head, length: number): void {
    if (this.phase !== 'idle') this.violations.push(`started a response that is ${this.phase}`)
    this.head = head
    this.length = length
    this.phase = 'streaming'
  }

  private close(phase: 'whole' | 'cut'): void {
    this.phase = phase
    this.finish()
  }

  private take(text: string): void {
    if (this.phase !== 'streaming')
      this.violations.push(`wrote to a response that is ${this.phase}`)
    this.blocks.push(text)
    const sent = this.blocks.reduce((sum, block) => sum + block.length, 0)
    if (this.length >= 0 && sent > this.length) this.violations.push('wrote more than it announced')
    if (this.stalled) this.waitingBytes += text.length
  }

  private readFile(fd: number, size: number): Uint8Array {
    const file = this.files.get(fd)
    if (file === undefined) throw new Error(`no file ${fd}`)
    const block = file.bytes.subarray(file.at, file.at + size)
    file.at += block.length
    return block
  }
}

/** Lets promises and immediates that are due run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export interface Run {
  readonly host: MemoryHost
  readonly exchange: Exchange
}

/** Starts `app` on a request; `environ` gets the exchange's own input. */
export function start(app: GatewayApp, options: MemoryOptions = {}, host?: MemoryHost): Run {
  const server = host ?? new MemoryHost(options)
  const exchange = new Exchange(server, 1, 1, options.flags ?? 0)
  server.hasBody = ((options.flags ?? 0) & FLAG_HEAD) === 0
  exchange.run(app, makeEnviron(exchange, server))
  return { host: server, exchange }
}

/** Runs `app` to the end of its response. */
export async function outcomeOf(app: GatewayApp, options: MemoryOptions = {}): Promise<Outcome> {
  return start(app, options).host.outcome()
}

function makeEnviron(exchange: Exchange, host: MemoryHost): Environ {
  return {
    REQUEST_METHOD: 'GET',
    SCRIPT_NAME: '',
    PATH_INFO: '/',
    QUERY_STRING: '',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    'wsgi.version': [1, 0],
    'wsgi.url_scheme': 'http',
    'wsgi.input': exchange.input,
    'wsgi.errors': { write() {}, writelines() {}, flush() {} },
    'wsgi.multithread': false,
    'wsgi.multiprocess': false,
    'wsgi.run_once': false,
    'wsgi.input_terminated': true,
    'wsgi.file_wrapper': host.FileWrapper,
  }
}
