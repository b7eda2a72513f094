// Options of uWSGI that are accepted and do nothing here, each with the reason that the log gives
// once. An option that comes to mean something moves to the table in options.ts, and its line here
// goes: a test fails while a name is in both.

interface Accepted {
  readonly reason: string
  /** On a command line a value follows it. */
  readonly value?: true
}

const PYTHON = 'it is about the Python interpreter'

export const ACCEPTED: Readonly<Record<string, Accepted>> = {
  autoload: { reason: 'nothing is a plugin here' },
  'close-on-exec': { reason: 'always on' },
  'disable-write-exception': { reason: 'a client that goes is never an exception' },
  ftok: { reason: 'there is no lock between workers', value: true },
  'http-auto-chunked': { reason: 'always on' },
  'http-chunked-input': { reason: 'always on' },
  'http-manage-expect': { reason: 'always on' },
  'http-raw-body': { reason: 'always on' },
  'ignore-sigpipe': { reason: 'a client that goes is never an error' },
  'ignore-write-errors': { reason: 'a client that goes is never an error' },
  lazy: { reason: 'each worker loads the application itself' },
  'lazy-apps': { reason: 'each worker loads the application itself' },
  'lock-engine': { reason: 'there is no lock between workers', value: true },
  'log-date': { reason: 'every line has its time' },
  'log-ioerror': { reason: 'formats have %(ioerr)' },
  'log-master': { reason: 'workers write their lines themselves, whole ones' },
  'log-master-bufsize': { reason: 'no line passes through the master', value: true },
  'log-micros': { reason: 'formats have %(micros)' },
  'log-sendfile': { reason: 'every request has its line' },
  'max-apps': { reason: 'nothing is reserved for applications', value: true },
  'max-fd': { reason: 'no table is as long as the limit of descriptors', value: true },
  'max-requests-delta': { reason: 'max-requests varies by 10 %', value: true },
  'max-worker-lifetime-delta': { reason: 'max-worker-lifetime varies by 10 %', value: true },
  'min-worker-lifetime': { reason: 'what is replaced depends on requests and time', value: true },
  'need-plugin': { reason: 'nothing is a plugin here', value: true },
  'need-plugins': { reason: 'nothing is a plugin here', value: true },
  'no-orphans': { reason: 'workers leave with their master' },
  'offload-threads': { reason: 'a file never occupies the application', value: true },
  plugin: { reason: 'nothing is a plugin here', value: true },
  'plugin-dir': { reason: 'nothing is a plugin here', value: true },
  plugins: { reason: 'nothing is a plugin here', value: true },
  'plugins-dir': { reason: 'nothing is a plugin here', value: true },
  'post-buffering-bufsize': { reason: 'buffers grow as they have to', value: true },
  'py-call-osafterfork': { reason: PYTHON },
  'py-call-uwsgi-fork-hooks': { reason: PYTHON },
  'py-callos-afterfork': { reason: PYTHON },
  'single-interpreter': { reason: PYTHON },
  'skip-atexit': { reason: PYTHON },
  'skip-atexit-teardown': { reason: PYTHON },
  'tcp-nodelay': { reason: 'always on' },
  'threaded-logger': { reason: 'no line passes through the master' },
  'thunder-lock': { reason: 'not needed, a connection wakes one worker' },
  'wsgi-env-behavior': { reason: 'each request has an environ of its own', value: true },
  'wsgi-env-behaviour': { reason: 'each request has an environ of its own', value: true },
  'wsgi-manage-chunked-input': { reason: 'always on' },

  // What is to come.
  'cheaper-busyness-backlog-multiplier': {
    reason: 'workers of an alert go as all others do',
    value: true,
  },
  'cheaper-busyness-backlog-nonzero': { reason: 'the alert is about how many wait', value: true },
  'cheaper-busyness-verbose': { reason: 'each change is logged' },
  'die-on-term': { reason: 'TERM always ends it' },
  'enable-threads': { reason: 'always on' },
  'harakiri-verbose': { reason: 'the stack is always logged' },
  'need-app': { reason: 'always on' },
}

/** Why an option of uWSGI does nothing here; undefined: it is not one of those. */
export function acceptedReason(name: string): string | undefined {
  return Object.hasOwn(ACCEPTED, name) ? ACCEPTED[name].reason : undefined
}

/** "thunder-lock (not needed, …), vacuum (always on)", each once. */
export function describeAccepted(names: readonly string[]): string {
  return [...new Set(names)].map((name) => `${name} (${acceptedReason(name)})`).join(', ')
}
