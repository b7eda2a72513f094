// The sockets of a server: which ones the options ask for, what bind(2) gets, what applications and
// people are told about them, and why one cannot be opened. Opens nothing itself.
import { lookup } from 'node:dns/promises'
import { lstatSync } from 'node:fs'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { type Address, formatAddress, parseAddress } from '../config/address.js'
import type { Options } from '../config/options.js'
import { EXIT, StartError } from '../errors.js'
import type { NativeListen, NativeListener } from '../native/addon.js'
import type { ListenerName } from './dispatcher.js'

export type Protocol = 'http' | 'uwsgi'

/** A socket as it was opened. */
export interface Listener {
  readonly protocol: Protocol
  /** In the form in which options take it, with the real port. */
  readonly address: string
  /** For browsers and curl; only of HTTP over TCP. */
  readonly url?: string
}

/** A socket that is to be opened, and the option that asked for it. */
export interface Wanted {
  readonly protocol: Protocol
  readonly address: Address
  readonly option: string
}

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

const HINTS: Record<string, string> = {
  EADDRINUSE: 'somebody is listening there already: stop it, or choose another address',
  EACCES: 'not allowed: a port below 1024 needs CAP_NET_BIND_SERVICE, a path a writable directory',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOENT: 'the directory does not exist',
  EINVAL: 'not an address, a path that is too long, or a descriptor that is not listening',
  EBADF: 'no such descriptor was inherited',
  ENOTSOCK: 'the descriptor is not a socket',
}

/** @throws {ConfigError} an address is malformed */
export function wantedSockets(options: Options): Wanted[] {
  const wanted = (protocol: Protocol, option: string, texts: readonly string[]): Wanted[] =>
    texts.map((text) => ({ protocol, option, address: parseAddress(text, option) }))
  return [
    ...wanted('http', 'http-socket', options.httpSocket),
    ...wanted('uwsgi', 'socket', options.socket),
  ]
}

/** @throws {StartError} the name of a host has no address */
export async function nativeListen(wanted: Wanted, options: Options): Promise<NativeListen> {
  const { protocol, address } = wanted
  return {
    kind: KIND[address.kind],
    host: await nativeHost(wanted),
    port: address.kind === 'tcp' ? address.port : 0,
    fd: address.kind === 'fd' ? address.fd : -1,
    mode: options.chmodSocket ?? -1,
    protocol: PROTOCOL[protocol],
    backlog: options.listen,
    reusePort: options.reusePort,
  }
}

/** What bind(2) gets: a numeric address, a path, or an abstract name. */
async function nativeHost({ address, option }: Wanted): Promise<string> {
  if (address.kind === 'unix') return address.path
  if (address.kind === 'abstract') return address.name
  if (address.kind === 'fd') return ''
  if (/^[\d.]+$/.test(address.host) || address.host.includes(':')) return address.host
  try {
    // `order` is not in the types of Node 20; versions before 20.13 know only `verbatim`.
    const how = { order: 'ipv4first', verbatim: false }
    return (await lookup(address.host, how as object)).address
  } catch (cause) {
    throw new StartError(`--${option}: the name ${address.host} has no address`, EXIT.PERMANENT, {
      cause,
    })
  }
}

/** Why a socket cannot be opened, and what to do. */
export function explainListen(error: NodeJS.ErrnoException, wanted: Wanted): StartError {
  const { address, option } = wanted
  const where = `--${option} ${formatAddress(address)}`
  const code = error.code ?? ''
  if (code === 'EADDRINUSE' && address.kind === 'unix' && !isSocketFile(address.path)) {
    return new StartError(`${where}: there is a file that is not a socket`, EXIT.PERMANENT, {
      cause: error,
    })
  }
  const exit = TEMPORARY.has(code) ? EXIT.TEMPORARY : EXIT.PERMANENT
  return new StartError(`${where}: ${HINTS[code] ?? error.message}`, exit, { cause: error })
}

function isSocketFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? true
}

/** SERVER_NAME and SERVER_PORT: never empty, on unix sockets neither (rule W08). */
export function serverName(bound: NativeListener): ListenerName {
  if (bound.port === 0) return { serverName: 'localhost', serverPort: '80' }
  const name = loopbackOf(bound.host) === undefined ? bound.host : hostname()
  return { serverName: name, serverPort: String(bound.port) }
}

export function describeListener({ protocol, address }: Wanted, bound: NativeListener): Listener {
  if (bound.port === 0) return { protocol, address: localName(address, bound) }
  const tcp = (host: string) => formatAddress({ kind: 'tcp', host, port: bound.port })
  const real = tcp(bound.host)
  if (protocol !== 'http') return { protocol, address: real }
  return { protocol, address: real, url: `http://${tcp(loopbackOf(bound.host) ?? bound.host)}` }
}

/** A path is made absolute: who reads it may stand in another directory. */
function localName(address: Address, bound: NativeListener): string {
  if (address.kind === 'unix') return resolve(address.path)
  return address.kind === 'fd' ? bound.host : formatAddress(address)
}

/** Where all addresses of this machine are listened on, the one to try; undefined: it is one. */
function loopbackOf(host: string): string | undefined {
  const any: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' }
  return any[host]
}
