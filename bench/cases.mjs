// What `npm run bench` measures: one function a case. Each returns its lines of Markdown and its
// figures; what the figures should be stands here too, so that a target that is missed is said.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../scripts/lib.mjs'
import { idleBytes } from './idle.mjs'
import { median, ratio, rounds, syscallsPerRequest, withServers, wrk } from './measure.mjs'

const NODE = process.execPath
const HELLO = 'bench/servers/app.mjs'
const HTTP = ['--http-socket', '127.0.0.1:{port}']

// The peers write no access log either.
function postern(name, app, more = [...HTTP, '--disable-logging']) {
  const command = [NODE, 'dist/cli/main.js', '--no-server-header', ...more, app]
  return { name, ready: 'try ', command }
}

const SPECS = {
  postern: postern('postern', HELLO),
  again: postern('postern again', HELLO),
  master: postern('postern behind a master', HELLO, [...HTTP, '--disable-logging', '--master']),
  ten: postern('postern, ten keys', `${HELLO}:readsTen`),
  uws: { name: 'uWebSockets.js', command: [NODE, 'bench/servers/uwebsockets.mjs', '{port}'] },
  node: { name: 'node:http', command: [NODE, 'bench/servers/node-http.mjs', '{port}'] },
  limit: { name: 'L0', command: ['bench/build/limit', '{port}', '0'] },
}
const PEERS = [SPECS.postern, SPECS.again, SPECS.uws, SPECS.node, SPECS.limit]

const show = (r) => `${r.ratio.toFixed(3)} (${r.low.toFixed(3)}–${r.high.toFixed(3)})`
const verdict = (met) => (met ? 'met' : 'missed')

function rowOf(results, server) {
  const slots = results.get(server)
  return {
    server,
    us: median(slots.map((one) => one.us)),
    rps: median(slots.map((one) => one.rps)),
    toLimit: ratio(results, server, 'L0'),
    toUws: ratio(results, server, 'uWebSockets.js'),
  }
}

function printRow({ server, us, toLimit, toUws, rps }) {
  return `| ${server} | ${us.toFixed(2)} | ${show(toLimit)} | ${show(toUws)} | ${Math.round(rps)} |`
}

/** Ours against ours: what differs by more than its own spread, and by more than 3 %, is noise. */
function controlOf(results) {
  const control = ratio(results, 'postern again', 'postern')
  const spread = Math.max(control.high - control.ratio, control.ratio - control.low)
  return { ...control, valid: Math.abs(control.ratio - 1) <= Math.max(0.03, spread) }
}

/**
 * Every peer against the limit and against uWebSockets.js.
 *
 * @param wanted [of, to, most]: the CPU of `of` should be at most `most` × that of `to`
 */
async function compare(name, wanted, script, how) {
  const drive = (server, seconds) => wrk(server, seconds, { script })
  const results = await rounds(PEERS, { ...how, drive })
  const rows = PEERS.map((spec) => rowOf(results, spec.name))
  const control = controlOf(results)
  const targets = wanted.map(([of, to, most]) => {
    const measured = ratio(results, of, to)
    return { of, to, most, measured, met: measured.ratio <= most }
  })
  const lines = [
    `### ${name}, 64 connections`,
    '',
    '| server | µs of CPU a request | × L0 | × uWebSockets.js | requests/s |',
    '|---|---|---|---|---|',
    ...rows.map(printRow),
    '',
    ...targets.map(
      ({ to, most, measured, met }) =>
        `- Target: at most ${most} × ${to}: ${show(measured)}, ${verdict(met)}.`,
    ),
    `- Control (ours against ours): ${show(control)}, the run is ${control.valid ? 'valid' : 'INVALID'}.`,
    '',
  ]
  return { lines, json: { rows, targets, control } }
}

async function environCost(how) {
  const results = await rounds([SPECS.postern, SPECS.ten], { ...how, drive: wrk })
  const plain = results.get('postern')
  const added = median(results.get('postern, ten keys').map((one, i) => one.us - plain[i].us))
  const line = `Reading ten keys adds ${added.toFixed(2)} µs (target: at most 0.5 µs): ${verdict(added <= 0.5)}.`
  return { lines: ['### environ', '', line, ''], json: { addedUs: added, most: 0.5 } }
}

/** One worker behind a master, the master's own time included, against one process. */
async function masterCost(how) {
  const results = await rounds([SPECS.postern, SPECS.master, SPECS.again], { ...how, drive: wrk })
  const measured = ratio(results, 'postern behind a master', 'postern')
  const control = controlOf(results)
  const lines = [
    '### master',
    '',
    `A worker behind a master: ${show(measured)} × one process (target: at most 1.02): ${verdict(measured.ratio <= 1.02)}. ` +
      `Control (ours against ours): ${show(control)}, the run is ${control.valid ? 'valid' : 'INVALID'}.`,
    '',
  ]
  return { lines, json: { measured, most: 1.02, control } }
}

