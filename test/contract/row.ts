// What a row of the contract suite is: a front door, and the kinds of application behind it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GatewayApp } from '../../src/gateway/types.js'
import { type ServeOptions, serve } from '../../src/server/serve.js'
import type { Target } from './client.js'
import type { Kind } from './corpus.js'
import { type HttpRequest, uwsgiPacket } from './requests.js'

export type Transport = 'TCP' | 'unix'

export interface RunningRow {
  readonly target: Target
  /** What it has logged, a line each. */
  readonly lines: string[]
  stats(): { connections: number; requests: number }
  close(graceMs?: number): Promise<void>
}

export interface Row {
  readonly name: string
  readonly protocol: 'http' | 'uwsgi'
  readonly transport: Transport
  readonly kinds: readonly Kind[]
  /** The application is called when the body is whole. */
  readonly buffered: boolean
  /** @param config limits of a case, by their names in the corpus */
  start(app: GatewayApp, config?: Readonly<Record<string, number>>): Promise<RunningRow>
  /** A request of the corpus as this front door gets it. */
  encode(request: HttpRequest): Buffer
}

export interface RowOptions {
  readonly transport?: Transport
  /** Bytes of a body that are kept in memory; what is longer waits in a file. */
  readonly postBuffering?: number
}

const OPTIONS: Record<string, keyof ServeOptions> = {
  header_timeout_s: 'httpHeadersTimeout',
  body_timeout_s: 'socketTimeout',
}

/** serve() in this process. */
export function gatewayRow(protocol: 'http' | 'uwsgi', how: RowOptions = {}): Row {
  const { transport = 'TCP', postBuffering } = how
  const buffered = postBuffering === undefined ? '' : ', with post-buffering'
  return {
    name: `gateway application over ${protocol} and ${transport}${buffered}`,
    protocol,
    transport,
    kinds: ['wsgi-js'],
    buffered: postBuffering !== undefined,
    encode: protocol === 'http' ? (request) => request.raw : uwsgiPacket,
    async start(app, config = {}) {
      const lines: string[] = []
      const options: Record<string, unknown> = { log: (line: string) => lines.push(line) }
      for (const [name, value] of Object.entries(config)) options[OPTIONS[name]] = value
      if (postBuffering !== undefined) options.postBuffering = postBuffering
      const place = placeOf(transport)
      options[protocol === 'http' ? 'httpSocket' : 'socket'] = place.address
      const server = await serve(app, options)
      return {
        target: place.target(server.listeners[0].address),
        lines,
        stats: () => server.stats(),
        async close(graceMs = 1000) {
          await server.close(graceMs)
          place.remove()
        },
      }
    },
  }
}

/** A free address of that kind, and how a client reaches what was opened there. */
function placeOf(transport: Transport) {
  if (transport === 'TCP') {
    const target = (address: string): Target => ({
      port: Number(address.replace(/^.*:/, '')),
      host: '127.0.0.1',
    })
    return { address: '127.0.0.1:0', target, remove() {} }
  }
  const directory = mkdtempSync(join(tmpdir(), 'postern-row-'))
  const path = join(directory, 'socket')
  const remove = () => rmSync(directory, { recursive: true, force: true })
  return { address: path, target: (): Target => ({ path }), remove }
}
