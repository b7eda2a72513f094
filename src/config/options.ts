// The option table. Everything that knows an option derives from it: the command line, `--help`,
// the types of `serve()`. Names are uWSGI's own; where uWSGI has none, gunicorn's.

export type OptionType =
  | 'address'
  | 'boolean'
  | 'bytes'
  | 'choice'
  | 'count'
  | 'fields'
  | 'log'
  | 'mode'
  | 'pair'
  | 'path'
  | 'peers'
  | 'processes'
  | 'seconds'
  | 'text'

export type OptionGroup =
  | 'Sockets'
  | 'Application'
  | 'Processes'
  | 'Limits'
  | 'Timeouts'
  | 'HTTP'
  | 'Trust'
  | 'Logs'
  | 'Other'

export interface OptionSpec {
  readonly name: string
  readonly type: OptionType
  readonly group: OptionGroup
  /** One line, for --help. */
  readonly doc: string
  /** What stands in its place when it is not given; absent: nothing. */
  readonly default?: string | number | boolean
  /** May be given more than once; the values are gathered. */
  readonly many?: true
  readonly choices?: readonly string[]
  readonly short?: string
  readonly aliases?: readonly string[]
  /** What the value is called in --help. */
  readonly metavar?: string
  /** Seldom needed: --help-all shows it, --help does not. */
  readonly rare?: true
  /** Least value of a number. */
  readonly min?: number
  /** Greatest value of a number. */
  readonly max?: number
}

