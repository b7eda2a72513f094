// A master and its workers, by real signals: who answers, who is replaced, and what nobody notices.
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/errors.js'
import { ask, connectTo, get } from '../support/serving.js'
import { Load } from './load.js'
import { type Postern, runToEnd, type StartOptions, start, temporaryDirectory } from './postern.js'

const STARTED = / info: SIGHUP: reloading$/
const RELOADED = / info: reloaded: workers [\d, ]+ serve$/

/** An application that says who and which version it is, and does what paths ask for. */
function application(version: string): string {
  return `
    let release = () => {}
    export default (environ, startResponse) => {
      const path = environ.PATH_INFO
      if (path === '/die') process.kill(process.pid, 'SIGKILL')
      startResponse('200 OK', [['Content-Type', 'text/plain']])
      if (path === '/pid') return String(process.pid)
      if (path === '/multiprocess') return String(environ['wsgi.multiprocess'])
      if (path === '/wait') return new Promise((done) => {
        console.log('waiting')
        release = () => done('waited')
        setTimeout(release, 2000)
      })
      return '${version}'
    }
  `
}

interface Site {
  readonly postern: Postern
  readonly app: string
}

async function site(args: readonly string[] = [], options: StartOptions = {}): Promise<Site> {
  const dir = temporaryDirectory()
  const app = join(dir, 'app.mjs')
  writeFileSync(app, application('one'))
  const sockets = ['--http-socket', '127.0.0.1:0', '--socket', './u.sock']
  const postern = await start([app, ...sockets, '--processes', '2', ...args], { dir, ...options })
  onTestFinished(() => postern.kill())
  return { postern, app }
}

const pidOf = async (postern: Postern) => Number(await ask(postern.where(), '/pid'))
const count = (postern: Postern, line: RegExp) => postern.log.filter((one) => line.test(one)).length

/** Sends HUP, and resolves when that reload has ended well. */
async function reload(postern: Postern): Promise<void> {
  const before = count(postern, RELOADED)
  postern.child.kill('SIGHUP')
  await postern.until(() => count(postern, RELOADED) > before, 'the reload')
}

describe('workers', () => {
  test('serve on the sockets of a master that serves nothing itself', async () => {
    const { postern } = await site()
    expect(postern.output).toMatch(/master \d+, 2 workers$/m)
    expect(await pidOf(postern)).not.toBe(postern.pid)
    expect(await ask(postern.where(), '/multiprocess')).toBe('true')
    await postern.stop()
  })

  test('one with --master, and auto', async () => {
    const { postern } = await site(['--processes', '1', '--master'])
    expect(postern.output).toMatch(/master \d+, 1 worker$/m)
    await postern.stop()
    const auto = await site(['--processes', 'auto', '--master'])
    expect(await ask(auto.postern.where())).toBe('one')
    await auto.postern.stop()
  })

  test('that are killed are replaced, and the others go on', async () => {
    const { postern } = await site()
    const replaced = / error: worker [12] \(pid \d+\) ended, replaced .*: signal SIGKILL$/
    for (let round = 1; round <= 3; round++) {
      await expect(ask(postern.where(), '/die')).rejects.toThrow()
      await postern.until(() => count(postern, replaced) === round, 'the replacement')
      expect(await ask(postern.where())).toBe('one')
    }
    await postern.stop({ allow: [replaced] })
  })

  test('leave with their master, and another one can bind at once', async () => {
    const { postern, app } = await site()
    const client = await connectTo(postern.where())
    await client.send(get('/wait'))
    await postern.until(() => postern.output.includes('waiting\n'), 'the request')
    postern.child.kill('SIGKILL')
    await postern.logs(/ error: the master is gone: finishing what runs, then stopping$/)
    expect((await client.response()).body.toString()).toBe('waited')
    // Its pipes close when the last worker has ended.
    await postern.ended
    const sockets = ['--http-socket', postern.address(), '--socket', postern.address('uwsgi')]
    const next = await start([app, ...sockets, '--processes', '2'])
    onTestFinished(() => next.kill())
    expect(await ask(next.where())).toBe('one')
    await next.stop()
  })

  test('are more or fewer by TTIN and TTOU, never none', async () => {
    const { postern } = await site()
    const say = [/ info: 3 workers/, / info: 2 workers/, / info: 1 worker /]
    for (const [i, signal] of (['SIGTTIN', 'SIGTTOU', 'SIGTTOU', 'SIGTTOU'] as const).entries()) {
      postern.child.kill(signal)
      if (say[i] !== undefined) await postern.logs(say[i])
    }
    expect(await ask(postern.where())).toBe('one')
    await postern.stop({ expect: say })
  })
})

