// Between the shared memory and the gateway: reads the events of a round, runs the application for
// each request, writes ordinary responses back into shared memory. The JavaScript half of the hot
// path; what it costs is measured in bench/.
//
// Ordinary means: the whole response is known and short. Everything else (streams, files, large
// bodies) goes through the functions of the native engine.
import { read } from 'node:fs'
import { EnvironFactory, type LatinBuffer, type Peer } from '../gateway/environ.js'
import { Exchange } from '../gateway/exchange.js'
import { createFileWrapper, type FileWrapperClass } from '../gateway/file-wrapper.js'
import { type Head, HeadCache } from '../gateway/headers.js'
import type { ExchangeHost, HostedExchange } from '../gateway/host.js'
import type { Block, Environ, GatewayApp } from '../gateway/types.js'
import type { NativeEngine } from '../native/addon.js'
import * as L from '../native/layout.js'
import { Isolation } from './isolation.js'
import type { Log } from './log.js'

/** Longer bodies are sent from where they are instead of through the shared memory. */
const COPY_BYTES = 16 * 1024
/** Up to this many characters a loop beats a call into C++. */
const LOOP_CHARS = 64

export interface DispatcherOptions {
  readonly app: GatewayApp
  readonly log: Log
  readonly software: string
  readonly dev: boolean
  readonly highWaterBytes: number
}

/** Name and port that applications see as the server's, by listener index. */
export interface ListenerName {
  readonly serverName: string
  readonly serverPort: string
}

/** Who else may run the same application at the same time. */
export interface Sharing {
  readonly multithread: boolean
  readonly multiprocess: boolean
}

interface Listening {
  readonly engine: NativeEngine
  readonly out: Buffer
  readonly inbox: LatinBuffer
  readonly factory: EnvironFactory
}

const NO_PEER: Peer = { address: '', port: '' }

export class Dispatcher implements ExchangeHost {
  readonly heads: HeadCache
  readonly FileWrapper: FileWrapperClass
  readonly highWaterBytes: number
  readonly dev: boolean
  readonly isolation: Isolation = new Isolation()
  /** What is called for requests; not to be changed once there are some. */
  app: GatewayApp
  private readonly log: Log
  private readonly software: string
  private listening: Listening | null = null
  private listeners: ListenerName[] = []
  private readonly peers: Peer[] = []
  /** Exchanges that did not finish in their round and wait for something, by connection. */
  private readonly open: (HostedExchange | undefined)[] = []
  private filled = 0
  /** Of the request that was started last in this round: what runs, if anything does. */
  private running: Environ | null = null
  private over = false

  constructor(options: DispatcherOptions) {
    this.app = options.app
    this.log = options.log
    this.software = options.software
    this.dev = options.dev
    this.highWaterBytes = options.highWaterBytes
    this.heads = new HeadCache((name) =>
      this.log.warning(
        `the application sets the hop-by-hop header "${name}": dropped, it is the server's (said once)`,
      ),
    )
    this.FileWrapper = createFileWrapper(readDescriptor)
  }

  /** Called once, when the native engine exists; `keyNames` as the addon exports them. */
  attach(engine: NativeEngine, keyNames: readonly string[], sharing: Sharing): void {
    const inbox = Buffer.from(engine.inbox.buffer) as LatinBuffer
    const facts = {
      software: this.software,
      errors: this.log.errorStream(),
      ...sharing,
      fileWrapper: this.FileWrapper,
    }
    const factory = new EnvironFactory({ inbox, vars: engine.vars }, facts, keyNames)
    this.listening = { engine, inbox, factory, out: Buffer.from(engine.out.buffer) }
  }

  /** The request that the application was called for last in this round, for people; null: none. */
  get runs(): string | null {
    return this.running === null ? null : requestLine(this.running)
  }

  /** The engine is closed: whatever has not finished has lost its client. */
  abortAll(): void {
    this.over = true
    for (const exchange of this.open.splice(0)) exchange?.aborted()
  }

  nameListener(index: number, name: ListenerName): void {
    this.listeners[index] = name
  }

  // --- events of a round ---

