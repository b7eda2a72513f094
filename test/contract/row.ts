// What a row of the contract suite is: a front door, and the kinds of application behind it.

import type { GatewayApp } from '../../src/gateway/types.js'
import { type ServeOptions, serve } from '../../src/server/serve.js'
import type { Target } from './client.js'
import type { Kind } from './corpus.js'
import { type HttpRequest, uwsgiPacket } from './requests.js'

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
  readonly kinds: readonly Kind[]
  /** @param config limits of a case, by their names in the corpus */
  start(app: GatewayApp, config?: Readonly<Record<string, number>>): Promise<RunningRow>
  /** A request of the corpus as this front door gets it. */
  encode(request: HttpRequest): Buffer
}

const OPTIONS: Record<string, keyof ServeOptions> = {
  header_timeout_s: 'httpHeadersTimeout',
  body_timeout_s: 'socketTimeout',
}

/** serve() in this process. */
export function gatewayRow(protocol: 'http' | 'uwsgi'): Row {
  return {
    name: `gateway application over ${protocol}`,
    protocol,
    kinds: ['wsgi-js'],
    encode: protocol === 'http' ? (request) => request.raw : uwsgiPacket,
    async start(app, config = {}) {
      const lines: string[] = []
      const options: Record<string, unknown> = { log: (line: string) => lines.push(line) }
      for (const [name, value] of Object.entries(config)) options[OPTIONS[name]] = value
      options[protocol === 'http' ? 'httpSocket' : 'socket'] = '127.0.0.1:0'
      const server = await serve(app, options)
      const port = Number(server.listeners[0].address.replace(/^.*:/, ''))
      return {
        target: { port, host: '127.0.0.1' },
        lines,
        stats: () => server.stats(),
        close: (graceMs = 1000) => server.close(graceMs),
      }
    },
  }
}