describe('recycling', () => {
  const tired = / info: worker \d \(pid \d+\) is to be replaced: /

  test('a worker that leaks is replaced under load, and no request fails', async () => {
    const { postern, app } = await site(['--reload-on-rss', '150'])
    const leak = 'const kept = []\nconst leak = () => kept.push(Buffer.alloc(200_000, 1))\n'
    writeFileSync(app, leak + application('one').replace("'/pid'", "'/' && leak() && '/pid'"))
    await reload(postern)
    const load = new Load(postern.where())
    await postern.until(() => count(postern, tired) >= 3, 'three replacements')
    await load.passes(100)
    await load.stop()
    expect(load.failures).toEqual([])
    await postern.stop({
      allow: [STARTED, RELOADED],
      expect: [/MB of memory \(reload-on-rss 150\)$/],
    })
  })

  test('max-requests: the replacement serves before the worker leaves', async () => {
    const { postern } = await site(['--max-requests', '20'])
    const first = new Set(postern.workers())
    const load = new Load(postern.where(), { path: '/pid' })
    await postern.until(() => count(postern, tired) >= 4, 'four replacements')
    await load.passes(100)
    await load.stop()
    expect(load.failures).toEqual([])
    expect([...load.bodies.keys()].some((pid) => !first.has(Number(pid)))).toBe(true)
    await postern.stop({ allow: [tired] })
  })

  test('a worker that dies while its replacement starts does not leave one too many', async () => {
    const { postern, app } = await site(['--max-requests', '20', '--processes', '1', '-M'])
    // From now on a start takes a while, and says when it is over.
    const slow = 'await new Promise((done) => setTimeout(done, 700))\nconsole.log("up")\n'
    writeFileSync(app, slow + application('two'))
    for (let i = 0; i < 30; i++) await ask(postern.where())
    await postern.logs(tired)
    const [old] = postern.workers()
    process.kill(old, 'SIGKILL')
    await postern.until(() => postern.output.includes('up\n'), 'a new worker')
    expect(await ask(postern.where())).toBe('two')
    const deadline = Date.now() + 5000
    while (postern.workers().length > 1 && Date.now() < deadline) await sleep(50)
    expect(postern.workers()).toHaveLength(1)
    await postern.stop({
      expect: [tired, / error: worker 1 .* ended, replaced now: signal SIGKILL$/],
    })
  })

  test('needs somebody who starts the next worker', async () => {
    const ended = await runToEnd(['app.mjs', '--max-requests', '20'])
    expect([ended.code, ended.errors]).toEqual([
      EXIT.PERMANENT,
      'postern: --max-requests needs --master or several --processes\n',
    ])
  })
})

describe('a reload', () => {
  test('under load, ten times: no request fails', async () => {
    const { postern, app } = await site()
    const load = new Load(postern.where())
    await load.passes(50)
    for (let i = 0; i < 10; i++) {
      writeFileSync(app, application(`version ${i}`))
      await reload(postern)
      await load.passes(50)
    }
    await load.stop()
    expect(load.failures).toEqual([])
    expect(load.bodies.has('version 9')).toBe(true)
    await postern.stop({ allow: [STARTED, RELOADED] })
  })

  test('that is asked for during another one follows it', async () => {
    const { postern, app } = await site()
    postern.child.kill('SIGHUP')
    await postern.logs(STARTED)
    writeFileSync(app, application('last'))
    postern.child.kill('SIGHUP')
    await postern.until(() => count(postern, RELOADED) === 2, 'both reloads')
    expect(await ask(postern.where())).toBe('last')
    await postern.stop({ allow: [STARTED, RELOADED] })
  })

  test('that cannot load the application leaves the old workers where they are', async () => {
    const { postern, app } = await site()
    const load = new Load(postern.where())
    writeFileSync(app, 'this is no module')
    postern.child.kill('SIGHUP')
    await postern.logs(
      / error: reload failed, the old workers keep serving: .*app\.mjs does not load/,
    )
    await load.passes(50)
    writeFileSync(app, application('mended'))
    await reload(postern)
    await load.passes(50)
    await load.stop()
    expect(load.failures).toEqual([])
    expect([...load.bodies.keys()]).toEqual(['one', 'mended'])
    await postern.stop({
      allow: [STARTED, RELOADED, / error: (worker \d|reload failed)/, /^ {4}/],
    })
  })

  test('lets what runs finish in the old worker', async () => {
    const { postern } = await site()
    const client = await connectTo(postern.where())
    await client.send(get('/wait'))
    await postern.until(() => postern.output.includes('waiting\n'), 'the request')
    await reload(postern)
    const response = await client.response()
    expect([response.body.toString(), response.closes]).toEqual(['waited', true])
    await postern.stop({ allow: [STARTED, RELOADED] })
  })

  test('comes from a touched file too', async () => {
    const dir = temporaryDirectory()
    const file = join(dir, 'touch.me')
    writeFileSync(file, '')
    const { postern, app } = await site(['--touch-reload', file])
    writeFileSync(app, application('touched'))
    utimesSync(file, new Date(), new Date(Date.now() + 5000))
    await postern.logs(RELOADED)
    expect(await ask(postern.where())).toBe('touched')
    await postern.stop({ expect: [/touch\.me was touched: reloading$/], allow: [RELOADED] })
  })
})

