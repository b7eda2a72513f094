// What the stats socket says: facts about a master and its workers, and the two forms that they take,
// uWSGI's JSON (core/stats.c of uWSGI 2.0; what uwsgitop reads) and Prometheus text exposition 0.0.4.
// Pure: where facts come from is facts.ts, who asks is stats-server.ts.
import type { CurrentRequest, Score } from '../server/scoreboard.js'

export interface SocketFacts {
  readonly name: string
  readonly protocol: string
  /** Connections that wait, and how many can. */
  readonly queue: number
  readonly maxQueue: number
}

export interface WorkerFacts {
  readonly id: number
  /** 0: there is no process. */
  readonly pid: number
  readonly accepting: boolean
  readonly rssBytes: number
  readonly vszBytes: number
  /** Seconds of the epoch. */
  readonly spawnedAt: number
  /** How many processes have had this id. */
  readonly respawns: number
  /** Of the process. */
  readonly score: Score
  /** Of all processes that have had this id. */
  readonly total: Score
  /** Each thread of the process. */
  readonly cores: readonly CoreFacts[]
}

export interface CoreFacts {
  readonly score: Score
  readonly current: CurrentRequest | null
}

export interface Facts {
  readonly version: string
  readonly pid: number
  readonly uid: number
  readonly gid: number
  readonly cwd: string
  readonly app: string
  readonly sockets: readonly SocketFacts[]
  readonly workers: readonly WorkerFacts[]
}

/** The object whose JSON the stats socket sends. Times are in microseconds, as uWSGI's. */
export function uwsgiStats(facts: Facts): object {
  return {
    version: facts.version,
    listen_queue: Math.max(0, ...facts.sockets.map(({ queue }) => queue)),
    listen_queue_errors: 0,
    signal_queue: 0,
    load: facts.workers.reduce((sum, { score }) => sum + score.inFlight, 0),
    pid: facts.pid,
    uid: facts.uid,
    gid: facts.gid,
    cwd: facts.cwd,
    locks: [],
    sockets: facts.sockets.map(({ name, protocol, queue, maxQueue }) => ({
      name,
      proto: protocol,
      queue,
      max_queue: maxQueue,
      shared: 0,
      can_offload: 0,
    })),
    workers: facts.workers.map((worker) => uwsgiWorker(worker, facts)),
  }
}

/** For the log. */
export function statsLine({ workers, sockets }: Facts): string {
  const serving = workers.filter(({ accepting }) => accepting).length
  const requests = workers.reduce((sum, { total }) => sum + total.requests, 0)
  const inFlight = workers.reduce((sum, { score }) => sum + score.inFlight, 0)
  const waiting = sockets.reduce((sum, { queue }) => sum + queue, 0)
  const bytes = workers.reduce((sum, { rssBytes }) => sum + rssBytes, 0)
  const mb = Math.round(bytes / (1024 * 1024))
  return (
    `stats: ${serving} workers serve, ${requests} requests, ${inFlight} in flight, ` +
    `${waiting} connections wait, ${mb} MB`
  )
}

function uwsgiWorker(worker: WorkerFacts, { cwd }: Facts): object {
  const { score, total } = worker
  const exceptions = total.responses[4]
  return {
    id: worker.id,
    pid: worker.pid,
    accepting: worker.accepting ? 1 : 0,
    requests: total.requests,
    delta_requests: score.requests,
    exceptions,
    harakiri_count: total.overdue,
    signals: 0,
    signal_queue: 0,
    status: statusOf(worker),
    rss: worker.rssBytes,
    vsz: worker.vszBytes,
    running_time: micros(total.busyNs),
    last_spawn: worker.spawnedAt,
    respawn_count: worker.respawns,
    tx: total.sentBytes,
    avg_rt: micros(total.responseNs / Math.max(1, answered(total))),
    apps: [
      {
        id: 0,
        modifier1: 0,
        mountpoint: '',
        startup_time: 0,
        requests: total.requests,
        exceptions,
        chdir: cwd,
      },
    ],
    cores: worker.cores.map(uwsgiCore),
  }
}

