// The two forms of the facts: uWSGI's JSON key by key, and Prometheus text.
import { expect, test } from 'vitest'
import { type Facts, prometheus, uwsgiStats, type WorkerFacts } from '../../src/manager/stats.js'
import { EMPTY_SCORE, type Score, sumOf } from '../../src/server/scoreboard.js'

const score: Score = {
  ...EMPTY_SCORE,
  requests: 3,
  sentBytes: 500,
  busyNs: 4_000_000,
  responseNs: 9_000_000,
  inFlight: 1,
  connections: 2,
  responses: [0, 1, 0, 1, 1],
  clientGone: 5,
  overdue: 6,
}
const worker: WorkerFacts = {
  id: 1,
  pid: 11,
  accepting: true,
  rssBytes: 100,
  vszBytes: 200,
  spawnedAt: 1700000000,
  respawns: 2,
  score,
  total: sumOf(score, score),
  cores: [{ score, current: { method: 'GET', uri: '/a', startedNs: 3e9 } }],
}
const cheap: WorkerFacts = {
  ...worker,
  id: 2,
  pid: 0,
  accepting: false,
  score: EMPTY_SCORE,
  total: EMPTY_SCORE,
  cores: [],
}
const facts: Facts = {
  version: '1.2.3',
  pid: 10,
  uid: 0,
  gid: 0,
  cwd: '/srv',
  app: 'app.js',
  sockets: [
    { name: '127.0.0.1:1', protocol: 'http', queue: 3, maxQueue: 100 },
    { name: '/a "b"', protocol: 'uwsgi', queue: 7, maxQueue: 50 },
  ],
  workers: [worker, cheap],
}

test('the JSON has the keys of uWSGI and its units', () => {
  expect(uwsgiStats(facts)).toEqual({
    version: '1.2.3',
    listen_queue: 7,
    listen_queue_errors: 0,
    signal_queue: 0,
    load: 1,
    pid: 10,
    uid: 0,
    gid: 0,
    cwd: '/srv',
    locks: [],
    sockets: [
      { name: '127.0.0.1:1', proto: 'http', queue: 3, max_queue: 100, shared: 0, can_offload: 0 },
      { name: '/a "b"', proto: 'uwsgi', queue: 7, max_queue: 50, shared: 0, can_offload: 0 },
    ],
    workers: [
      expect.objectContaining({
        id: 1,
        pid: 11,
        accepting: 1,
        requests: 6,
        delta_requests: 3,
        exceptions: 2,
        harakiri_count: 12,
        signals: 0,
        signal_queue: 0,
        status: 'busy',
        rss: 100,
        vsz: 200,
        running_time: 8000,
        last_spawn: 1700000000,
        respawn_count: 2,
        tx: 1000,
        // 18 ms of 6 responses: a mean, in microseconds.
        avg_rt: 3000,
        cores: [
          expect.objectContaining({
            id: 0,
            requests: 3,
            in_request: 1,
            vars: ['REQUEST_METHOD=GET', 'REQUEST_URI=/a'],
          }),
        ],
      }),
      expect.objectContaining({ id: 2, pid: 0, accepting: 0, status: 'cheap', cores: [] }),
    ],
  })
})

test('the metrics are what Prometheus takes', () => {
  const lines = prometheus(facts).split('\n')
  for (const line of [
    'postern_info{version="1.2.3"} 1',
    'postern_workers 1',
    '# TYPE postern_requests_total counter',
    'postern_requests_total{worker="1"} 6',
    'postern_responses_total{worker="1",class="4xx"} 2',
    'postern_busy_seconds_total{worker="1"} 0.008',
    'postern_in_flight{worker="1"} 1',
    'postern_worker_rss_bytes{worker="1"} 100',
    'postern_listen_queue{socket="/a \\"b\\"",protocol="uwsgi"} 7',
    'postern_listen_queue_max{socket="127.0.0.1:1",protocol="http"} 100',
  ]) {
    expect(lines).toContain(line)
  }
  // Each name is described once, and every line is a comment or a sample.
  const described = lines.filter((line) => line.startsWith('# TYPE '))
  expect(new Set(described).size).toBe(described.length)
  const sample = /^postern_\w+(\{(\w+="(?:[^"\\\n]|\\["\\n])*",?)+\})? [\d.e+-]+$/
  for (const line of lines.filter((one) => one !== '' && !one.startsWith('#'))) {
    expect(line).toMatch(sample)
  }
})
