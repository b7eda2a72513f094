// Which source is stronger than which, and what of each is worth a note.
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readConfiguration } from '../../src/config/configuration.js'
import { importModule } from '../../src/server/import-module.js'
import { type Files, written } from './files/read.js'

const importAnew: typeof importModule = (file, path) => importModule(file, path, { anew: true })

/** DIR in an argument is the directory that the files are in. */
async function read(argv: readonly string[], env: NodeJS.ProcessEnv = {}, files: Files = {}) {
  const dir = written(files)
  const named = argv.map((arg) => arg.replace('DIR', dir))
  const variables = Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value?.replace('DIR', dir)]),
  )
  return readConfiguration(named, variables, importAnew)
}

describe('precedence', () => {
  const files = { 'a.ini': '[uwsgi]\nlisten = 2', 'b.toml': 'listen = 3' }

  test.each([
    ['the default', [], {}, 0],
    ['a file', ['DIR/a.ini'], {}, 2],
    ['the later of two files', ['DIR/a.ini', '--toml', 'DIR/b.toml'], {}, 3],
    ['the later of two files, the other way round', ['DIR/b.toml', '-c', 'DIR/a.ini'], {}, 2],
    [
      'a file of the command line over one of the environment',
      ['DIR/a.ini'],
      { UWSGI_TOML: 'DIR/b.toml' },
      2,
    ],
    ['UWSGI_ over files', ['DIR/a.ini'], { UWSGI_LISTEN: '4' }, 4],
    ['POSTERN_ over UWSGI_', ['DIR/a.ini'], { UWSGI_LISTEN: '4', POSTERN_LISTEN: '5' }, 5],
    [
      'the command line over all, wherever it stands',
      ['--listen', '6', 'DIR/a.ini'],
      { POSTERN_LISTEN: '5' },
      6,
    ],
  ])('%s', async (_, argv, env, listen) => {
    expect((await read(argv, env, files)).options.listen).toBe(listen)
  })

  test('repeatable options are gathered in the same order', async () => {
    const { options } = await read(
      ['--socket', ':4', 'DIR/a.ini', '--json', 'DIR/b.json'],
      { UWSGI_SOCKET: ':9', POSTERN_SOCKET: ':3' },
      { 'a.ini': '[uwsgi]\nsocket = :1', 'b.json': '{"socket": [":2"]}' },
    )
    expect(options.socket).toEqual([':1', ':2', ':3', ':4'])
  })
})

describe('the application', () => {
  const files = { 'a.ini': '[uwsgi]\napp = a.ts' }

  test.each([
    [['DIR/a.ini'], 'a.ts'],
    [['DIR/a.ini', 'a.ts'], 'a.ts'],
    [['DIR/a.ini', './a.ts'], './a.ts'],
    [['DIR/a.ini', '--app', 'b.ts'], 'b.ts'],
    [['--app', 'b.ts', 'b.ts'], 'b.ts'],
    [[], undefined],
  ])('%j is %s', async (argv, app) => {
    expect((await read(argv, {}, files)).app).toBe(app)
  })

  test.each([
    [['DIR/a.ini', 'b.ts'], 'two applications: b.ts, and app = a.ts ('],
    [['--app', 'a.ts', 'b.ts'], 'two applications: b.ts, and app = a.ts: name one'],
  ])('%j are two', async (argv, message) => {
    await expect(read(argv, {}, files)).rejects.toThrow(message)
  })
})

describe('environment files', () => {
  const files = {
    'one.env': 'A=1\nB=1\nLISTEN=5\nPOSTERN_LISTEN=7',
    'two.env': 'B=2\nC=2',
    'a.ini': '[uwsgi]\nmax-requests = $(LISTEN)',
    'b.ini': '[uwsgi]\nenv-file = %dtwo.env\nlisten = 1',
  }

  test('set what is not set, and the later one counts', async () => {
    const argv = ['--env-file', 'DIR/one.env', '--env-file', 'DIR/two.env']
    expect((await read(argv, { A: 'outside' }, files)).env).toMatchObject({
      A: 'outside',
      B: '2',
      C: '2',
    })
  })

  test('may have options, and variables that files ask for', async () => {
    const { options } = await read(['--env-file', 'DIR/one.env', 'DIR/a.ini'], {}, files)
    expect(options).toMatchObject({ listen: 7, maxRequests: 5 })
    const named = await read(['DIR/a.ini'], { POSTERN_ENV_FILE: 'DIR/one.env' }, files)
    expect(named.options.maxRequests).toBe(5)
  })

  test('may be named in files', async () => {
    expect((await read(['DIR/b.ini'], {}, files)).env).toEqual({ B: '2', C: '2' })
  })

  test('that are broken are refused with file and line', async () => {
    await expect(read(['--env-file', 'DIR/x.env'], {}, { 'x.env': 'A=1\n?' })).rejects.toThrow(
      '/x.env:2: this is not NAME=VALUE: ?',
    )
    const missing = read(['DIR/a.ini'], {}, { 'a.ini': '[uwsgi]\nenv-file = /nonexistent' })
    await expect(missing).rejects.toThrow('/a.ini:2: env-file /nonexistent cannot be read: ENOENT')
  })
})

describe('strict', () => {
  const files = {
    'a.ini': '[uwsgi]\nlistn = 5\nother = 1',
    'off.ini': '[uwsgi]\nstrict = false\nlistn = 5\nother = 1',
  }

  test('is on: an unknown option is an error with its place and the right name', async () => {
    await expect(read(['DIR/a.ini'], {}, files)).rejects.toThrow(
      /\/a\.ini:2: unknown option "listn": did you mean listen\?$/,
    )
  })

  test.each([[['DIR/off.ini']], [['DIR/a.ini', '--no-strict']]])(
    'off in %j makes one note of all of them',
    async (argv) => {
      const { notes } = await read(argv, {}, files)
      expect(notes).toEqual([
        expect.stringMatching(
          /^options that are unknown and ignored.*: listn \(.*\), other \(.*\)$/,
        ),
      ])
    },
  )
})

test('options of uWSGI that do nothing are one note, wherever they are', async () => {
  const files = { 'a.ini': '[uwsgi]\nthunder-lock = true\nlazy = true' }
  const { notes } = await read(['DIR/a.ini', '--thunder-lock'], { UWSGI_AUTOLOAD: '1' }, files)
  expect(notes).toHaveLength(1)
  expect(notes[0].match(/thunder-lock|lazy |autoload/g)).toEqual([
    'thunder-lock',
    'lazy ',
    'autoload',
  ])
})

test('--help and --version do not look at files', async () => {
  const { options } = await read(['--help', '/nonexistent.ini'])
  expect(options.help).toBe(true)
})

test('nothing of the environment that was given is changed', async () => {
  const env = { A: '1' }
  await readConfiguration(['--env-file', join(written({ e: 'B=2' }), 'e')], env, importAnew)
  expect(env).toEqual({ A: '1' })
})
