// One application in one process: opens the sockets, runs the application, stops in good order.
//
// A constructor that stores, a start() that acts. No process-wide effects but listening: signals,
// environment and working directory are the command line's.
import { lookup } from 'node:dns/promises'
import { unlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { type Address, formatAddress, parseAddress } from '../config/address.js'
import type { Options } from '../config/options.js'
import { EXIT, StartError } from '../errors.js'
import type { GatewayApp } from '../gateway/types.js'
import {
  loadAddon,
  type NativeEngine,
  type NativeListen,
  type NativeOptions,
} from '../native/addon.js'
import { VERSION } from '../version.js'
import { Dispatcher } from './dispatcher.js'
import { Log } from './log.js'

export type Protocol = 'http' | 'uwsgi'

/** A socket as it was opened. */
export interface Listener {
  readonly protocol: Protocol
  /** In the form in which options take it, with the real port. */
  readonly address: string
  /** For browsers and curl; only of HTTP over TCP. */
  readonly url?: string
}

/** Which sockets a server opens; `Options` has the rest. */
interface Wanted {
  readonly protocol: Protocol
  readonly address: Address
  readonly option: string
}

const PROXY_MODE = { off: 0, allow: 1, require: 2 }
const KIND: Record<Address['kind'], number> = { tcp: 0, unix: 1, abstract: 2, fd: 3 }
const PROTOCOL: Record<Protocol, number> = { http: 0, uwsgi: 1 }
/** Errors of listen(2) and bind(2) that may be gone after a while. */
const TEMPORARY: ReadonlySet<string> = new Set([
  'EADDRINUSE',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
])

export class Server {
  /** Empty before start(). */
  readonly listeners: Listener[] = []
  private readonly options: Options
  private readonly log: Log
  private readonly dispatcher: Dispatcher
  private engine: NativeEngine | null = null
  private closing: Promise<void> | null = null
  private onDrained: () => void = () => {}
  private readonly socketFiles: string[] = []

  constructor(app: GatewayApp, options: Options, log: Log = new Log()) {
    this.options = options
    this.log = log
    this.dispatcher = new Dispatcher({
      app,
      log,
      software: `postern/${VERSION}`,
      dev: options.dev,
      highWaterBytes: 256 * 1024,
    })
  }

  /**
   * Opens all sockets, then accepts on all of them.
   *
   * @throws {StartError} a socket cannot be opened; those that were are closed again
   */
  async start(): Promise<void> {
    const addon = loadAddon()
    const engine = addon.createEngine(nativeOptions(this.options), {
      onRound: () => this.dispatcher.onRound(),
      onDrained: () => this.onDrained(),
      onLog: (level, text) => this.log.native(level, text),
      resource: this.dispatcher.isolation.resource,
    })
    this.engine = engine
    this.dispatcher.attach(engine, addon.keyNames, this.options.reusePort)
    try {
      for (const wanted of wantedSockets(this.options)) await this.open(engine, wanted)
      engine.start()
    } catch (error) {
      this.release()
      throw error
    }
  }

  /** Connections and requests since the start. */
  stats(): { connections: number; requests: number } {
    return this.engine?.stats() ?? { connections: 0, requests: 0 }
  }

  /**
   * Stops accepting, lets running requests finish, closes. Idle connections close at once; those
   * that are still busy after `graceMs` are cut.
   *
   * @returns a promise that is fulfilled when everything is closed; the same one for every call
   */
  close(graceMs: number = this.options.workerReloadMercy * 1000): Promise<void> {
    this.closing ??= new Promise((resolve) => {
      const { engine } = this
      if (engine === null) return resolve()
      let timer: NodeJS.Timeout | undefined
      const finish = () => {
        clearTimeout(timer)
        this.release()
        resolve()
      }
      timer = setTimeout(() => {
        this.log.warning(
          `${engine.stats().connections} connections are still busy after ${graceMs / 1000} s: they are cut`,
        )
        finish()
      }, graceMs)
      this.onDrained = finish
      engine.drain()
    })
    return this.closing
  }

  private async open(engine: NativeEngine, wanted: Wanted): Promise<void> {
    const { protocol, address, option } = wanted
    const how = await this.nativeListen(wanted)
    let bound: { index: number; host: string; port: number }
    try {
      bound = engine.listen(how)
    } catch (error) {
      throw explainListen(error as NodeJS.ErrnoException, address, option)
    }
    if (address.kind === 'unix') this.socketFiles.push(address.path)
    this.dispatcher.nameListener(bound.index, serverName(bound))
    this.listeners.push(describe(protocol, address, bound))
  }

  private async nativeListen({ protocol, address, option }: Wanted): Promise<NativeListen> {
    return {
      kind: KIND[address.kind],
      host: await nativeHost(address, option),
      port: address.kind === 'tcp' ? address.port : 0,
      fd: address.kind === 'fd' ? address.fd : -1,
      mode: this.options.chmodSocket ?? -1,
      protocol: PROTOCOL[protocol],
      backlog: this.options.listen,
      reusePort: this.options.reusePort,
    }
  }

  private release(): void {
    this.engine?.close()
    this.engine = null
    this.dispatcher.detach()
    for (const path of this.socketFiles.splice(0)) {
      try {
        unlinkSync(path)
      } catch {
        // Somebody else removed it: then it is not ours to complain about.
      }
    }
  }
}

function wantedSockets(options: Options): Wanted[] {
  const wanted = (protocol: Protocol, option: string, texts: readonly string[]): Wanted[] =>
    texts.map((text) => ({ protocol, option, address: parseAddress(text, option) }))
  return [
    ...wanted('http', 'http-socket', options.httpSocket),
    ...wanted('uwsgi', 'socket', options.socket),
  ]
}

/** What bind(2) gets: a numeric address, a path, or an abstract name. */
async function nativeHost(address: Address, option: string): Promise<string> {
  if (address.kind === 'unix') return address.path
  if (address.kind === 'abstract') return address.name
  if (address.kind === 'fd') return ''
  if (/^[\d.]+$/.test(address.host) || address.host.includes(':')) return address.host
  try {
    return (await lookup(address.host, { order: 'ipv4first' } as object)).address
  } catch (cause) {
    throw new StartError(`--${option}: the name ${address.host} has no address`, EXIT.PERMANENT, {
      cause,
    })
  }
}

function explainListen(error: NodeJS.ErrnoException, address: Address, option: string): StartError {
  const where = `--${option} ${formatAddress(address)}`
  const code = error.code ?? ''
  const exit = TEMPORARY.has(code) ? EXIT.TEMPORARY : EXIT.PERMANENT
  const hint: Record<string, string> = {
    EADDRINUSE: 'somebody is listening there already: stop it, or choose another address',
    EACCES:
      'not allowed: a port below 1024 needs CAP_NET_BIND_SERVICE, a path a writable directory',
    EADDRNOTAVAIL: 'this machine does not have that address',
    ENOENT: 'the directory does not exist',
    EINVAL: 'not an address, a path that is too long, or a descriptor that is not listening',
    EBADF: 'no such descriptor was inherited',
  }
  return new StartError(`${where}: ${hint[code] ?? error.message}`, exit, { cause: error })
}

/** SERVER_NAME and SERVER_PORT: never empty, on unix sockets neither (rule W08). */
function serverName(bound: { host: string; port: number }): {
  serverName: string
  serverPort: string
} {
  if (bound.port === 0) return { serverName: 'localhost', serverPort: '80' }
  const any = bound.host === '0.0.0.0' || bound.host === '::'
  return { serverName: any ? hostname() : bound.host, serverPort: String(bound.port) }
}

function describe(
  protocol: Protocol,
  address: Address,
  bound: { host: string; port: number },
): Listener {
  if (bound.port === 0) {
    const path = address.kind === 'fd' ? bound.host : formatAddress(address)
    return { protocol, address: path }
  }
  const real = formatAddress({ kind: 'tcp', host: bound.host, port: bound.port })
  if (protocol !== 'http') return { protocol, address: real }
  const any = bound.host === '0.0.0.0' || bound.host === '::'
  const local = formatAddress({ kind: 'tcp', host: '127.0.0.1', port: bound.port })
  return { protocol, address: real, url: `http://${any ? local : real}` }
}

function nativeOptions(options: Options): NativeOptions {
  return {
    maxRequestLineBytes: options.limitRequestLine,
    maxFields: options.limitRequestFields,
    maxFieldBytes: options.limitRequestFieldSize,
    maxHeadBytes: options.bufferSize,
    maxVars: options.maxVars,
    maxBodyBytes: options.limitPost,
    postBufferingBytes: options.postBuffering,
    headerTimeoutS: options.httpHeadersTimeout,
    bodyTimeoutS: options.socketTimeout,
    writeTimeoutS: options.soSendTimeout,
    keepaliveTimeoutS: options.httpKeepalive,
    maxConnections: options.maxConnections,
    refuseUnderscores: options.headerMap === 'refuse',
    stripHeaderSpaces: options.stripHeaderSpaces,
    permitObsFold: options.permitObsFold,
    obsTarget: options.obsTarget,
    serverHeader: options.serverHeader,
    dateHeader: true,
    forwardedAllowIps: options.forwardedAllowIps,
    forwardedHeaders: options.forwardedHeaders,
    forwardedCount: options.forwardedCount,
    forwardedRefuse: options.forwardedInvalid === 'refuse',
    forwardedClear: options.forwardedClear,
    proxyMode: PROXY_MODE[options.proxyProtocol],
  }
}
