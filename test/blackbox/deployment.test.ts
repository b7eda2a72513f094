// What a deployment asks of the process: as whom it runs, what its files are like, what it is called.
// Whatever needs root is looked at as root only, as in containers and CI.
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/errors.js'
import { ask } from '../support/serving.js'
import { type Postern, runToEnd, start, temporaryDirectory } from './postern.js'

const APP = `
  import { writeFileSync } from 'node:fs'
  const loadedBy = process.getuid()
  export default (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'application/json']])
    if (environ.PATH_INFO === '/file') writeFileSync('made', '')
    const groups = process.getgroups()
    return JSON.stringify({ loadedBy, uid: process.getuid(), gid: process.getgid(), groups })
  }
`
const NOBODY = 65534
const asRoot = process.getuid?.() === 0
const ways = [
  ['alone', []],
  ['with a master', ['--master']],
] as const

/** A directory that everybody may enter, with an application in it. */
function directory(): string {
  const dir = temporaryDirectory()
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  chmodSync(dir, 0o755)
  writeFileSync(join(dir, 'app.mjs'), APP)
  return dir
}

async function serve(dir: string, args: readonly string[]): Promise<Postern> {
  const postern = await start(['app.mjs', '--http-socket', './h.sock', ...args], { dir })
  onTestFinished(() => postern.kill())
  return postern
}

const title = (pid: number) =>
  readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim()

/** Real, effective, saved and file system id. */
const uids = (pid: number) =>
  /^Uid:\s+(.*)$/m
    .exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    .split('\t')
    .map(Number)

describe.runIf(asRoot)('--uid', () => {
  test.each(ways)('is taken for good before the application is loaded, %s', async (_, way) => {
    const dir = directory()
    mkdirSync(join(dir, 'run'))
    chownSync(join(dir, 'run'), NOBODY, NOBODY)
    const files = ['--http-socket', './run/a.sock', '--pidfile', 'run/pid']
    const postern = await serve(dir, ['--uid', 'nobody', ...files, ...way])
    expect(JSON.parse(await ask(postern.where()))).toEqual({
      loadedBy: NOBODY,
      uid: NOBODY,
      gid: NOBODY,
      groups: [NOBODY],
    })
    expect(uids(postern.pid)).toEqual([NOBODY, NOBODY, NOBODY, NOBODY])
    expect(readFileSync(join(dir, 'run/pid'), 'utf8')).toBe(`${postern.pid}\n`)
    expect(statSync(join(dir, 'run/pid')).uid).toBe(0)
    postern.child.kill('SIGTERM')
    expect((await postern.ended).code).toBe(0)
    expect(existsSync(join(dir, 'run/pid'))).toBe(false)
    expect(existsSync(join(dir, 'run/a.sock'))).toBe(false)
  })

  test('leaves files in a directory of root, names nobody in them, and starts again', async () => {
    const dir = directory()
    for (let round = 1; round <= 2; round++) {
      const postern = await serve(dir, ['--uid', 'nobody', '--pidfile', 'pid', '--master'])
      expect(readFileSync(join(dir, 'pid'), 'utf8')).toBe(`${postern.pid}\n`)
      postern.child.kill('SIGTERM')
      expect((await postern.ended).code).toBe(0)
      expect(readFileSync(join(dir, 'pid'), 'utf8')).toBe('')
      expect(existsSync(join(dir, 'h.sock'))).toBe(true)
    }
  })

  test('takes numbers, and another group', async () => {
    const postern = await serve(directory(), ['--uid', '12345', '--gid', 'daemon'])
    const { uid, gid, groups } = JSON.parse(await ask(postern.where()))
    expect({ uid, gid, groups }).toEqual({ uid: 12345, gid: 1, groups: [1] })
    await postern.kill()
  })

  test('survives a reload', async () => {
    const postern = await serve(directory(), ['--uid', 'nobody', '--master'])
    postern.child.kill('SIGHUP')
    await postern.logs(/ info: reloaded: workers \d+ serve$/)
    expect(JSON.parse(await ask(postern.where())).uid).toBe(NOBODY)
    await postern.kill()
  })

  test.each([
    ['--uid', 'no-such-user', 'postern: --uid: there is no user no-such-user\n'],
    ['--gid', 'no-such-group', 'postern: --gid: there is no group no-such-group\n'],
    ['--chown-socket', 'a:b:c', 'postern: --chown-socket a:b:c: write USER or USER:GROUP\n'],
  ])('a mistake in %s is one line: %s', async (option, value, message) => {
    const dir = directory()
    const args = ['app.mjs', '--http-socket', './h.sock', option, value]
    const { code, errors } = await runToEnd(args, { dir })
    expect({ code, errors }).toEqual({ code: EXIT.PERMANENT, errors: message })
    expect(existsSync(join(dir, 'h.sock'))).toBe(false)
  })

  test('of a process that is not root is refused, unless it is that user already', async () => {
    const dir = directory()
    const under = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    const args = ['app.mjs', '--http-socket', '127.0.0.1:0']
    const { code, errors } = await runToEnd([...args, '--uid', 'daemon'], { dir, under })
    expect(code).toBe(EXIT.PERMANENT)
    expect(errors).toBe(
      'postern: --uid daemon: only root may change that, and this is user 65534\n',
    )
    const postern = await start([...args, '--uid', 'nobody'], { dir, under })
    onTestFinished(() => postern.kill())
    await postern.stop()
  })

  test.each(ways)('--chown-socket and --chmod-socket make the socket file, %s', async (_, way) => {
    const dir = directory()
    const how = ['--chown-socket', 'daemon:nogroup', '--chmod-socket', '640', ...way]
    const postern = await serve(dir, how)
    const { uid, gid, mode } = statSync(join(dir, 'h.sock'))
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: 1, gid: NOBODY, mode: 0o640 })
    await postern.stop()
  })
})

