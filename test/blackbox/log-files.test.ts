// Log files by real signals: who writes to them, that they are opened again and put aside while
// everybody writes, and that no line is lost by that.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/errors.js'
import { ask } from '../support/serving.js'
import { Load } from './load.js'
import { type Postern, runToEnd, start, temporaryDirectory } from './postern.js'

const APP = `
  console.log('loaded by', process.pid)
  export default (environ, startResponse) => {
    const path = environ.PATH_INFO
    startResponse('200 OK', [])
    if (path === '/print') console.log('printed')
    if (path === '/complain') console.error('complained')
    if (path === '/log') environ['wsgi.errors'].write('logged\\n')
    return 'hello'
  }
`
const REOPENED = / info: SIGUSR1: log files are opened again$/
const MASTER = ['--processes', '2']

interface Site {
  readonly postern: Postern
  readonly dir: string
  file(name: string): string
}

/** With `banner` false nothing says when it listens: its output is in a file. */
async function site(args: readonly string[]): Promise<Site> {
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'app.mjs'), APP)
  const postern = await start(['app.mjs', '--http-socket', '127.0.0.1:0', ...args], { dir })
  onTestFinished(() => postern.kill())
  return { postern, dir, file: (name) => join(dir, name) }
}

const linesOf = (path: string) =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []

/** Lines of a log and of everything that was put aside from it. */
function allLines(dir: string, name: string): string[] {
  const entries = readdirSync(dir).filter((entry) => entry.startsWith(name))
  return entries.flatMap((entry) => {
    if (entry.endsWith('.part') || entries.includes(`${entry}.gz`)) return []
    const bytes = readFileSync(join(dir, entry))
    const text = (entry.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1')
    return text.split('\n').slice(0, -1)
  })
}

async function eventually(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`still not: ${what}`)
    await sleep(20)
  }
}

describe.each([
  ['one process', []],
  ['a master and its workers', MASTER],
  ['threads of workers', [...MASTER, '--threads', '2']],
])('%s', (_, mode) => {
  test('writes the access log to a file, with the mode of logs', async () => {
    const { postern, file } = await site([...mode, '--access-log', './access.log'])
    await ask(postern.where(), '/one')
    await eventually(() => linesOf(file('access.log')).length === 1, 'a line')
    expect(linesOf(file('access.log'))[0]).toMatch(/"GET \/one HTTP\/1\.1" 200 5/)
    expect(statSync(file('access.log')).mode & 0o777).toBe(0o640)
    await postern.stop()
    expect(postern.accessLog).toEqual([])
  })

  test('opens it again on USR1, under load, and loses no line', async () => {
    const { postern, dir, file } = await site([...mode, '--access-log', './access.log'])
    const load = new Load(postern.where())
    for (let i = 1; i <= 5; i++) {
      await load.passes(60)
      renameSync(file('access.log'), file(`access.log.old${i}`))
      postern.child.kill('SIGUSR1')
      await postern.until(
        () => postern.log.filter((line) => REOPENED.test(line)).length === i,
        'the log line',
      )
      await load.passes(60)
      await eventually(() => linesOf(file('access.log')).length > 0, 'lines in the new file')
    }
    await load.stop()
    expect(load.failures).toEqual([])
    await postern.stop({ expect: [REOPENED] })
    expect(allLines(dir, 'access.log')).toHaveLength(load.requests)
  })

  test('puts it aside when it is too long, compresses it, and loses no line', async () => {
    const args = ['--access-log', './access.log', '--log-maxsize', '5k', '--log-backups', '100']
    const { postern, dir } = await site([...mode, ...args])
    const load = new Load(postern.where())
    const compressed = () => readdirSync(dir).filter((name) => /log\.\d+\.gz$/.test(name)).length
    await eventually(() => compressed() >= 3, 'three backups')
    await load.stop()
    expect(load.failures).toEqual([])
    await postern.stop()
    const lines = allLines(dir, 'access.log')
    expect(lines).toHaveLength(load.requests)
    expect(lines.filter((line) => !/^127\.0\.0\.1 - - .* 200 5 "-" "-"$/.test(line))).toEqual([])
  })

  test('keeps as many backups as it is told', async () => {
    const args = ['--access-log', './access.log', '--log-maxsize', '1', '--log-backups', '2']
    const { postern, dir } = await site([...mode, ...args])
    const seen = new Set<string>()
    const load = new Load(postern.where(), { clients: 1 })
    await eventually(() => {
      for (const name of readdirSync(dir)) if (/\.\d+\.gz$/.test(name)) seen.add(name)
      return seen.size >= 4
    }, 'four backups')
    await load.stop()
    await eventually(
      () => readdirSync(dir).filter((name) => /access\.log\.\d/.test(name)).length <= 2,
      'two backups',
    )
    await postern.stop()
  })

  test('keeps one backup under the name that it is told', async () => {
    const args = ['--access-log', './access.log', '--log-maxsize', '1']
    const { postern, dir, file } = await site([
      ...mode,
      ...args,
      '--log-backupname',
      './before.log',
    ])
    await ask(postern.where(), '/first')
    await eventually(() => linesOf(file('before.log')).length === 1, 'the first backup')
    // What was on its way when the file moved is in the old one, too.
    while (!linesOf(file('before.log'))[0]?.includes('/second')) {
      await ask(postern.where(), '/second')
      await sleep(20)
    }
    await postern.stop()
    expect(readdirSync(dir).filter((name) => name.endsWith('.gz'))).toEqual([])
  })

  test('writes everything else to the file of --logto', async () => {
    const dir = temporaryDirectory()
    writeFileSync(join(dir, 'app.mjs'), APP)
    const socket = join(dir, 'h.sock')
    const args = ['app.mjs', '--http-socket', socket, '--logto', './all.log', ...mode]
    const { postern } = await quiet(args, dir)
    const log = () => linesOf(join(dir, 'all.log'))
    for (const path of ['/print', '/complain', '/log']) await ask({ path: socket }, path)
    await eventually(
      () => log().filter((line) => /^- - - .*200 5/.test(line)).length === 3,
      'lines',
    )
    // What threads print goes through the main thread of their process.
    for (const line of ['printed', 'complained', 'logged']) {
      await eventually(() => log().includes(line), line)
    }
    expect(log().some((line) => line.startsWith('Postern '))).toBe(true)
    renameSync(join(dir, 'all.log'), join(dir, 'old.log'))
    postern.child.kill('SIGUSR1')
    await eventually(() => existsSync(join(dir, 'all.log')), 'the new file')
    // What was on its way when the file moved may still be in the old one.
    while (!log().includes('printed')) await ask({ path: socket }, '/print')
    postern.child.kill('SIGTERM')
    expect((await postern.ended).code).toBe(0)
    expect(log().some((line) => / info: SIGTERM: finishing/.test(line))).toBe(true)
    expect([postern.output, postern.errors]).toEqual(['', ''])
  })

  test('goes on with the file that it has when it cannot open it again', async () => {
    const dir = temporaryDirectory()
    mkdirSync(join(dir, 'logs'))
    writeFileSync(join(dir, 'app.mjs'), APP)
    const args = ['app.mjs', '--http-socket', '127.0.0.1:0', '--access-log', 'logs/a.log', ...mode]
    const postern = await start(args, { dir })
    onTestFinished(() => postern.kill())
    renameSync(join(dir, 'logs'), join(dir, 'moved'))
    postern.child.kill('SIGUSR1')
    const stays = / error: a log file stays as it is: ENOENT/
    await postern.logs(stays)
    await ask(postern.where(), '/still')
    await eventually(() => linesOf(join(dir, 'moved/a.log')).length === 1, 'the line')
    await postern.stop({ expect: [stays, REOPENED] })
  })

  test('does not open an inspector on USR1', async () => {
    const { postern } = await site(mode)
    const pids = mode.length > 0 ? [postern.pid, ...postern.workers()] : [postern.pid]
    for (const pid of pids) process.kill(pid, 'SIGUSR1')
    await postern.logs(REOPENED)
    expect(await ask(postern.where())).toBe('hello')
    await postern.stop({ expect: [REOPENED] })
    expect(postern.errors).not.toContain('Debugger')
  })
})

