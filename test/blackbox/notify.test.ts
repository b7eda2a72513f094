// What an init system hears of a server, by its notification socket, and what applications do not see
// of that.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ownDirectory } from '../support/directories.js'
import { NotifySocket } from '../support/init-system.js'
import { ask } from '../support/serving.js'
import { type Postern, type StartOptions, start } from './postern.js'

const VARIABLES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']

const APP = `
  export default (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']])
    return JSON.stringify(${JSON.stringify(VARIABLES)}.filter((name) => name in process.env))
  }
`

interface Site {
  readonly postern: Postern
  readonly init: NotifySocket
  readonly app: string
}

async function site(args: readonly string[], options: StartOptions = {}): Promise<Site> {
  const dir = ownDirectory()
  const app = join(dir, 'app.mjs')
  writeFileSync(app, APP)
  const name = options.env?.NOTIFY_SOCKET ?? join(dir, 'notify')
  const init = await NotifySocket.open(name)
  const env = { ...options.env, NOTIFY_SOCKET: name }
  const postern = await start([app, '--http-socket', '127.0.0.1:0', ...args], { ...options, env })
  onTestFinished(() => postern.kill())
  return { postern, init, app }
}

describe.each([
  ['a server without a master', []],
  ['a master', ['--processes', '2']],
])('%s', (_name, args) => {
  test('says when it serves and when it stops, and passes none of it on', async () => {
    const { postern, init } = await site(args, { env: { WATCHDOG_USEC: '60000000' } })
    await init.hears(/^READY=1\nSTATUS=.*app\.mjs/)
    await init.hears(/^WATCHDOG=1$/)
    expect(await ask(postern.where())).toBe('[]')
    await postern.stop()
    await init.hears(/^STOPPING=1\n/)
    expect(init.heard.map((text) => text.split('\n', 1)[0])).toEqual([
      'READY=1',
      'WATCHDOG=1',
      'STOPPING=1',
    ])
  })

  test('beats twice in the time of the watchdog', async () => {
    const { postern, init } = await site(args, { env: { WATCHDOG_USEC: '40000' } })
    await init.hears(/^WATCHDOG=1$/, 5)
    await postern.stop()
  })

  test('does not beat for a watchdog of another process', async () => {
    const env = { WATCHDOG_USEC: '40000', WATCHDOG_PID: '1' }
    const { postern, init } = await site(args, { env })
    await postern.stop()
    await init.hears(/^STOPPING=1\n/)
    expect(init.count(/WATCHDOG/)).toBe(0)
  })
})

test('an abstract socket hears the same', async () => {
  const name = `@postern-test-${process.pid}`
  const { postern, init } = await site([], { env: { NOTIFY_SOCKET: name } })
  await init.hears(/^READY=1\n/)
  await postern.stop()
})

test('a reload begins with RELOADING and ends with READY, whether it goes well or not', async () => {
  const { postern, init, app } = await site(['--processes', '1', '--master'])
  await init.hears(/^READY=1\nSTATUS=.*, 1 worker$/)
  postern.child.kill('SIGHUP')
  await init.hears(/^RELOADING=1\nMONOTONIC_USEC=\d+\n/)
  await init.hears(/^READY=1\n/, 2)
  writeFileSync(app, 'throw new Error("broken")')
  postern.child.kill('SIGHUP')
  await init.hears(/^READY=1\nSTATUS=the last reload failed: .*app\.mjs/)
  const heard = init.heard.map((text) => text.split('\n', 1)[0])
  expect(heard).toEqual(['READY=1', 'RELOADING=1', 'READY=1', 'RELOADING=1', 'READY=1'])
  const reloading = [/SIGHUP: reloading/, / info: reloaded: /, / error: reload failed/, /^ +at /]
  await postern.stop({ allow: [...reloading, / error: worker 1 .* could not start/] })
})

test('a master none of whose workers serves does not beat', async () => {
  const env = { WATCHDOG_USEC: '40000' }
  const { postern, init, app } = await site(['--processes', '1', '--master'], { env })
  await init.hears(/^WATCHDOG=1$/, 2)
  writeFileSync(app, 'await new Promise((done) => setTimeout(done, 60_000))')
  const worker = postern.workers()[0]
  process.kill(worker, 'SIGKILL')
  const ended = / error: worker 1 \(pid \d+\) ended, replaced now: signal SIGKILL$/
  await postern.logs(ended)
  // What was on its way when the worker ended has come when the next one is there.
  await postern.until(() => postern.workers()[0] !== worker, 'the next worker')
  await new Promise((next) => setTimeout(next, 50))
  const before = init.count(/^WATCHDOG=1$/)
  await new Promise((next) => setTimeout(next, 200))
  expect(init.count(/^WATCHDOG=1$/)).toBe(before)
  await postern.stop({ expect: [ended] })
})

test('a socket that nobody reads costs one line of the log', async () => {
  const dir = ownDirectory()
  const app = join(dir, 'app.mjs')
  writeFileSync(app, APP)
  const env = { NOTIFY_SOCKET: join(dir, 'nobody'), WATCHDOG_USEC: '20000' }
  const postern = await start([app, '--http-socket', '127.0.0.1:0'], { env })
  onTestFinished(() => postern.kill())
  expect(await ask(postern.where())).toBe('[]')
  const line = / warning: the init system does not hear us, NOTIFY_SOCKET \S+nobody: ENOENT$/
  await postern.logs(line)
  expect(postern.log.filter((one) => line.test(one))).toHaveLength(1)
  await postern.stop({ expect: [line] })
})
