// Harakiri, seen from outside: an application that does not answer, one that holds its thread, and
// those who must not notice.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/errors.js'
import { ask, get as getRequest } from '../support/serving.js'
import { Load } from './load.js'
import { type Postern, start, temporaryDirectory } from './postern.js'
import { exchange, type Where } from './raw-client.js'

const APPLICATION = `
  import { openSync } from 'node:fs'
  import { setTimeout as sleep } from 'node:timers/promises'

  function spinForEver() {
    while (true) Math.random()
  }

  async function* drip() {
    for (let i = 0; i < 16; i++) {
      await sleep(200)
      yield 'drop'
    }
  }

  export default (environ, startResponse) => {
    const path = environ.PATH_INFO
    startResponse('200 OK', [['Content-Type', 'text/plain']])
    if (path === '/pid') return String(process.pid)
    if (path === '/spin') spinForEver()
    if (path === '/open') openSync('fifo')
    if (path === '/waits') return new Promise(() => setTimeout(() => {}, 60000))
    if (path === '/drip') return drip()
    return 'fine'
  }
`

async function site(args: readonly string[]): Promise<Postern> {
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'app.mjs'), APPLICATION)
  // To open it takes as long as nobody writes to it.
  execFileSync('mkfifo', [join(dir, 'fifo')])
  const postern = await start(['app.mjs', '--http-socket', '127.0.0.1:0', ...args], { dir })
  onTestFinished(() => postern.kill())
  return postern
}

const get = (where: Where, path: string) => exchange(where, getRequest(path))

const HELD = / error: harakiri: GET \/spin has held the thread for 1 s$/
const REPLACED =
  / error: worker \d \(pid \d+\) ended, replaced now: harakiri: the application held its thread$/
const STACK = /^ {4}at /

test('a request that waits for ever gets 504, one that streams is left alone', async () => {
  const postern = await site(['--harakiri', '1'])
  const streaming = ask(postern.where(), '/drip')
  const waiting = await get(postern.where(), '/waits?a=1')
  expect(waiting.status).toBe(504)
  expect(await streaming).toBe('drop'.repeat(16))
  expect(await ask(postern.where())).toBe('fine')
  await postern.stop({
    expect: [
      /harakiri: GET \/waits\?a=1 is not answered in time: it waits for .* pending .*Timeout/,
    ],
  })
})

test('a blocked loop: its stack, 504, another worker, and the other three never notice', async () => {
  const postern = await site(['--harakiri', '1', '--processes', '4'])
  const before = postern.workers()
  const load = new Load(postern.where())
  const { status } = await get(postern.where(), '/spin')
  expect(status).toBe(504)
  await postern.until(() => postern.log.some((line) => REPLACED.test(line)), 'a replacement')
  await load.passes(100)
  await load.stop()
  const stayed = postern.workers().filter((pid) => before.includes(pid))
  expect(stayed).toHaveLength(3)
  expect(postern.errors).toMatch(/\n {4}at spinForEver \(file:.*app\.mjs:6:\d+\)\n/)
  // Keep-alive connections of the held worker: what they asked meanwhile has an answer too.
  expect(load.failures.length).toBeLessThanOrEqual(8)
  expect(load.failures.filter((one) => !/^50[34] /.test(one))).toEqual([])
  await postern.stop({ expect: [HELD, STACK, REPLACED] })
})

test('without a master the process ends, after everybody has an answer', async () => {
  const postern = await site(['--harakiri', '1'])
  const { status } = await get(postern.where(), '/spin')
  expect(status).toBe(504)
  const { code } = await postern.ended
  expect(code).toBe(EXIT.CRASHED)
  expect(postern.errors).toContain('at spinForEver')
})

test('a worker that is held by native code is killed by its master', async () => {
  const postern = await site(['--harakiri', '1', '--processes', '2'])
  await expect(get(postern.where(), '/open')).rejects.toThrow()
  expect(await ask(postern.where())).toBe('fine')
  await postern.stop({
    expect: [
      / error: harakiri: worker \d \(pid \d+\) is held by native code and is killed, last request: GET \/open$/,
      / error: worker \d \(pid \d+\) ended, replaced now: signal SIGKILL$/,
    ],
  })
})
