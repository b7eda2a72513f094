// The library's front door: serve(app, options), the same server as the command line's, in this
// process.
import { detectApp } from '../adapters/detect.js'
import {
  camelCase,
  defaultOptions,
  OPTIONS,
  type OptionSpec,
  type Options,
} from '../config/options.js'
import { suggest } from '../config/suggest.js'
import { checkValue } from '../config/values.js'
import { ConfigError } from '../errors.js'
import type { GatewayApp } from '../gateway/types.js'
import { Log, type LogSink } from './log.js'
import { type Listener, Server } from './server.js'

type OneOrMany<T> = T extends readonly (infer E)[] ? E | readonly E[] : T

/** The options of the command line in camelCase; a repeatable one takes one value or an array. */
export type ServeOptions = {
  readonly [K in Exclude<keyof Options, 'help' | 'version' | 'chdir' | 'env'>]?: OneOrMany<
    Options[K]
  >
} & {
  /** Takes the lines of the server's log. @default process.stderr */
  readonly log?: LogSink
}

/** A server that listens. */
export interface RunningServer {
  readonly listeners: readonly Listener[]
  /** URL of the first HTTP socket over TCP, undefined if there is none. */
  readonly url: string | undefined
  stats(): { connections: number; requests: number }
  /**
   * Stops accepting, lets running requests finish, closes.
   *
   * @param graceMs how long requests may take before they are cut, in milliseconds
   */
  close(graceMs?: number): Promise<void>
}

const SPECS: readonly OptionSpec[] = OPTIONS

/**
 * Serves an application and resolves when it listens. Without a socket in the options that is
 * HTTP on 127.0.0.1:8000.
 *
 * @throws {ConfigError} an unknown option or a bad value
 * @throws {StartError} a socket cannot be opened
 */
export async function serve(app: GatewayApp, options: ServeOptions = {}): Promise<RunningServer> {
  const resolved = resolveOptions(options)
  const detected = detectApp(app, resolved.interface, 'the application')
  const server = new Server(detected.app, resolved, new Log(options.log))
  await server.start()
  return {
    listeners: server.listeners,
    url: server.listeners.find((listener) => listener.url !== undefined)?.url,
    stats: () => server.stats(),
    close: (graceMs) => server.close(graceMs),
  }
}

function resolveOptions(given: ServeOptions): Options {
  const resolved = defaultOptions() as Record<string, unknown>
  for (const [key, value] of Object.entries(given)) {
    if (key === 'log' || value === undefined) continue
    const spec = SPECS.find((candidate) => camelCase(candidate.name) === key)
    if (spec === undefined) throw unknownOption(key)
    const values = Array.isArray(value) ? value : [value]
    const checked = values.map((one) => checkValue(spec, one))
    resolved[key] = spec.many === true ? checked : checked[0]
  }
  const options = resolved as Options
  if (options.httpSocket.length + options.socket.length === 0) {
    options.httpSocket = ['127.0.0.1:8000']
  }
  return options
}

function unknownOption(key: string): ConfigError {
  const near = suggest(
    key,
    SPECS.map((spec) => camelCase(spec.name)),
  )
  return new ConfigError(
    `serve() has no option "${key}"${near === undefined ? '' : `: did you mean "${near}"?`}`,
  )
}