test('workers that come later, and those of a reload, write to the file of now', async () => {
  const { postern, dir, file } = await site([...MASTER, '--access-log', 'file:./access.log'])
  const load = new Load(postern.where())
  await load.passes(50)
  renameSync(file('access.log'), file('access.log.old'))
  postern.child.kill('SIGHUP')
  postern.child.kill('SIGUSR1')
  const reloaded = / info: reloaded: workers [\d, ]+ serve$/
  await postern.logs(reloaded)
  await load.passes(50)
  await load.stop()
  expect(load.failures).toEqual([])
  for (const pid of postern.workers()) process.kill(pid, 'SIGTERM')
  await postern.until(
    () => postern.log.filter((line) => /ended, replaced/.test(line)).length === 2,
    'two new workers',
  )
  for (let i = 0; i < 5; i++) await ask(postern.where())
  await postern.stop({
    expect: [reloaded, REOPENED, / info: SIGHUP: reloading$/],
    allow: [/ended, replaced/, / info: SIGTERM/],
  })
  expect(allLines(dir, 'access.log')).toHaveLength(load.requests + 5)
})

test('the access log and --logto may be one file', async () => {
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'app.mjs'), APP)
  const socket = join(dir, 'h.sock')
  const files = ['--logto', 'all.log', '--access-log', './all.log']
  const { postern } = await quiet(['app.mjs', '--http-socket', socket, ...files], dir)
  await ask({ path: socket }, '/print')
  await eventually(() => linesOf(join(dir, 'all.log')).some((l) => l.includes('/print')), 'a line')
  expect(linesOf(join(dir, 'all.log'))).toContain('printed')
  postern.child.kill('SIGTERM')
  await postern.ended
})

test.each([['access-log'], ['logto']])(
  '--%s that cannot be opened ends the start',
  async (name) => {
    const dir = temporaryDirectory()
    writeFileSync(join(dir, 'app.mjs'), APP)
    const { code, errors } = await runToEnd(['app.mjs', `--${name}`, './no/such.log'], { dir })
    expect([code, errors]).toEqual([
      EXIT.PERMANENT,
      expect.stringMatching(
        new RegExp(
          `^postern: --${name} \\./no/such\\.log: ENOENT: no such file or directory.*\\n$`,
        ),
      ),
    ])
  },
)

test('--log-level: only what is worth it', async () => {
  const { postern } = await site(['--log-level', 'error', ...MASTER])
  postern.child.kill('SIGHUP')
  await eventually(() => (postern.output.match(/loaded by/g) ?? []).length === 4, 'new workers')
  await postern.stop()
  expect(postern.errors).toBe('')
})

/** A server whose banner is in a file: it is there when its socket is. */
async function quiet(args: readonly string[], dir: string): Promise<{ postern: Postern }> {
  const { Postern: Command } = await import('./postern.js')
  const postern = new Command(args, { dir })
  onTestFinished(() => postern.kill())
  const socket = args[args.indexOf('--http-socket') + 1]
  await eventually(() => existsSync(socket), 'the socket')
  await eventually(
    () => linesOf(join(dir, 'all.log')).some((line) => line.startsWith('  try ')),
    'the banner',
  )
  return { postern }
}