function uwsgiCore({ score, current }: CoreFacts, id: number): object {
  const busy = score.inFlight > 0
  return {
    id,
    requests: score.requests,
    static_requests: 0,
    routed_requests: 0,
    offloaded_requests: 0,
    write_errors: score.clientGone,
    read_errors: 0,
    in_request: busy ? 1 : 0,
    vars:
      busy && current !== null
        ? [`REQUEST_METHOD=${current.method}`, `REQUEST_URI=${current.uri}`]
        : [],
    req_info:
      busy && current !== null ? { request_start: Math.round(current.startedNs / 1e9) } : {},
  }
}

function statusOf({ pid, score }: WorkerFacts): string {
  if (pid === 0) return 'cheap'
  return score.inFlight > 0 ? 'busy' : 'idle'
}

function answered(score: Score): number {
  return score.responses.reduce((sum, one) => sum + one, 0)
}

function micros(ns: number): number {
  return Math.round(ns / 1000)
}

// --- Prometheus ---

type Sample = readonly [labels: Record<string, string>, value: number]

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function prometheus(facts: Facts): string {
  const { workers, sockets, version } = facts
  const of = (value: (worker: WorkerFacts) => number): Sample[] =>
    workers.map((worker) => [{ worker: String(worker.id) }, value(worker)])
  const perSocket = (value: (socket: SocketFacts) => number): Sample[] =>
    sockets.map((socket) => [{ socket: socket.name, protocol: socket.protocol }, value(socket)])
  const classes = workers.flatMap(({ id, total }) =>
    total.responses.map((count, i): Sample => [{ worker: String(id), class: `${i + 1}xx` }, count]),
  )
  const seconds = (ns: number) => ns / 1e9
  const running = workers.filter(({ pid }) => pid !== 0).length
  return [
    metric('info', 'gauge', 'the version that runs', [[{ version }, 1]]),
    metric('workers', 'gauge', 'processes that serve', [[{}, running]]),
    metric(
      'requests_total',
      'counter',
      'requests that the application got',
      of(({ total }) => total.requests),
    ),
    metric('responses_total', 'counter', 'responses by class of status', classes),
    metric(
      'sent_bytes_total',
      'counter',
      'bytes that the kernel took',
      of(({ total }) => total.sentBytes),
    ),
    metric(
      'busy_seconds_total',
      'counter',
      'time in the application',
      of(({ total }) => seconds(total.busyNs)),
    ),
    metric(
      'response_seconds_total',
      'counter',
      'from request to end of response, all together',
      of(({ total }) => seconds(total.responseNs)),
    ),
    metric(
      'client_gone_total',
      'counter',
      'clients that left before the end of the response',
      of(({ total }) => total.clientGone),
    ),
    metric(
      'harakiri_total',
      'counter',
      'requests that were not answered in time',
      of(({ total }) => total.overdue),
    ),
    metric(
      'in_flight',
      'gauge',
      'requests that are being handled',
      of(({ score }) => score.inFlight),
    ),
    metric(
      'connections',
      'gauge',
      'open connections',
      of(({ score }) => score.connections),
    ),
    metric(
      'worker_rss_bytes',
      'gauge',
      'resident memory',
      of(({ rssBytes }) => rssBytes),
    ),
    metric(
      'worker_start_time_seconds',
      'gauge',
      'when the process was started',
      of(({ spawnedAt }) => spawnedAt),
    ),
    metric(
      'worker_respawns_total',
      'counter',
      'processes that were started',
      of(({ respawns }) => respawns),
    ),
    metric(
      'listen_queue',
      'gauge',
      'connections that wait to be accepted',
      perSocket(({ queue }) => queue),
    ),
    metric(
      'listen_queue_max',
      'gauge',
      'connections that can wait',
      perSocket(({ maxQueue }) => maxQueue),
    ),
  ].join('')
}

function metric(name: string, type: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value]) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`)
    return `postern_${name}${pairs.length === 0 ? '' : `{${pairs.join()}}`} ${value}\n`
  })
  return `# HELP postern_${name} ${help}\n# TYPE postern_${name} ${type}\n${lines.join('')}`
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
