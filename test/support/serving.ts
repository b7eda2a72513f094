// serve() in this process, for tests of the library: its log is kept, and it is closed at the end.
import { onTestFinished } from 'vitest'
import type { GatewayApp } from '../../src/gateway/types.js'
import { type RunningServer, type ServeOptions, serve } from '../../src/server/serve.js'
import type { Listener } from '../../src/server/sockets.js'
import { exchange, RawClient, type Where } from '../blackbox/raw-client.js'

export interface Serving extends RunningServer {
  readonly log: string[]
  /** Where the first socket listens. */
  readonly where: Where
}

/** Without a socket in `options`: HTTP on a free port of 127.0.0.1. */
export async function serveHere(app: GatewayApp, options: ServeOptions = {}): Promise<Serving> {
  const log: string[] = []
  const sockets =
    options.httpSocket === undefined && options.socket === undefined
      ? { httpSocket: '127.0.0.1:0' }
      : {}
  const server = await serve(app, { log: (line) => log.push(line), ...sockets, ...options })
  onTestFinished(() => server.close(0))
  return { ...server, log, where: whereOf(server.listeners[0]) }
}

export function whereOf({ address }: Listener): Where {
  if (address.startsWith('@')) return { path: `\0${address.slice(1)}` }
  const tcp = /^(?:\[(.+)\]|([^:/]+)):(\d+)$/.exec(address)
  return tcp === null ? { path: address } : { host: tcp[1] ?? tcp[2], port: Number(tcp[3]) }
}

export function get(path = '/'): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
}

/** The body of what GET gives. */
export async function ask(where: Where, path = '/'): Promise<string> {
  return (await exchange(where, get(path))).body.toString()
}

/** A client that is gone when the test is over. */
export async function connectTo(where: Where): Promise<RawClient> {
  const client = await RawClient.connect(where)
  onTestFinished(() => client.destroy())
  return client
}