  onRound(): void {
    const { engine, factory } = this.listening as Listening
    const { control, events, news } = engine
    const newsCount = control[L.CONTROL_NEWS]
    for (let i = 0, at = 0; i < newsCount; i++, at += L.NEWS_INTS) takeNews(factory, news, at)
    const count = control[L.CONTROL_EVENTS]
    let before: Exchange | null = null
    let beforeConnection = -1
    for (let i = 0, at = 0; i < count; i++, at += L.EVENT_INTS) {
      const connection = events[at + L.EVENT_CONNECTION]
      if (events[at + L.EVENT_TYPE] !== L.TYPE_REQUEST) {
        this.takeNotice(events, at, connection)
        continue
      }
      // A pipelined request starts when the one before it is answered: never two at once, and
      // never one behind an error.
      const follows = (events[at + L.EVENT_FLAGS] & L.FLAG_FOLLOWS) !== 0
      if (follows && !(beforeConnection === connection && before !== null && before.done)) {
        events[at + L.EVENT_DEFERRED] = 1
        before = null
        continue
      }
      before = this.takeRequest(events, at, connection)
      beforeConnection = connection
    }
    this.running = null
  }

  private takeRequest(events: Int32Array, at: number, connection: number): Exchange {
    const { factory } = this.listening as Listening
    const flags = events[at + L.EVENT_FLAGS]
    const exchange = new Exchange(this, connection, events[at + L.EVENT_GENERATION], flags)
    if ((flags & L.FLAG_FIRST) !== 0) this.takePeer(factory, events, at, connection)
    const environ = factory.make(
      events[at + L.EVENT_SHAPE],
      events[at + L.EVENT_VARS],
      events[at + L.EVENT_VAR_COUNT],
      this.listeners[events[at + L.EVENT_LISTENER]],
      this.peers[connection] ?? NO_PEER,
      (flags & L.FLAG_HTTPS) !== 0 ? 'https' : 'http',
      exchange.input,
    )
    if ((flags & L.FLAG_STREAMED) === 0) {
      exchange.setInline(events[at + L.EVENT_BODY], events[at + L.EVENT_BODY_BYTES])
    }
    if ((flags & L.FLAG_CHUNKED) !== 0) {
      const trailers = events[at + L.EVENT_TRAILER_BYTES]
      environ['wsgi.trailers'] = exchange.trailers
      if (trailers > 0) {
        exchange.addTrailers(factory.text(events[at + L.EVENT_TRAILERS], trailers))
      }
    }
    this.running = environ
    if (this.isolation.wraps) {
      this.isolation.inside(() => exchange.run(this.app, environ))
    } else {
      exchange.run(this.app, environ)
      if (this.isolation.dirty) this.isolation.sweep()
    }
    if (!exchange.done) {
      exchange.keepInline()
      exchange.environ = environ
      this.list(exchange)
    }
    return exchange
  }

  private takePeer(
    factory: EnvironFactory,
    events: Int32Array,
    at: number,
    connection: number,
  ): void {
    const bytes = events[at + L.EVENT_PEER_BYTES]
    this.peers[connection] =
      bytes === 0
        ? NO_PEER
        : {
            address: factory.text(events[at + L.EVENT_PEER], bytes),
            port: String(events[at + L.EVENT_PEER_PORT]),
          }
  }

  private takeNotice(events: Int32Array, at: number, connection: number): void {
    const exchange = this.open[connection]
    if (exchange === undefined || exchange.generation !== events[at + L.EVENT_GENERATION]) return
    const type = events[at + L.EVENT_TYPE]
    if (type === L.TYPE_OVERDUE) this.log.error(overdue(exchange))
    if (this.isolation.wraps) this.isolation.inside(() => notify(exchange, type))
    else notify(exchange, type)
    if (exchange.done) this.unlist(exchange)
    if (this.isolation.dirty) this.isolation.sweep()
  }

  // What happens on its connection is told to a listed exchange. One that is over leaves the list at
  // once: a connection may idle for minutes behind it.
  private list(exchange: HostedExchange): void {
    exchange.listed = true
    this.open[exchange.connection] = exchange
  }

  private unlist(exchange: HostedExchange): void {
    exchange.listed = false
    if (this.open[exchange.connection] === exchange) this.open[exchange.connection] = undefined
  }

