// How the benchmarks measure: servers pinned to one core, the load on the other, CPU time of the
// server from its own scheduler statistics, several servers in interleaved rounds, ratios per round.
//
// Absolute times of these machines prove nothing (a neighbour takes the core and all of them move);
// the ratio of two servers in the same round does. Nothing here knows which server is ours.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { root } from '../scripts/lib.mjs'

const SERVER_CORE = '0'
const LOAD_CORE = cpus().length > 1 ? '1' : '0'

/**
 * A server under test: `command` gets its port (or socket) by `{port}`; `ready` is the text that it
 * prints when it listens.
 */
export async function startServer(spec, port) {
  const [command, ...args] = spec.command.map((part) => part.replaceAll('{port}', String(port)))
  const child = spawn('taskset', ['-c', SERVER_CORE, command, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...spec.env },
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text))
  await new Promise((resolve, reject) => {
    let seen = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      seen += text
      if (seen.includes(spec.ready ?? 'listening')) resolve()
    })
    child.on('exit', (code) => reject(new Error(`${spec.name} ended with ${code}: ${errors}`)))
  })
  return { ...spec, port, child, pid: child.pid }
}

export async function stopServer(server) {
  server.child.removeAllListeners('exit')
  server.child.kill('SIGKILL')
  await once(server.child, 'exit')
}

/** Nanoseconds on a CPU of all threads of a process and of those that it has started. */
export function cpuNs(pid) {
  let total = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${task}`
    total += Number(readFileSync(`${path}/schedstat`, 'utf8').split(' ')[0])
    const children = readFileSync(`${path}/children`, 'utf8').split(' ').filter(Boolean)
    for (const child of children) total += cpuNs(child)
  }
  return total
}

/** One real request: the reply must be what every server was asked to send. */
export async function validate(server) {
  const reply = await new Promise((resolve, reject) => {
    // A fresh connection: one that was kept would have been closed while wrk kept us from looking.
    const options = { host: '127.0.0.1', port: server.port, path: '/', agent: false }
    const outgoing = request(options, (res) => {
      let body = ''
      res.setEncoding('latin1').on('data', (text) => (body += text))
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body }))
    })
    outgoing.on('error', reject).end()
  })
  const right =
    reply.status === 200 &&
    reply.body === 'Hello, world!' &&
    reply.headers['content-type'] === 'text/plain' &&
    reply.headers['content-length'] === '13'
  if (!right) throw new Error(`${server.name} answers ${JSON.stringify(reply)}`)
}

/** Drives wrk; throws if a reply was not 2xx or a socket failed. */
export function wrk(server, seconds, { connections = 64, script } = {}) {
  const args = ['-c', LOAD_CORE, 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`]
  if (script !== undefined) args.push('-s', join(root, 'bench', script))
  const result = spawnSync('taskset', [...args, `http://127.0.0.1:${server.port}/`], {
    encoding: 'utf8',
  })
  const requests = Number(/(\d+) requests in/.exec(result.stdout)?.[1])
  if (!(requests > 0) || /Non-2xx|Socket errors/.test(result.stdout)) {
    throw new Error(`wrk against ${server.name}: ${result.stdout}${result.stderr}`)
  }
  return { requests, seconds }
}

/** One slot of a round: CPU time a request in µs, and requests a second. */
export function slot(server, drive, seconds) {
  drive(server, 1)
  const before = cpuNs(server.pid)
  const load = drive(server, seconds)
  const spent = cpuNs(server.pid) - before
  return { us: spent / 1000 / load.requests, rps: load.requests / load.seconds }
}

function shuffled(items) {
  const copy = [...items]
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[copy[i], copy[j]] = [copy[j], copy[i]]
  }
  return copy
}

let nextPort = 9300

/** Starts a server for each of `specs`, and stops them whatever `use` does. */
export async function withServers(specs, use) {
  const servers = []
  try {
    for (const spec of specs) servers.push(await startServer(spec, nextPort++))
    return await use(servers)
  } finally {
    for (const server of servers) await stopServer(server)
  }
}

/** A process keeps the memory layout that it was born with: each is started that many times. */
const GENERATIONS = 3

/**
 * Interleaved rounds in random order, with fresh processes after each third of them; replies are
 * validated before and after.
 *
 * @returns for each server its slots, in the order of the rounds
 */
export async function rounds(specs, { count, seconds, drive, progress }) {
  const results = new Map(specs.map((spec) => [spec.name, []]))
  let done = 0
  for (let generation = 1; generation <= GENERATIONS; generation++) {
    const until = Math.round((count * generation) / GENERATIONS)
    await withServers(specs, async (servers) => {
      for (const server of servers) await validate(server)
      for (const server of servers) drive(server, 3)
      for (; done < until; done++) {
        for (const server of shuffled(servers)) {
          results.get(server.name)[done] = slot(server, drive, seconds)
        }
        progress?.(done + 1, count)
      }
      for (const server of servers) await validate(server)
    })
  }
  return results
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Median of the ratios round by round, with a bootstrap interval of 95 %. */
export function ratio(results, of, to, field = 'us') {
  const a = results.get(of)
  const b = results.get(to)
  const ratios = a.map((slotOfA, i) => slotOfA[field] / b[i][field])
  const medians = []
  for (let i = 0; i < 2000; i++) {
    medians.push(median(ratios.map(() => ratios[Math.floor(Math.random() * ratios.length)])))
  }
  medians.sort((x, y) => x - y)
  return { ratio: median(ratios), low: medians[50], high: medians[1949] }
}

/** System calls a request, counted by strace while a fixed load runs. */
export async function syscallsPerRequest(server, drive, seconds = 2) {
  const tracer = spawn('strace', ['-f', '-c', '-p', String(server.pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let text = ''
  tracer.stderr.setEncoding('utf8').on('data', (part) => (text += part))
  await new Promise((resolve) => {
    const wait = setInterval(() => {
      if (!text.includes('attached')) return
      clearInterval(wait)
      resolve()
    }, 10)
  })
  const { requests } = drive(server, seconds)
  tracer.kill('SIGINT')
  await once(tracer, 'close')
  const total = /^\s*100[.,]00\s+\S+\s+(?:\S+\s+)?(\d+)\s+(?:\d+\s+)?total$/m.exec(text)
  if (total === null) throw new Error(`strace said: ${text}`)
  return { perRequest: Number(total[1]) / requests, table: text }
}

/** What the figures were measured on. */
export function machine() {
  const git = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' })
  const kernel = spawnSync('uname', ['-r'], { encoding: 'utf8' })
  return {
    date: new Date().toISOString(),
    commit: git.stdout.trim(),
    node: process.version,
    kernel: kernel.stdout.trim(),
    cpu: cpus()[0]?.model,
    cores: cpus().length,
  }
}