describe('the end', () => {
  test('TERM lets requests finish, removes the files, leaves no process', async () => {
    const { postern } = await site(['--pidfile', './p.pid'])
    const pidfile = join(postern.dir, 'p.pid')
    expect(Number(readFileSync(pidfile, 'utf8'))).toBe(postern.pid)
    const client = await connectTo(postern.where())
    await client.send(get('/wait'))
    await postern.until(() => postern.output.includes('waiting\n'), 'the request')
    postern.child.kill('SIGTERM')
    expect((await client.response()).body.toString()).toBe('waited')
    await postern.ended
    expect([pidfile, postern.address('uwsgi')].filter((file) => existsSync(file))).toEqual([])
    await postern.stopped()
  })

  test('a second start by mistake leaves the pidfile of the first alone', async () => {
    const { postern, app } = await site(['--pidfile', './p.pid'])
    const pidfile = join(postern.dir, 'p.pid')
    for (const more of [[], ['--master']]) {
      const args = [app, '--http-socket', postern.address(), '--pidfile', pidfile, ...more]
      const { code, errors } = await runToEnd(args)
      expect([code, errors]).toEqual([EXIT.TEMPORARY, expect.stringContaining('listening there')])
      expect(Number(readFileSync(pidfile, 'utf8'))).toBe(postern.pid)
    }
    await postern.stop()
  })

  test('QUIT does not wait', async () => {
    const { postern } = await site()
    const client = await connectTo(postern.where())
    await client.send(get('/wait'))
    await postern.until(() => postern.output.includes('waiting\n'), 'the request')
    postern.child.kill('SIGQUIT')
    await expect(client.response()).rejects.toThrow()
    await postern.stopped({ expect: [/ warning: SIGQUIT: stopping at once$/] })
  })

  test('an application that cannot load: exit 100, its error last', async () => {
    const dir = temporaryDirectory()
    writeFileSync(join(dir, 'bad.mjs'), "throw new Error('no database')")
    const ended = await runToEnd(['bad.mjs', '--processes', '2', '--http-socket', '127.0.0.1:0'], {
      dir,
    })
    expect(ended.code).toBe(EXIT.PERMANENT)
    expect(ended.errors.split('\n').filter((line) => line.startsWith('postern: '))).toHaveLength(1)
    expect(ended.errors).toMatch(
      /\npostern: bad\.mjs does not load: Error: no database\n +at [^\n]*\n$/,
    )
    expect(ended.output).toBe('')
  })

  test('a worker that does not finish loading is killed, and holds up no reload', async () => {
    const { postern, app } = await site(['--worker-start-timeout', '1'])
    writeFileSync(app, 'setInterval(() => {}, 1000)\nawait new Promise(() => {})\n')
    postern.child.kill('SIGHUP')
    const failed =
      / error: reload failed, .*has not finished loading after 1 s \(worker-start-timeout\)$/
    await postern.logs(failed)
    expect(await ask(postern.where())).toBe('one')
    // Those that were killed take a moment to be gone.
    const deadline = Date.now() + 5000
    while (postern.workers().length > 2 && Date.now() < deadline) await sleep(20)
    expect(postern.workers()).toHaveLength(2)
    await postern.stop({ expect: [STARTED, failed, / could not start: /] })
  })

  test('an application that never finishes loading says so', async () => {
    const dir = temporaryDirectory()
    writeFileSync(join(dir, 'never.mjs'), 'await new Promise(() => {})')
    const ended = await runToEnd(['never.mjs', '-M', '--http-socket', '127.0.0.1:0'], { dir })
    expect([ended.code, ended.errors]).toEqual([
      EXIT.PERMANENT,
      expect.stringMatching(/postern: never\.mjs does not finish loading/),
    ])
  })
})