export const OPTIONS = [
  {
    name: 'http-socket',
    type: 'address',
    group: 'Sockets',
    many: true,
    metavar: 'ADDR',
    doc: 'speak HTTP/1.1 here (default 127.0.0.1:8000, or $HOST:$PORT)',
  },
  {
    name: 'socket',
    type: 'address',
    group: 'Sockets',
    many: true,
    short: 's',
    aliases: ['uwsgi-socket'],
    metavar: 'ADDR',
    doc: "speak uwsgi here, for nginx's uwsgi_pass",
  },
  {
    name: 'listen',
    type: 'count',
    group: 'Sockets',
    short: 'l',
    default: 0,
    metavar: 'N',
    doc: 'length of the listen queue (default min(1024, somaxconn))',
  },
  {
    name: 'chmod-socket',
    type: 'mode',
    group: 'Sockets',
    short: 'C',
    metavar: 'MODE',
    doc: 'mode of unix socket files, such as 660',
  },
  {
    name: 'chown-socket',
    rare: true,
    type: 'text',
    group: 'Sockets',
    metavar: 'USER[:GROUP]',
    doc: 'owner of unix socket files, names or numbers',
  },
  {
    name: 'vacuum',
    rare: true,
    type: 'boolean',
    group: 'Sockets',
    default: true,
    doc: 'remove unix socket files and the pid file at the end (--no-vacuum: leave them)',
  },
  {
    name: 'reuse-port',
    type: 'boolean',
    group: 'Sockets',
    default: false,
    doc: 'SO_REUSEPORT: several servers on one address',
  },
  {
    name: 'max-connections',
    type: 'count',
    group: 'Sockets',
    default: 0,
    metavar: 'N',
    doc: 'connections at once, more wait in the queue; 0: no limit',
  },
  {
    name: 'config',
    type: 'path',
    group: 'Application',
    many: true,
    short: 'c',
    aliases: ['ini', 'toml', 'yaml', 'yml', 'json', 'include'],
    metavar: 'FILE',
    doc: 'read options from this file too: .ini .toml .yaml .json .ts .js',
  },
  {
    name: 'app',
    rare: true,
    type: 'text',
    group: 'Application',
    metavar: 'APP',
    doc: 'the application, for configuration files: FILE or FILE:export',
  },
  {
    name: 'interface',
    type: 'choice',
    group: 'Application',
    default: 'auto',
    choices: ['auto', 'gateway'],
    doc: 'what the application is: auto, gateway',
  },
  {
    name: 'chdir',
    type: 'path',
    group: 'Application',
    metavar: 'DIR',
    doc: 'change to this directory first',
  },
  {
    name: 'env',
    type: 'pair',
    group: 'Application',
    many: true,
    metavar: 'K=V',
    doc: 'set an environment variable (repeatable)',
  },
  {
    name: 'env-file',
    rare: true,
    type: 'path',
    group: 'Application',
    many: true,
    metavar: 'FILE',
    doc: 'set the variables of this file (NAME=VALUE lines) that are not set yet (repeatable)',
  },
  {
    name: 'set-placeholder',
    rare: true,
    type: 'pair',
    group: 'Application',
    many: true,
    aliases: ['set-ph'],
    metavar: 'K=V',
    doc: 'what %(K) is in configuration files (repeatable)',
  },
  {
    name: 'strict',
    rare: true,
    type: 'boolean',
    group: 'Application',
    default: true,
    doc: 'refuse unknown options in configuration files (--no-strict: name them in the log)',
  },
  {
    name: 'dev',
    type: 'boolean',
    group: 'Application',
    default: false,
    doc: 'show stacks on error pages; never in production',
  },
  {
    name: 'master',
    type: 'boolean',
    group: 'Processes',
    short: 'M',
    default: false,
    doc: 'keep workers alive and reload them (default: with several processes)',
  },
  {
    name: 'processes',
    type: 'processes',
    group: 'Processes',
    aliases: ['workers'],
    default: 1,
    min: 1,
    max: 1024,
    metavar: 'N',
    doc: 'workers behind one master; auto: one a core',
  },
  {
    name: 'threads',
    type: 'count',
    group: 'Processes',
    default: 1,
    min: 1,
    max: 256,
    metavar: 'N',
    doc: 'threads of each worker, each with its own engine and application',
  },
  {
    name: 'max-requests',
    type: 'count',
    group: 'Processes',
    default: 0,
    metavar: 'N',
    doc: 'replace a worker after so many requests, give or take 10 %; 0: never',
  },
  {
    name: 'max-worker-lifetime',
    rare: true,
    type: 'seconds',
    group: 'Processes',
    default: 0,
    doc: 'replace a worker after so many seconds, give or take 10 %; 0: never',
  },
  {
    name: 'reload-on-rss',
    type: 'count',
    group: 'Processes',
    default: 0,
    metavar: 'MB',
    doc: 'replace a worker that takes more memory (RSS); 0: never',
  },
  {
    name: 'touch-reload',
    type: 'path',
    group: 'Processes',
    many: true,
    metavar: 'FILE',
    doc: 'reload the workers when this file changes',
  },
  {
    name: 'touch-chain-reload',
    rare: true,
    type: 'path',
    group: 'Processes',
    many: true,
    metavar: 'FILE',
    doc: 'reload them one after the other when this file changes',
  },
  {
    name: 'master-fifo',
    rare: true,
    type: 'path',
    group: 'Processes',
    many: true,
    metavar: 'FILE',
    doc: 'make a fifo there that takes commands of one letter, such as r: reload, q: stop',
  },
  {
    name: 'worker-start-timeout',
    rare: true,
    type: 'seconds',
    group: 'Timeouts',
    default: 90,
    doc: 'a worker that does not finish loading is killed, and has failed; 0: never',
  },
  {
    name: 'pidfile',
    type: 'path',
    group: 'Processes',
    metavar: 'FILE',
    doc: 'write the process id there, of the master if there is one',
  },
  {
    name: 'uid',
    rare: true,
    type: 'text',
    group: 'Processes',
    metavar: 'USER',
    doc: 'become this user when the sockets are open, name or number',
  },
  {
    name: 'gid',
    rare: true,
    type: 'text',
    group: 'Processes',
    metavar: 'GROUP',
    doc: "become this group then (default: the user's)",
  },
  {
    name: 'umask',
    rare: true,
    type: 'mode',
    group: 'Processes',
    metavar: 'MODE',
    doc: 'what files that are made do not allow, such as 027',
  },
  {
    name: 'auto-procname',
    rare: true,
    type: 'boolean',
    group: 'Processes',
    default: false,
    doc: 'name processes for ps: postern master APP, postern worker 1 APP',
  },
  {
    name: 'procname',
    rare: true,
    type: 'text',
    group: 'Processes',
    metavar: 'NAME',
    doc: 'name all processes like this',
  },
  {
    name: 'procname-prefix',
    rare: true,
    type: 'text',
    group: 'Processes',
    metavar: 'TEXT',
    doc: 'put this in front of the names of processes',
  },
  {
    name: 'procname-prefix-spaced',
    rare: true,
    type: 'text',
    group: 'Processes',
    metavar: 'TEXT',
    doc: 'the same, with a space behind it',
  },
  {
    name: 'cheaper',
    type: 'count',
    group: 'Processes',
    default: 0,
    metavar: 'N',
    doc: 'keep at least N workers, more up to --processes as they are needed; 0: all',
  },
  {
    name: 'cheaper-initial',
    rare: true,
    type: 'count',
    group: 'Processes',
    default: 0,
    metavar: 'N',
    doc: 'workers at the start (default: as --cheaper)',
  },
  {
    name: 'cheaper-step',
    rare: true,
    type: 'count',
    group: 'Processes',
    default: 1,
    min: 1,
    metavar: 'N',
    doc: 'workers to start at once',
  },
  {
    name: 'cheaper-overload',
    rare: true,
    type: 'count',
    group: 'Processes',
    default: 3,
    min: 1,
    metavar: 'N',
    doc: 'seconds of a cycle; of backlog: connections that wait',
  },
  {
    name: 'cheaper-algo',
    rare: true,
    type: 'choice',
    group: 'Processes',
    default: 'spare',
    choices: ['spare', 'backlog', 'busyness'],
    doc: 'when workers come and go: spare, backlog, busyness',
  },
  {
    name: 'cheaper-busyness-max',
    rare: true,
    type: 'count',
    group: 'Processes',
    default: 50,
    max: 100,
    metavar: 'N',
    doc: 'per cent: more than that starts workers',
  },
  {
    name: 'cheaper-busyness-min',
    rare: true,
    type: 'count',
    group: 'Processes',
    default: 25,
    max: 100,
    metavar: 'N',
    doc: 'per cent: less than that lets one go',
  },
  {
    name: 'cheaper-busyness-multiplier',
    rare: true,
    type: 'count',
    group: 'Processes',
    default: 10,
    min: 1,
    metavar: 'N',
    doc: 'cycles below the minimum before one goes',
  },
  {
    name: 'cheaper-busyness-penalty',
    rare: true,
    type: 'count',
    group: 'Processes',
    default: 2,
    metavar: 'N',
    doc: 'further cycles after one that went too early',
  },
  {
    name: 'cheaper-busyness-backlog-alert',
    rare: true,
    type: 'count',
    group: 'Processes',
    default: 33,
    metavar: 'N',
    doc: 'connections that wait: start workers at once',
  },
  {
    name: 'cheaper-busyness-backlog-step',
    rare: true,
    type: 'count',
    group: 'Processes',
    default: 1,
    min: 1,
    metavar: 'N',
    doc: 'how many then',
  },
  {
    name: 'stats',
    type: 'address',
    group: 'Processes',
    aliases: ['stats-server', 'stat'],
    metavar: 'ADDR',
    doc: "uWSGI's stats as JSON there, /metrics for Prometheus over HTTP",
  },
  {
    name: 'buffer-size',
    type: 'bytes',
    group: 'Limits',
    short: 'b',
    default: 65536,
    min: 256,
    max: 1048576,
    doc: 'whole request head or uwsgi packet (431)',
  },
  {
    name: 'limit-request-line',
    rare: true,
    type: 'bytes',
    group: 'Limits',
    default: 8190,
    min: 64,
    max: 1048576,
    doc: 'request line (414)',
  },
  {
    name: 'limit-request-fields',
    rare: true,
    type: 'count',
    group: 'Limits',
    default: 100,
    min: 1,
    max: 4000,
    doc: 'header fields (431)',
  },
  {
    name: 'limit-request-field-size',
    rare: true,
    type: 'bytes',
    group: 'Limits',
    default: 8190,
    min: 64,
    max: 1048576,
    doc: 'one header field (431)',
  },
  {
    name: 'max-vars',
    rare: true,
    type: 'count',
    group: 'Limits',
    short: 'v',
    default: 1000,
    min: 1,
    max: 4000,
    doc: 'variables of a uwsgi packet (431)',
  },
  {
    name: 'limit-post',
    type: 'bytes',
    group: 'Limits',
    default: 0,
    doc: 'request body (413); 0: no limit',
  },
  {
    name: 'post-buffering',
    type: 'bytes',
    group: 'Limits',
    default: 0,
    doc: 'wait for the whole body, in memory up to this, then in a file; 0: stream it',
  },
  {
    name: 'http-headers-timeout',
    type: 'seconds',
    group: 'Timeouts',
    default: 30,
    doc: 'for a whole request head (408)',
  },
  {
    name: 'socket-timeout',
    type: 'seconds',
    group: 'Timeouts',
    short: 'z',
    default: 30,
    doc: 'without progress in a request body (408)',
  },
  {
    name: 'so-send-timeout',
    rare: true,
    type: 'seconds',
    group: 'Timeouts',
    default: 60,
    doc: 'without progress of a client that does not read',
  },
  {
    name: 'http-keepalive',
    type: 'seconds',
    group: 'Timeouts',
    default: 75,
    doc: 'idle keep-alive connections',
  },
  {
    name: 'harakiri',
    type: 'seconds',
    group: 'Timeouts',
    short: 't',
    default: 0,
    doc: 'a request without an answer (504, its stack in the log); 0: never',
  },
  {
    name: 'worker-reload-mercy',
    type: 'seconds',
    group: 'Timeouts',
    default: 60,
    doc: 'running requests when the server stops; 0: cut them',
  },
  {
    name: 'header-map',
    rare: true,
    type: 'choice',
    group: 'HTTP',
    default: 'drop',
    choices: ['drop', 'refuse'],
    doc: 'field names with an underscore: drop, refuse (400)',
  },
  {
    name: 'server-header',
    type: 'boolean',
    group: 'HTTP',
    default: true,
    doc: 'send "Server: postern" (--no-server-header: not)',
  },
  {
    name: 'strip-header-spaces',
    rare: true,
    type: 'boolean',
    group: 'HTTP',
    default: false,
    doc: 'dangerous: allow "Name : value"',
  },
  {
    name: 'permit-obs-fold',
    rare: true,
    type: 'boolean',
    group: 'HTTP',
    default: false,
    doc: 'dangerous: join header lines that go on in the next',
  },
  {
    name: 'obs-target',
    rare: true,
    type: 'boolean',
    group: 'HTTP',
    default: false,
    doc: 'allow bytes outside of ASCII in the request-target',
  },
  {
    name: 'forwarded-allow-ips',
    type: 'peers',
    group: 'Trust',
    default: '127.0.0.0/8,::1,unix',
    metavar: 'LIST',
    doc: 'whose X-Forwarded-* and PROXY headers count: addresses, networks, unix, *',
  },
  {
    name: 'forwarded-headers',
    rare: true,
    type: 'fields',
    group: 'Trust',
    default:
      'forwarded,x-forwarded-for,x-forwarded-proto,x-forwarded-protocol,x-forwarded-ssl,x-forwarded-host,x-forwarded-port',
    metavar: 'LIST',
    doc: 'which of their fields count; also x-real-ip, x-scheme',
  },
  {
    name: 'forwarded-count',
    rare: true,
    type: 'count',
    group: 'Trust',
    default: 0,
    max: 64,
    metavar: 'N',
    doc: 'take the N-th entry from the right (default: the last that is not trusted)',
  },
  {
    name: 'forwarded-invalid',
    rare: true,
    type: 'choice',
    group: 'Trust',
    default: 'refuse',
    choices: ['refuse', 'ignore'],
    doc: 'fields that are malformed or contradict: refuse (400), ignore',
  },
  {
    name: 'forwarded-clear',
    rare: true,
    type: 'boolean',
    group: 'Trust',
    default: false,
    doc: 'hide forwarding fields that do not count from the application',
  },
  {
    name: 'proxy-protocol',
    type: 'choice',
    group: 'Trust',
    default: 'off',
    choices: ['off', 'allow', 'require'],
    doc: 'PROXY v1/v2 headers on HTTP sockets: off, allow, require',
  },
  {
    name: 'access-log',
    type: 'log',
    group: 'Logs',
    aliases: ['access-logfile', 'req-logger'],
    default: '-',
    metavar: 'FILE',
    doc: 'a line for each request; -: standard output',
  },
  {
    name: 'access-log-format',
    type: 'text',
    group: 'Logs',
    aliases: ['access-logformat', 'log-format', 'logformat'],
    default: 'combined',
    metavar: 'FORMAT',
    doc: 'combined, common, uwsgi, json, or text with %(atoms)',
  },
  {
    name: 'disable-logging',
    type: 'boolean',
    group: 'Logs',
    short: 'L',
    default: false,
    doc: 'no access log, but for what --log-4xx and the like ask for',
  },
  {
    name: 'log-4xx',
    rare: true,
    type: 'boolean',
    group: 'Logs',
    default: false,
    doc: 'with --disable-logging: requests that were answered with 4xx',
  },
  {
    name: 'log-5xx',
    rare: true,
    type: 'boolean',
    group: 'Logs',
    default: false,
    doc: 'with --disable-logging: requests that were answered with 5xx',
  },
  {
    name: 'log-slow',
    rare: true,
    type: 'count',
    group: 'Logs',
    default: 0,
    metavar: 'MS',
    doc: 'with --disable-logging: requests that took at least so many milliseconds',
  },
  {
    name: 'log-big',
    rare: true,
    type: 'bytes',
    group: 'Logs',
    default: 0,
    doc: 'with --disable-logging: responses with a body of at least so many bytes',
  },
  {
    name: 'log-zero',
    rare: true,
    type: 'boolean',
    group: 'Logs',
    default: false,
    doc: 'with --disable-logging: responses without a body',
  },
  {
    name: 'log-x-forwarded-for',
    rare: true,
    type: 'boolean',
    group: 'Logs',
    default: false,
    doc: 'the address is what X-Forwarded-For of a trusted peer says, as it stands',
  },
  {
    name: 'logto',
    type: 'log',
    group: 'Logs',
    aliases: ['error-logfile', 'logger'],
    metavar: 'FILE',
    doc: 'standard output and standard error of all processes go there',
  },
  {
    name: 'log-level',
    rare: true,
    type: 'choice',
    group: 'Logs',
    default: 'info',
    choices: ['info', 'warning', 'error'],
    doc: "least level of the server's own lines: info, warning, error",
  },
  {
    name: 'log-maxsize',
    rare: true,
    type: 'bytes',
    group: 'Logs',
    default: 104857600,
    doc: 'a log file of that size is put aside and compressed; 0: never',
  },
  {
    name: 'log-backups',
    rare: true,
    type: 'count',
    group: 'Logs',
    default: 5,
    max: 1000,
    metavar: 'N',
    doc: 'log files that were put aside and are kept',
  },
  {
    name: 'log-backupname',
    rare: true,
    type: 'path',
    group: 'Logs',
    metavar: 'FILE',
    doc: 'keep one of them only, under that name, and do not compress it',
  },
  {
    name: 'help',
    type: 'boolean',
    group: 'Other',
    short: 'h',
    default: false,
    doc: 'this page',
  },
  {
    name: 'help-all',
    type: 'boolean',
    group: 'Other',
    default: false,
    doc: 'every option',
  },
  {
    name: 'show-config',
    rare: true,
    type: 'boolean',
    group: 'Other',
    aliases: ['print-config'],
    default: false,
    doc: 'the configuration as it is read, and where each value comes from',
  },
  {
    name: 'version',
    type: 'boolean',
    group: 'Other',
    default: false,
    doc: 'the version',
  },
] as const satisfies readonly OptionSpec[]

