// Configuration from outside: starts from files of each kind, and reloads that read them again.
import { cpSync, existsSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/errors.js'
import { ownDirectory } from '../support/directories.js'
import { ask } from '../support/serving.js'
import { type Postern, ROOT, runToEnd, type StartOptions, start } from './postern.js'

const RELOADS = [/ info: SIGHUP: reloading$/, / info: reloaded: workers [\d, ]+ serve$/]
const APP = `export default (environ, startResponse) => {
  startResponse('200 OK', [])
  return process.env.GREETING + ' ' + process.cwd().split('/').pop()
}`

/** A directory with an application and other files, and a server in it. */
async function serve(
  files: Record<string, string>,
  args: readonly string[],
  options: StartOptions = {},
): Promise<Postern> {
  const dir = ownDirectory()
  write(dir, { 'app.mjs': APP, ...files })
  const postern = await start(args, { dir, ...options })
  onTestFinished(() => postern.kill())
  return postern
}

function write(dir: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
}

async function greeting(postern: Postern): Promise<string> {
  return (await ask(postern.where())).split(' ')[0]
}

async function reload(postern: Postern): Promise<void> {
  const count = () => postern.log.filter((line) => RELOADS[1].test(line)).length
  const before = count()
  postern.child.kill('SIGHUP')
  await postern.until(() => count() > before, 'the reload')
}

const INI = `[uwsgi]
app = app.mjs
http-socket = 127.0.0.1:0
processes = 1
master = true
env = GREETING=%n
`

describe('a start', () => {
  test.each([[['app.ini']], [['--ini', 'app.ini']], [['-c', 'app.ini']]])(
    'from an ini file, named as %j',
    async (args) => {
      const postern = await serve({ 'app.ini': INI }, args)
      expect(await greeting(postern)).toBe('app')
      await postern.stop()
    },
  )

  test.each([
    ['app.toml', 'app = "app.mjs"\nhttp-socket = "127.0.0.1:0"\n[env]\nGREETING = "%n"'],
    ['app.yaml', 'app: app.mjs\nhttp-socket: 127.0.0.1:0\nenv:\n  GREETING: "%n"'],
    ['app.json', '{"app": "app.mjs", "httpSocket": "127.0.0.1:0", "env": {"GREETING": "%n"}}'],
  ])('from %s', async (name, text) => {
    const postern = await serve({ [name]: text }, [name])
    expect(await greeting(postern)).toBe('app')
    await postern.stop()
  })

  test.each(['postern.config.ts', 'postern.config.js', 'postern.config.mjs'])(
    'from %s, which is found without being named',
    async (name) => {
      const type = name.endsWith('.ts') ? ': Record<string, unknown>' : ''
      const text = `const options${type} = { app: 'app.mjs', httpSocket: '127.0.0.1:0', env: 'GREETING=found' }
        export default () => options`
      const postern = await serve({ [name]: text, 'package.json': '{"type": "module"}' }, [])
      expect(await greeting(postern)).toBe('found')
      await postern.stop()
      const { errors } = await runToEnd(['--no-config'], { dir: postern.dir })
      expect(errors).toMatch(/^postern: no application: /)
      write(postern.dir, { 'other.ini': '[uwsgi]' })
      const other = await runToEnd(['other.ini'], { dir: postern.dir })
      expect(other.errors).toMatch(/^postern: no application: /)
    },
  )

  test('from the environment alone', async () => {
    const env = {
      POSTERN_APP: './app.mjs',
      UWSGI_HTTP_SOCKET: '127.0.0.1:0',
      POSTERN_ENV: 'GREETING=environment',
    }
    const postern = await serve({}, [], { env })
    expect(await greeting(postern)).toBe('environment')
    await postern.stop()
  })

  test('from files that name an environment file and each other', async () => {
    const files = {
      'app.ini': '[uwsgi]\ninclude = base.ini\nenv-file = %dapp.env',
      'base.ini': '[postern]\napp = app.mjs\nhttp-socket = 127.0.0.1:0',
      'app.env': 'GREETING="from a file"',
    }
    const postern = await serve(files, ['app.ini'])
    expect(await ask(postern.where())).toMatch(/^from a file /)
    await postern.stop()
  })
})

test("uWSGI's production file starts unchanged, and what it has for nothing is named once", async () => {
  const ini = join(ROOT, 'test/fixtures/config/production.ini')
  // A few of its 500 workers are enough here.
  const few = [
    '--processes',
    '4',
    '--cheaper',
    '1',
    '--cheaper-initial',
    '2',
    '--cheaper-step',
    '1',
  ]
  const args = [ini, 'app.mjs', '--http-socket', '127.0.0.1:0', ...few]
  const postern = await serve({}, args, { env: { GREETING: 'production' } })
  expect(await greeting(postern)).toBe('production')
  await reload(postern)
  const accepted = / info: options of uWSGI that are accepted and do nothing: /
  const [line, ...more] = postern.log.filter((one) => accepted.test(one))
  expect(line).toContain('py-call-osafterfork (it is about the Python interpreter)')
  expect(more).toEqual([])
  await postern.stop({ expect: [accepted], allow: RELOADS })
})

describe('a mistake', () => {
  test.each([
    [
      'an unknown option',
      'http-sockt = :80',
      'unknown option "http-sockt": did you mean http-socket?',
    ],
    [
      'a value of the wrong kind',
      'processes = many',
      'processes is a whole number or auto, not "many"',
    ],
  ])('%s ends the start with file and line, for good', async (_, line, message) => {
    const dir = ownDirectory()
    write(dir, { 'app.mjs': APP, 'app.ini': `[uwsgi]\napp = app.mjs\n${line}\n` })
    const ended = await runToEnd(['app.ini'], { dir })
    expect(ended).toEqual({
      code: EXIT.PERMANENT,
      output: '',
      errors: `postern: app.ini:3: ${message}\n`,
    })
  })

  test('a file that is not there', async () => {
    const { code, errors } = await runToEnd(['no.ini'])
    expect(code).toBe(EXIT.PERMANENT)
    expect(errors).toMatch(/^postern: there is no file no\.ini \(looked for \/.*\/no\.ini\)\n$/)
  })
})

describe('a reload', () => {
  test('reads files again: more workers, other variables, no more of those that are gone', async () => {
    const postern = await serve({ 'app.ini': `${INI}env-file = app.env`, 'app.env': 'A=1' }, [
      'app.ini',
    ])
    expect(postern.workers()).toHaveLength(1)
    const changed = INI.replace('processes = 1', 'processes = 2').replace(/env = .*/, '')
    write(postern.dir, { 'app.ini': `${changed}env-file = app.env`, 'app.env': 'GREETING=again' })
    await reload(postern)
    expect(postern.workers().length).toBeGreaterThanOrEqual(2)
    expect(await greeting(postern)).toBe('again')
    write(postern.dir, { 'app.env': '' })
    await reload(postern)
    expect(await greeting(postern)).toBe('undefined')
    await postern.stop({ allow: RELOADS })
  })

  test('reads a module of TypeScript again', async () => {
    const text = (greeting: string, processes: number): string => `export default {
      app: 'app.mjs', httpSocket: '127.0.0.1:0', master: true, processes: ${processes} as number,
      env: { GREETING: '${greeting}' },
    }`
    const postern = await serve({ 'postern.config.ts': text('one', 1) }, [])
    expect(await greeting(postern)).toBe('one')
    write(postern.dir, { 'postern.config.ts': text('two', 2) })
    await reload(postern)
    expect(await greeting(postern)).toBe('two')
    write(postern.dir, { 'postern.config.ts': 'export default {' })
    postern.child.kill('SIGHUP')
    const failed =
      / error: reload failed, the old workers keep serving: postern\.config\.ts does not load/
    await postern.logs(failed)
    expect(await greeting(postern)).toBe('two')
    await postern.stop({ allow: [...RELOADS, failed, /^ {4}/] })
  })

  test.each([
    ['app.ini', `${INI}listen = many`, /app\.ini:7: listen is a whole number, not "many"$/],
    ['app.ini', `${INI}for = a b\n`, /app\.ini:7: "for" has no endfor$/],
    ['app.env', 'A=1\nnonsense\n', /app\.env:2: this is not NAME=VALUE: nonsense$/],
  ])('with a broken %s leaves the old workers, and says where (%#)', async (name, text, place) => {
    const ini = INI.replace('env =', 'env-file = app.env\nenv =')
    const postern = await serve({ 'app.ini': ini, 'app.env': 'A=1' }, ['app.ini'])
    write(postern.dir, { [name]: text.replace(INI, ini).replace('\n\n', '\n') })
    const failed = / error: reload failed, the old workers keep serving: /
    postern.child.kill('SIGHUP')
    await postern.logs(failed)
    const line = postern.log.find((one) => failed.test(one))
    expect(line).toMatch(new RegExp(place.source.replace('app\\.ini:7', 'app\\.ini:8')))
    expect(await greeting(postern)).toBe('app')
    write(postern.dir, { 'app.ini': ini, 'app.env': 'A=1' })
    await reload(postern)
    await postern.stop({ allow: [...RELOADS, failed] })
  })
})

describe('--show-config', () => {
  test('says what is set where, and starts nothing', async () => {
    const dir = ownDirectory()
    write(dir, { 'app.ini': INI })
    const env = { POSTERN_PROCESSES: '3' }
    const { code, output, errors } = await runToEnd(['app.ini', '--show-config'], { dir, env })
    expect([code, errors]).toEqual([0, ''])
    expect(output).toContain('; POSTERN_PROCESSES, over app.ini:4\nprocesses = 3\n')
    expect(output).toContain('; app.ini:6\nenv = GREETING=app\n')
  })

  test('says what is wrong', async () => {
    const dir = ownDirectory()
    write(dir, { 'app.ini': '[uwsgi]\nlistn = 5' })
    const { code, output, errors } = await runToEnd(['app.ini', '--print-config'], { dir })
    expect([code, output]).toEqual([EXIT.PERMANENT, ''])
    expect(errors).toBe('postern: app.ini:2: unknown option "listn": did you mean listen?\n')
  })
})

// That they start at all is in examples.test.ts.
describe('of the examples', () => {
  /** A copy, since files appear beside it. */
  function copied(folder: string): string {
    const dir = ownDirectory()
    cpSync(join(ROOT, 'examples'), join(dir, 'examples'), { recursive: true })
    return join(dir, 'examples', folder)
  }

  test('app.ini has its socket and its pidfile beside it, and a section for debugging', async () => {
    const dir = copied('ini')
    const env = { PORT: '0' }
    const postern = await start(['app.ini'], { dir, env })
    onTestFinished(() => postern.kill())
    await postern.until(() => postern.readBanner() && postern.fronts.length === 2, 'both sockets')
    expect(postern.address('uwsgi')).toBe(join(realpathSync(dir), 'app.sock'))
    expect(existsSync(join(dir, 'app.pid'))).toBe(true)
    await postern.stop()
    const debug = await start(['app.ini:debug'], { dir, env })
    onTestFinished(() => debug.kill())
    expect(await ask(debug.where())).toContain('Hello')
    await debug.stop()
  })

  test('postern.config.ts is found in its directory', async () => {
    const postern = await start([], { dir: copied('config'), env: { PORT: '0' } })
    onTestFinished(() => postern.kill())
    expect(await ask(postern.where())).toContain('Hello')
    await postern.stop()
  })
})
