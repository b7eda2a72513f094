// Workers with several threads: who answers, how they end, and a thread that is held.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/errors.js'
import { ask, get } from '../support/serving.js'
import { Load } from './load.js'
import { type Postern, runToEnd, start, temporaryDirectory } from './postern.js'
import { exchange } from './raw-client.js'

const APPLICATION = `
  import { threadId } from 'node:worker_threads'

  function spinForEver() {
    while (true) Math.random()
  }

  export default async (environ, startResponse) => {
    const path = environ.PATH_INFO
    startResponse('200 OK', [['Content-Type', 'text/plain']])
    if (path === '/facts') {
      return JSON.stringify([environ['wsgi.multithread'], environ['wsgi.multiprocess']])
    }
    if (path === '/who') {
      const end = performance.now() + 30
      while (performance.now() < end) {}
      return process.pid + ' ' + threadId
    }
    if (path === '/spin') spinForEver()
    if (path === '/throw') setTimeout(() => { throw new Error('thrown') })
    return 'fine'
  }
`

async function site(args: readonly string[]): Promise<{ postern: Postern; dir: string }> {
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'app.mjs'), APPLICATION)
  const sockets = ['--http-socket', '127.0.0.1:0', '--socket', './u.sock']
  const postern = await start(['app.mjs', ...sockets, '--threads', '3', ...args], { dir })
  onTestFinished(() => postern.kill())
  return { postern, dir }
}

test('each thread serves, and applications are told', async () => {
  const { postern } = await site([])
  expect(postern.workers()).toHaveLength(1)
  expect(await ask(postern.where(), '/facts')).toBe('[true,true]')
  const seen = new Set<string>()
  const asked = async () => seen.add(await ask(postern.where(), '/who'))
  for (let i = 0; i < 20 && seen.size < 3; i++) await Promise.all(Array.from({ length: 6 }, asked))
  expect([...seen].map((one) => one.split(' ')[0])).toEqual(
    Array(3).fill(String(postern.workers()[0])),
  )
  await postern.stop()
})

test('reloads and recycling lose nothing', async () => {
  const { postern, dir } = await site(['--processes', '2', '--max-requests', '400'])
  const load = new Load(postern.where())
  await load.passes(100)
  writeFileSync(join(dir, 'app.mjs'), APPLICATION.replace("'fine'", "'new'"))
  postern.child.kill('SIGHUP')
  await postern.logs(/ info: reloaded: /)
  expect(await ask(postern.where())).toBe('new')
  await postern.until(() => postern.errors.includes('max-requests 400'), 'a tired worker')
  await load.passes(100)
  await load.stop()
  expect(load.failures).toEqual([])
  await postern.stop({
    allow: [/ info: SIGHUP: reloading$/, / reloaded: /, / is to be replaced: /],
  })
})

test('a thread that is held: its stack, 504, and its process is replaced without a gap', async () => {
  const { postern } = await site(['--harakiri', '1'])
  const [before] = postern.workers()
  const load = new Load(postern.where(), { clients: 1 })
  const { status } = await exchange(postern.where(), get('/spin'))
  expect(status).toBe(504)
  const replaced = / info: worker 1 \(pid \d+\) is to be replaced: thread \d has ended$/
  await postern.logs(replaced)
  await expect.poll(() => postern.workers().includes(before), { timeout: 10_000 }).toBe(false)
  await load.stop()
  expect(load.failures.filter((one) => !/^50[34] /.test(one))).toEqual([])
  expect(postern.errors).toMatch(/\n {4}at spinForEver \(file:.*app\.mjs:5:\d+\)\n/)
  await postern.stop({
    expect: [/ error: harakiri: GET \/.* has held thread \d for 1 s$/, /^ {4}at /, replaced],
  })
})

test('an exception that nobody caught ends its thread, and the process is replaced', async () => {
  const { postern } = await site([])
  const [before] = postern.workers()
  await ask(postern.where(), '/throw')
  await postern.until(() => postern.errors.includes('has ended'), 'the end of a thread')
  await expect.poll(() => postern.workers(), { timeout: 10_000 }).not.toContain(before)
  expect(await ask(postern.where())).toBe('fine')
  await postern.stop({
    expect: [/ error: uncaught exception, thread \d ends: Error: thrown$/, / is to be replaced: /],
    allow: [/^ {4}/],
  })
})

test('an application that does not load is one message', async () => {
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'app.mjs'), 'throw new Error("broken")')
  const args = [join(dir, 'app.mjs'), '--http-socket', '127.0.0.1:0', '--threads', '2']
  const { code, errors } = await runToEnd(args)
  expect(code).toBe(EXIT.PERMANENT)
  expect(errors).toContain('broken')
  expect(errors.trimEnd().split('\n').at(-1)).toMatch(/^ {4}at |broken/)
})
