// The library's front door: serve(app, options), the same server as the command line's, in this
// process.
import { detectApp } from '../adapters/detect.js'
import {
  type Camel,
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
import { LogFiles } from './log-files.js'
import { Server } from './server.js'
import type { Listener } from './sockets.js'

/** What acts on the process, which is not ours here. */
const COMMAND_LINE_ONLY = [
  'app',
  'auto-procname',
  'chdir',
  'cheaper',
  'cheaper-algo',
  'cheaper-busyness-backlog-alert',
  'cheaper-busyness-backlog-step',
  'cheaper-busyness-max',
  'cheaper-busyness-min',
  'cheaper-busyness-multiplier',
  'cheaper-busyness-penalty',
  'cheaper-initial',
  'cheaper-overload',
  'cheaper-step',
  'config',
  'env',
  'env-file',
  'gid',
  'help',
  'help-all',
  'log-level',
  'logto',
  'master',
  'master-fifo',
  'max-requests',
  'max-worker-lifetime',
  'pidfile',
  'processes',
  'procname',
  'procname-prefix',
  'procname-prefix-spaced',
  'reload-on-rss',
  'stats',
  'set-placeholder',
  'show-config',
  'strict',
  'touch-chain-reload',
  'threads',
  'touch-reload',
  'version',
  'worker-start-timeout',
  'uid',
  'umask',
] as const
type CommandLineOnly = Camel<(typeof COMMAND_LINE_ONLY)[number]>

type OneOrMany<T> = T extends readonly (infer E)[] ? E | readonly E[] : T

/** The options of the command line in camelCase; a repeatable one takes one value or an array. */
export type ServeOptions = {
  readonly [K in Exclude<keyof Options, CommandLineOnly>]?: OneOrMany<Options[K]>
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
  /** The file of the access log was moved: lines go to a new one. */
  reopenLogs(): Promise<void>
  /**
   * Stops accepting, lets running requests finish, closes. Another call can shorten the wait.
   *
   * @param graceMs how long requests may take before they are cut, in milliseconds
   * @default worker-reload-mercy
   */
  close(graceMs?: number): Promise<void>
}

const SPECS: readonly OptionSpec[] = (OPTIONS as readonly OptionSpec[]).filter(
  (spec) => !(COMMAND_LINE_ONLY as readonly string[]).includes(spec.name),
)

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
  const log = new Log(options.log)
  const logFiles = new LogFiles(resolved, log)
  const server = new Server(detected.app, resolved, log, { accessLog: logFiles.accessLog })
  try {
    await server.start()
  } catch (error) {
    logFiles.close()
    throw error
  }
  logFiles.watch(async (_, fd) => server.logTo(fd))
  return {
    listeners: server.listeners,
    url: server.listeners.find((listener) => listener.url !== undefined)?.url,
    stats: () => server.stats(),
    reopenLogs: () => logFiles.reopen(),
    close(graceMs) {
      const closed = server.close(graceMs)
      void closed.then(() => logFiles.close())
      return closed
    },
  }
}

function resolveOptions({ log, ...given }: ServeOptions): Options {
  if (log !== undefined && typeof log !== 'function') {
    throw new ConfigError('the option "log" of serve() is a function that takes a line')
  }
  const resolved = defaultOptions() as Record<string, unknown>
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue
    const spec = SPECS.find((candidate) => camelCase(candidate.name) === key)
    if (spec === undefined) throw unknownOption(key)
    const many = spec.many === true
    const values = many && Array.isArray(value) ? value : [value]
    const checked = values.map((one) => checkValue(spec, one))
    resolved[key] = many ? checked : checked[0]
  }
  const options = resolved as Options
  // Standard output belongs to the process that we live in.
  if (given.accessLog === undefined && given.accessLogFormat === undefined) {
    options.disableLogging = true
  }
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