test.each(ways)('--umask is for socket files and for the application, %s', async (_, way) => {
  const dir = directory()
  const postern = await serve(dir, ['--umask', '027', ...way])
  await ask(postern.where(), '/file')
  expect(statSync(join(dir, 'h.sock')).mode & 0o777).toBe(0o750)
  expect(statSync(join(dir, 'made')).mode & 0o777).toBe(0o640)
  await postern.stop()
})

test.each(ways)('--no-vacuum leaves the socket file and the pid file, %s', async (_, way) => {
  const dir = directory()
  const postern = await serve(dir, ['--no-vacuum', '--pidfile', 'pid', ...way])
  postern.child.kill('SIGTERM')
  expect((await postern.ended).code).toBe(0)
  expect(existsSync(join(dir, 'h.sock'))).toBe(true)
  expect(readFileSync(join(dir, 'pid'), 'utf8')).toBe(`${postern.pid}\n`)
  const next = await serve(dir, ['--pidfile', 'pid', ...way])
  await next.stop()
  expect(existsSync(join(dir, 'pid'))).toBe(false)
})

describe('the names of processes', () => {
  test.each([
    [['--auto-procname'], 'postern master app.mjs', 'postern worker 1 app.mjs'],
    [['--procname-prefix', 'x-'], 'x-postern master app.mjs', 'x-postern worker 1 app.mjs'],
    [['--procname-prefix-spaced', 'x'], 'x postern master app.mjs', 'x postern worker 1 app.mjs'],
    [['--procname', 'shop'], 'shop', 'shop'],
  ])('%s', async (args, master, worker) => {
    const postern = await serve(directory(), [...args, '--master'])
    expect(title(postern.pid)).toBe(master)
    expect(title(postern.workers()[0])).toBe(worker)
    await postern.stop()
  })

  test('one process has no role', async () => {
    const postern = await serve(directory(), ['--auto-procname'])
    expect(title(postern.pid)).toBe('postern app.mjs')
    await postern.stop()
  })
})
