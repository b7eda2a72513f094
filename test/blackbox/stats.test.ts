// The stats socket, as uwsgitop, Prometheus and people use it.
import { once } from 'node:events'
import { connect, type NetConnectOpts } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/errors.js'
import { ask, connectTo, get } from '../support/serving.js'
import {
  fixture,
  type Postern,
  runToEnd,
  type StartOptions,
  start,
  temporaryDirectory,
} from './postern.js'

interface Stats {
  pid: number
  listen_queue: number
  sockets: { name: string; queue: number; max_queue: number }[]
  workers: {
    id: number
    pid: number
    requests: number
    delta_requests: number
    status: string
    accepting: number
    respawn_count: number
    rss: number
    tx: number
    avg_rt: number
  }[]
}

async function site(args: readonly string[], options: StartOptions = {}): Promise<Postern> {
  const sockets = ['--http-socket', '127.0.0.1:0', '--socket', './u.sock']
  const postern = await start([fixture('echo.mjs'), ...sockets, ...args], options)
  onTestFinished(() => postern.kill())
  return postern
}

/** What a client gets that says `text`, or nothing. */
async function hear(where: NetConnectOpts, text = ''): Promise<string> {
  const socket = connect(where)
  let heard = ''
  socket.setEncoding('utf8').on('data', (part: string) => {
    heard += part
  })
  if (text !== '') socket.write(text)
  await once(socket, 'end')
  return heard
}

test('who says nothing gets the JSON of uWSGI, with what the workers have done', async () => {
  const postern = await site(['--processes', '2', '--stats', './stats.sock'])
  const where = { path: join(postern.dir, 'stats.sock') }
  for (let i = 0; i < 5; i++) await ask(postern.where())
  const stats: Stats = JSON.parse(await hear(where))
  expect(stats.pid).toBe(postern.pid)
  expect(stats.workers.map(({ pid }) => pid).sort()).toEqual(postern.workers().sort())
  expect(stats.workers.map(({ id, accepting }) => [id, accepting])).toEqual([
    [1, 1],
    [2, 1],
  ])
  expect(stats.workers.reduce((sum, { requests }) => sum + requests, 0)).toBe(5)
  expect(stats.workers.every(({ rss }) => rss > 10_000_000)).toBe(true)
  expect(stats.sockets.map(({ name }) => name)).toEqual([
    postern.address(),
    join(postern.dir, 'u.sock'),
  ])
  expect(stats.sockets.every(({ max_queue }) => max_queue > 0)).toBe(true)

  // Its successor goes on counting.
  const busy = stats.workers.find(({ requests }) => requests > 0)
  process.kill(busy?.pid ?? 0, 'SIGKILL')
  await expect
    .poll(async () => {
      const { workers }: Stats = JSON.parse(await hear(where))
      return workers.find(({ id }) => id === busy?.id)
    })
    .toMatchObject({ requests: busy?.requests, delta_requests: 0, respawn_count: 2, accepting: 1 })
  await postern.stop({ expect: [/ ended, replaced now: signal SIGKILL$/] })
})

test('connections that nobody accepts are seen, on unix sockets too', async () => {
  const postern = await site(['--stats', '127.0.0.1:0', '--max-connections', '1'])
  const socket = /stats {2}(\S+)/.exec(postern.output)?.[1] ?? ''
  const port = Number(socket.split(':')[1])
  await connectTo(postern.where())
  for (const where of [postern.where(), { path: join(postern.dir, 'u.sock') }]) {
    for (let i = 0; i < 3; i++) await connectTo(where)
  }
  await expect
    .poll(async () => {
      const { sockets }: Stats = JSON.parse(await hear({ port }))
      return sockets.map(({ queue }) => queue)
    })
    .toEqual([3, 3])
  expect(await hear({ port }, get('/metrics'))).toMatch(/\npostern_listen_queue\{.*u\.sock.*\} 3\n/)
  await postern.stop()
})

test('HTTP gets metrics, and the JSON for every other path', async () => {
  const postern = await site(['--stats', './stats.sock'])
  const where = { path: join(postern.dir, 'stats.sock') }
  await ask(postern.where())
  const metrics = await hear(where, get('/metrics'))
  expect(metrics).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain; version=0\.0\.4/)
  expect(metrics).toContain('\npostern_requests_total{worker="1"} 1\n')
  const json = await hear(where, get('/'))
  expect(JSON.parse(json.slice(json.indexOf('\r\n\r\n')).replace(/^[^{]*|[^}]*$/g, '')).pid).toBe(
    postern.pid,
  )
  await postern.stop()
})

test('a socket that is taken is said, and a stale one is replaced', async () => {
  const dir = temporaryDirectory()
  const first = await site(['--stats', './stats.sock'], { dir })
  const args = [
    fixture('echo.mjs'),
    '--http-socket',
    '127.0.0.1:0',
    '--stats',
    join(dir, 'stats.sock'),
  ]
  const { code, errors } = await runToEnd(args)
  expect([code, errors]).toEqual([
    EXIT.TEMPORARY,
    expect.stringContaining('stats.sock: somebody is listening there already'),
  ])
  first.child.kill('SIGKILL')
  await first.ended
  const second = await site(['--stats', './stats.sock'], { dir })
  expect(JSON.parse(await hear({ path: join(dir, 'stats.sock') })).pid).toBe(second.pid)
  await second.stop()
})