  // --- ExchangeHost ---

  respond(exchange: HostedExchange, head: Head, body: Block): void {
    if (typeof body === 'string') this.respondText(exchange, head, body)
    else if (body.length > COPY_BYTES) this.respondLong(exchange, head, body)
    else this.respondBytes(exchange, head, body)
  }

  respondBare(exchange: HostedExchange, head: Head): void {
    this.record(exchange, head, L.HEAD_NO_BODY | L.HEAD_NO_LENGTH, this.room(0), 0)
  }

  private respondText(exchange: HostedExchange, head: Head, text: string): void {
    const size = text.length
    if (size > COPY_BYTES) return this.respondLong(exchange, head, Buffer.from(text))
    // In UTF-8 a UTF-16 code unit takes three bytes at most.
    const at = this.room(size * 3)
    const { out } = this.listening as Listening
    if (size <= LOOP_CHARS) {
      let all = 0
      for (let i = 0; i < size; i++) {
        const code = text.charCodeAt(i)
        out[at + i] = code
        all |= code
      }
      if (all < 0x80) return this.record(exchange, head, 0, at, size)
    }
    this.record(exchange, head, 0, at, out.write(text, at, 'utf8'))
  }

  private respondBytes(exchange: HostedExchange, head: Head, bytes: Uint8Array): void {
    const at = this.room(bytes.length)
    ;(this.listening as Listening).out.set(bytes, at)
    this.record(exchange, head, 0, at, bytes.length)
  }

  private respondLong(exchange: HostedExchange, head: Head, bytes: Uint8Array): void {
    this.start(exchange, head, bytes.length)
    this.write(exchange, bytes)
    this.end(exchange)
  }

  /** Offset of `bytes` free bytes in `out`, with room for a record and a head beside them. */
  private room(bytes: number): number {
    const { engine } = this.listening as Listening
    const { control } = engine
    const count = control[L.CONTROL_RECORDS]
    if (count === 0) {
      this.filled = 0
    } else if (count === L.MAX_RECORDS || this.filled + bytes > L.OUT_BYTES) {
      engine.takeRecords()
      this.filled = 0
    }
    return this.filled
  }

  private record(
    exchange: HostedExchange,
    head: Head,
    flags: number,
    body: number,
    bytes: number,
  ): void {
    this.filled = body + bytes
    if (exchange.listed) this.unlist(exchange)
    const { engine } = this.listening as Listening
    if (head.id < 0) this.numberHead(engine, head)
    if (head.id < 0 && !this.hasRoomForHead(head)) {
      // The body is in place, its head is not: they go together by the long way.
      const copy = Buffer.from((this.listening as Listening).out.subarray(body, body + bytes))
      return this.respondLong(exchange, head, copy)
    }
    const { control, records } = engine
    const at = control[L.CONTROL_RECORDS]++ * L.RECORD_INTS
    records[at + L.RECORD_CONNECTION] = exchange.connection
    records[at + L.RECORD_GENERATION] = exchange.generation
    records[at + L.RECORD_BODY] = body
    records[at + L.RECORD_BODY_BYTES] = bytes
    if (head.id >= 0) {
      records[at + L.RECORD_FLAGS] = flags
      records[at + L.RECORD_HEAD] = head.id
      return
    }
    const { out } = this.listening as Listening
    const start = this.filled
    this.filled += out.write(head.status, start, 'latin1')
    this.filled += out.write(head.lines, this.filled, 'latin1')
    records[at + L.RECORD_FLAGS] = flags | head.flags | L.HEAD_BY_BYTES
    records[at + L.RECORD_HEAD] = start
    records[at + L.RECORD_STATUS_BYTES] = head.status.length
    records[at + L.RECORD_LINES_BYTES] = head.lines.length
  }

  private hasRoomForHead(head: Head): boolean {
    return this.filled + head.status.length + head.lines.length <= L.OUT_BYTES
  }

  /** A head that comes for the second time gets a number. */
  private numberHead(engine: NativeEngine, head: Head): void {
    if (head.id === -1 && head.uses > 0) {
      const id = engine.registerHead(head.status, head.lines, head.flags)
      head.id = id < 0 ? -2 : id
    }
  }