type Table = (typeof OPTIONS)[number]

/** "http-socket" → "httpSocket". */
export type Camel<S extends string> = S extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S

type Scalar<T extends OptionSpec> = T extends { choices: readonly (infer C)[] }
  ? C
  : T['type'] extends 'boolean'
    ? boolean
    : T['type'] extends 'bytes' | 'count' | 'seconds' | 'mode' | 'processes'
      ? number
      : string

type Resolved<T extends OptionSpec> = T extends { many: true }
  ? Value<T>
  : 'default' extends keyof T
    ? Value<T>
    : Value<T> | undefined

type Value<T extends OptionSpec> = T extends { many: true } ? Scalar<T>[] : Scalar<T>

/** Options after defaults: one property for each row of the table, in camelCase. */
export type Options = { [T in Table as Camel<T['name']>]: Resolved<T> }

/** Whether workers do the work, and a master keeps them alive. */
export function hasMaster(options: Options): boolean {
  return options.master || options.processes > 1 || options.threads > 1
}

/** "http-socket" → "httpSocket". */
export function camelCase(name: string): string {
  return name.replace(/-([a-z\d])/g, (_, letter: string) => letter.toUpperCase())
}

const SPECS: readonly OptionSpec[] = OPTIONS

/** The row of an option by name or alias, undefined: there is none. */
export function findOption(name: string): OptionSpec | undefined {
  return SPECS.find((spec) => spec.name === name || spec.aliases?.includes(name))
}

const METAVARS: Partial<Record<OptionType, string>> = {
  bytes: 'BYTES',
  choice: 'KIND',
  count: 'N',
  seconds: 'S',
}

/** What the value of an option is called in messages; empty: it has none. */
export function metavar(spec: OptionSpec): string {
  return spec.metavar ?? METAVARS[spec.type] ?? ''
}

/** What every option is when nothing is said. */
export function defaultOptions(): Options {
  const options: Record<string, unknown> = {}
  for (const spec of SPECS) {
    options[camelCase(spec.name)] = spec.many === true ? [] : spec.default
  }
  return options as Options
}
