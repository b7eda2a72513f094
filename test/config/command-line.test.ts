// argv → options, application and files; what the table does not have is an error that helps.
import { describe, expect, test } from 'vitest'
import { parseCommandLine } from '../../src/config/command-line.js'
import { defaultOptions } from '../../src/config/options.js'
import { resolveSettings } from '../../src/config/settings.js'
import { ConfigError, EXIT } from '../../src/errors.js'

const parse = (...argv: string[]) => {
  const { settings, app } = parseCommandLine(argv)
  return { options: resolveSettings(settings), app }
}
const optionsOf = (...argv: string[]) => parse(...argv).options

function errorOf(...argv: string[]): ConfigError {
  try {
    parse(...argv)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error(`${argv.join(' ')} is accepted`)
}

describe('a command line', () => {
  test('with nothing gives the defaults and no application', () => {
    expect(parse()).toEqual({ options: defaultOptions(), app: undefined })
  })

  test('takes values with a space, with "=", and short forms with both', () => {
    expect(optionsOf('--listen', '5').listen).toBe(5)
    expect(optionsOf('--listen=5').listen).toBe(5)
    expect(optionsOf('-l', '5').listen).toBe(5)
    expect(optionsOf('-l5').listen).toBe(5)
  })

  test('has its application anywhere, also behind "--"', () => {
    expect(parse('app.ts', '--dev').app).toBe('app.ts')
    expect(parse('--dev', 'app.ts').app).toBe('app.ts')
    expect(parse('--dev', '--', '--app.ts')).toMatchObject({ app: '--app.ts' })
  })

  test('gathers what may be repeated, in order, by its aliases too', () => {
    expect(optionsOf('-s', ':1', '--uwsgi-socket', ':2', '--socket=:3').socket).toEqual([
      ':1',
      ':2',
      ':3',
    ])
    expect(optionsOf('--env', 'A=1', '--env', 'A=2').env).toEqual(['A=1', 'A=2'])
  })

  test('takes the last of what may not be repeated', () => {
    expect(optionsOf('--listen', '5', '--listen', '6').listen).toBe(6)
    expect(optionsOf('--server-header', '--no-server-header').serverHeader).toBe(false)
  })

  test('turns booleans on, off by --no-NAME, and either by a value', () => {
    expect(optionsOf('--dev').dev).toBe(true)
    expect(optionsOf('--dev=false').dev).toBe(false)
    expect(optionsOf('--no-server-header').serverHeader).toBe(false)
    expect(optionsOf('--server-header=on').serverHeader).toBe(true)
    expect(parse('--dev', 'false')).toMatchObject({ app: 'false', options: { dev: true } })
  })

  test('may have a value that begins with a dash, behind "="', () => {
    expect(optionsOf('--chdir=-x').chdir).toBe('-x')
  })
})

describe('configuration files', () => {
  const files = (...argv: string[]) => parseCommandLine(argv).files

  test('are what options name, in their order, and words that end like one', () => {
    expect(files('--ini', 'a', 'b.toml', '-c', 'c.json', 'd.ini:prod', '--yml=e')).toEqual([
      { path: 'a', kind: 'ini' },
      { path: 'b.toml', kind: undefined },
      { path: 'c.json', kind: 'config' },
      { path: 'd.ini:prod', kind: undefined },
      { path: 'e', kind: 'yml' },
    ])
  })

  test.each(['postern.config.ts', 'x/postern.config.mjs', 'postern.config.js'])(
    '%s is one, other modules are applications',
    (name) => {
      expect(files(name)).toEqual([{ path: name, kind: undefined }])
      expect(parse('config.ts').app).toBe('config.ts')
    },
  )

  test('may not be looked for with --no-config', () => {
    expect(parseCommandLine([]).lookForConfig).toBe(true)
    expect(parseCommandLine(['--no-config']).lookForConfig).toBe(false)
  })
})

test('options of uWSGI that do nothing are taken, with the value that some have', () => {
  const line = parseCommandLine(['--thunder-lock', '--plugin', 'python3', '--lazy', 'app.ts'])
  expect(line).toMatchObject({ accepted: ['thunder-lock', 'plugin', 'lazy'], app: 'app.ts' })
  expect(line.settings).toEqual([])
})

describe('a mistake', () => {
  test.each([
    [['--http-sockt', ':80'], 'unknown option --http-sockt: did you mean --http-socket?'],
    [['--sokcet=:80'], 'unknown option --sokcet: did you mean --socket?'],
    [['--completely-different'], 'unknown option --completely-different: see postern --help'],
    [['-x'], 'unknown option -x: see postern --help'],
    [['--constructor'], 'unknown option --constructor'],
    [['--__proto__=1'], 'unknown option --__proto__'],
    [['--no-listen'], 'unknown option --no-listen'],
    [['-p', '3000'], 'unknown option -p: a port is --http-socket :8000'],
    [['-p3000'], 'unknown option -p'],
    [['--port=3000'], 'unknown option --port: a port is --http-socket :3000'],
    [['--bind=0.0.0.0:80'], 'unknown option --bind: a port is --http-socket :80'],
    [['--listen'], '--listen needs a value: --listen N'],
    [['app.ts', '--socket'], '--socket needs a value: --socket ADDR'],
    [['--buffer-size'], '--buffer-size needs a value: --buffer-size BYTES'],
    [['--header-map'], '--header-map needs a value: --header-map KIND'],
    [['--http-keepalive'], '--http-keepalive needs a value: --http-keepalive S'],
    [['--chdir', '--dev', 'app.ts'], '--chdir needs a value, and --dev is an option'],
    [['-s', '-l', '5'], '-s needs a value, and -l is an option (write -s=-l if it is not)'],
    [['--listen', 'many'], '--listen is a whole number, not "many"'],
    [['--listen', '-1'], '--listen is a whole number, not "-1"'],
    [['--http-socket', '8000'], '--http-socket "8000" is not a socket address: write ":8000"'],
    [['--dev=perhaps'], '--dev is true or false, not "perhaps"'],
    [['one.ts', 'two.ts'], 'one application at a time: one.ts, two.ts'],
  ])('%j is refused with what would be right, for good', (argv, message) => {
    const error = errorOf(...argv)
    expect(error.message).toContain(message)
    expect(error.exitCode).toBe(EXIT.PERMANENT)
  })
})