/** The access log in the default format, to a pipe that somebody empties, as in a container. */
async function logCost(how, folder) {
  const pipe = join(folder, 'access.pipe')
  spawnSync('mkfifo', [pipe])
  const reader = spawn('taskset', ['-c', '1', 'sh', '-c', `exec cat <> ${pipe} > /dev/null`])
  const logging = postern('postern, access log', HELLO, [...HTTP, '--access-log', pipe])
  const results = await rounds([SPECS.postern, logging, SPECS.again], { ...how, drive: wrk })
  reader.kill()
  const plain = results.get('postern')
  const added = median(results.get('postern, access log').map((one, i) => one.us - plain[i].us))
  const control = controlOf(results)
  const lines = [
    '### access log',
    '',
    `A line for each request adds ${added.toFixed(2)} µs (target: at most 0.3 µs): ${verdict(added <= 0.3)}. ` +
      `Control (ours against ours): ${show(control)}, the run is ${control.valid ? 'valid' : 'INVALID'}.`,
    '',
  ]
  return { lines, json: { addedUs: added, most: 0.3, control } }
}

function uwsgiLoad(socketPath) {
  return (_server, seconds) => {
    const args = ['-c', '1', 'bench/build/uwsgi_load', socketPath, '64', String(seconds)]
    const result = spawnSync('taskset', args, { cwd: root, encoding: 'utf8' })
    const [requests, errors] = result.stdout.split(' ').map(Number)
    if (!(requests > 0) || errors > 0) {
      throw new Error(`uwsgi_load: ${result.stdout}${result.stderr}`)
    }
    return { requests, seconds }
  }
}

/** strace slows everything down: the counts are right, the times are not, and only counts are used. */
async function countCalls(spec, drive) {
  return withServers([spec], async ([server]) => {
    drive(server, 1)
    return (await syscallsPerRequest(server, drive)).perRequest
  })
}

async function systemCalls(_how, folder) {
  const socketPath = join(folder, 'uwsgi.sock')
  const uwsgi = postern('postern over uwsgi', HELLO, [
    ...['--socket', socketPath, ...HTTP, '--disable-logging'],
  ])
  const rows = [
    [SPECS.postern, wrk, 'HTTP keep-alive', 2.3],
    [SPECS.uws, wrk, 'HTTP keep-alive', null],
    [SPECS.node, wrk, 'HTTP keep-alive', null],
    [uwsgi, uwsgiLoad(socketPath), 'uwsgi, unix socket, a connection a request', 5.5],
  ]
  const lines = ['### system calls', '', '| server | load, 64 at once | calls a request | target |']
  lines.push('|---|---|---|---|')
  const json = {}
  for (const [spec, drive, what, most] of rows) {
    const calls = await countCalls(spec, drive)
    json[spec.name] = calls
    const target = most === null ? '' : `at most ${most}: ${verdict(calls <= most)}`
    lines.push(`| ${spec.name} | ${what} | ${calls.toFixed(2)} | ${target} |`)
  }
  return { lines: [...lines, ''], json }
}

async function idleMemory() {
  const json = {}
  for (const spec of [SPECS.postern, SPECS.node]) {
    json[spec.name] = await withServers([spec], async ([server]) => {
      wrk(server, 2) // warm: what is compiled late must not be counted
      return idleBytes(server, 10_000)
    })
  }
  const lines = ['### idle connections', '', '| server | bytes of RSS each, 10,000 of them |']
  lines.push('|---|---|')
  for (const [server, bytes] of Object.entries(json)) {
    lines.push(`| ${server} | ${Math.round(bytes)} |`)
  }
  lines.push('', `Target: at most 1024: ${verdict(json.postern <= 1024)}.`, '')
  return { lines, json }
}

const KEEP_ALIVE = [
  ['postern', 'L0', 1.15],
  ['postern', 'uWebSockets.js', 0.95],
]
const PIPELINED = [['postern', 'uWebSockets.js', 0.8]]

/** By the names that --only takes; each gets {count, seconds, progress} and a temporary folder. */
export const CASES = {
  'keep-alive': (how) => compare('keep-alive', KEEP_ALIVE, undefined, how),
  pipelined: (how) => compare('pipelined ×16', PIPELINED, 'pipelined.lua', how),
  environ: environCost,
  master: masterCost,
  'access-log': logCost,
  syscalls: systemCalls,
  idle: idleMemory,
}