  start(exchange: HostedExchange, head: Head, length: number): void {
    const { engine } = this.listening as Listening
    const { connection, generation } = exchange
    engine.startResponse(connection, generation, head.status, head.lines, head.flags, length)
  }

  write(exchange: HostedExchange, bytes: Uint8Array): number {
    const { engine } = this.listening as Listening
    return engine.write(exchange.connection, exchange.generation, bytes)
  }

  writeFile(exchange: HostedExchange, fd: number, offset: number, length: number): number {
    const { engine } = this.listening as Listening
    return engine.writeFile(exchange.connection, exchange.generation, fd, offset, length)
  }

  fileExtent(fd: number): [number, number] | null {
    return (this.listening as Listening).engine.fileExtent(fd)
  }

  end(exchange: HostedExchange): void {
    if (exchange.listed) this.unlist(exchange)
    ;(this.listening as Listening).engine.end(exchange.connection, exchange.generation)
  }

  abort(exchange: HostedExchange): void {
    if (exchange.listed) this.unlist(exchange)
    ;(this.listening as Listening).engine.abort(exchange.connection, exchange.generation)
  }

  awaitWritable(exchange: HostedExchange): void {
    const { engine } = this.listening as Listening
    this.list(exchange)
    const waiting = engine.queued(exchange.connection, exchange.generation, true)
    if (waiting <= this.highWaterBytes / 4) setImmediate(() => exchange.writable())
  }

  readBody(exchange: HostedExchange): Buffer | null | undefined | [number, string] {
    if (this.over) return [503, 'the server has stopped']
    if (exchange.done) return [400, 'the request is over']
    const { engine } = this.listening as Listening
    const { connection, generation } = exchange
    this.list(exchange)
    const next = engine.readBody(connection, generation)
    if (next === null && (exchange.flags & L.FLAG_CHUNKED) !== 0) {
      exchange.addTrailers(engine.trailers(connection, generation))
    }
    return next
  }

  copyBody(at: number, bytes: number): Buffer {
    return Buffer.from((this.listening as Listening).inbox.subarray(at, at + bytes))
  }

  logError(message: string, error?: unknown): void {
    this.log.error(message, error)
  }
}

/** A result may run in there: the next block, or its close(). */
function notify(exchange: HostedExchange, type: number): void {
  if (type === L.TYPE_BODY) exchange.bodyArrived()
  else if (type === L.TYPE_WRITABLE) exchange.writable()
  else exchange.aborted()
}

/** Nothing of it runs that could have a stack: what the process waits for is the trace that it left. */
function overdue({ environ }: HostedExchange): string {
  const counts = new Map<string, number>()
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1)
  const pending = [...counts].map(([name, count]) => (count > 1 ? `${name} × ${count}` : name))
  return (
    `harakiri: ${environ === null ? 'a request' : requestLine(environ)} is not answered in time: it waits for something that ` +
    `does not come; pending in this process: ${pending.join(', ') || 'nothing'}`
  )
}

function requestLine({ REQUEST_METHOD: method, REQUEST_URI: uri }: Environ): string {
  return `${method} ${String(uri).replace(/[^\x21-\x7e]/g, '?')}`
}

function takeNews(factory: EnvironFactory, news: Int32Array, at: number): void {
  const number = news[at + L.NEWS_NUMBER]
  const offset = news[at + L.NEWS_OFFSET]
  const size = news[at + L.NEWS_SIZE]
  const kind = news[at + L.NEWS_KIND]
  if (kind === L.NEWS_STRING) factory.addString(number, offset, size)
  else if (kind === L.NEWS_KEY) factory.addKey(number, offset, size)
  else factory.addShape(number, offset, size)
}

/** Not readSync: a pipe may have nothing to read for a long time, and a disk is not always quick. */
function readDescriptor(fd: number, size: number): Promise<Uint8Array> {
  const block = Buffer.allocUnsafe(size)
  return new Promise((resolve, reject) => {
    read(fd, block, 0, size, null, (error, bytes) => {
      if (error === null) resolve(block.subarray(0, bytes))
      else reject(error)
    })
  })
}
