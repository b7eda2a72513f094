// Ini files in uWSGI's dialect: what a file says, feature by feature, and what a mistake is told.
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { grantedCores } from '../../../src/config/cores.js'
import { VERSION } from '../../../src/version.js'
import { iniSettings, readIn, written } from './read.js'

describe('lines', () => {
  test.each([
    ['spaces around a name and a value', ['  listen =  5  '], ['listen=5']],
    ['comments and empty lines', ['# a', '', '; b', 'listen = 5'], ['listen=5']],
    ['a name alone', ['master'], ['master=']],
    ['repeated keys, in their order', ['socket = :1', 'socket = :2'], ['socket=:1', 'socket=:2']],
    ['further signs of equality', ['env = A=b=c'], ['env=A=b=c']],
    ['a backslash at the end, as text', ['chdir = /a\\', 'dev'], ['chdir=/a\\', 'dev=']],
    ['quotes, which keep spaces', ['chdir = " a "'], ['chdir= a ']],
    ['quotes inside of a value', ['env = A="x"'], ['env=A="x"']],
    [
      'aliases and underscores',
      ['workers = 2', 'chmod_socket = 660'],
      ['processes=2', 'chmod-socket=660'],
    ],
    ['what is for the parser of values only', ['env = A=x ; y'], ['env=A=x ; y']],
  ])('%s', async (_, lines, settings) => {
    expect(await iniSettings(lines)).toEqual(settings)
  })

  test('with the line ends and the mark of Windows', async () => {
    const dir = written({ 'a.ini': '\uFEFF[uwsgi]\r\nlisten = 5\r\n\r\nmaster\r\n' })
    const { settings } = await readIn(dir, 'a.ini')
    expect(settings.map(({ value }) => value)).toEqual(['5', ''])
  })
})

describe('sections', () => {
  const text = `[uwsgi]
listen = 1
[postern]
listen = 2
[other]
nonsense
[prod]
listen = 3
[uwsgi]
listen = 4
`
  const values = async (named: string) =>
    (await readIn(written({ 'a.ini': text }), named)).settings.map(({ value }) => value)

  test('of uWSGI and Postern are read in the order of the file', async () => {
    expect(await values('a.ini')).toEqual(['1', '2', '4'])
  })

  test('by name is that one only', async () => {
    expect(await values('a.ini:prod')).toEqual(['3'])
  })

  test('of the same file can be included', async () => {
    const dir = written({ 'a.ini': '[uwsgi]\nlisten = 1\n[prod]\ninclude = a.ini\nlisten = 2' })
    const { settings } = await readIn(dir, 'a.ini:prod')
    expect(settings.map(({ value }) => value)).toEqual(['1', '2'])
    expect(await iniSettings(['ini = :more', 'listen = 2', '[more]', 'listen = 1'])).toEqual([
      'listen=1',
      'listen=2',
    ])
  })
})

describe('placeholders', () => {
  test.each([
    ['an option', ['chdir = /srv', 'pidfile = %(chdir)/pid'], 'pidfile=/srv/pid'],
    ['an option by its alias', ['workers = 2', 'pidfile = %(processes)'], 'pidfile=2'],
    ['set-placeholder', ['set-placeholder = a=x', 'pidfile = %(a)'], 'pidfile=x'],
    ['set-ph', ['set-ph = a=x', 'pidfile = %(a)'], 'pidfile=x'],
    ['a key of its own', ['base = /srv', 'pidfile = %(base)/pid'], 'pidfile=/srv/pid'],
    ['the first value', ['listen = 1', 'listen = 2', 'pidfile = %(listen)'], 'pidfile=1'],
    ['a sum', ['listen = 5', 'max-requests = %(listen + 2)'], 'max-requests=7'],
    [
      'from left to right',
      ['listen = 5', 'max-requests = %(listen + 1 * 3 - 2 / 5)'],
      'max-requests=3',
    ],
    ['two at once', ['set-ph = a=x', 'set-ph = b=y', 'pidfile = %(a)%(b)'], 'pidfile=xy'],
    ['a percent sign', ['pidfile = 100%%d'], 'pidfile=100%d'],
    ['letters without a meaning', ['pidfile = %q-%Y'], 'pidfile=%q-%Y'],
    ['a variable', ['pidfile = $(RUN)/pid'], 'pidfile=/run/pid'],
    ['a file', ['pidfile = @(%d/name)'], 'pidfile=from the file'],
    ['a file that a variable names', ['pidfile = @($(FILE))'], 'pidfile=from the file'],
    ['atoms of a log line', ['log-format = %(addr) %(h)s'], 'access-log-format=%(addr) %(h)s'],
    ['atoms, our name', ['access-log-format = %({x}i)s'], 'access-log-format=%({x}i)s'],
    ['nothing twice', ['env = A=$(TWICE)'], 'env=A=%(listen) $(RUN)'],
  ])('%s', async (_, lines, last) => {
    const others = { 'site/name': 'from the file\n' }
    const dir = written({ 'site/app.ini': ['[uwsgi]', ...lines].join('\n'), ...others })
    const env = { RUN: '/run', TWICE: '%(listen) $(RUN)', FILE: join(dir, 'site/name') }
    const { settings, unknown } = await readIn(dir, 'site/app.ini', env)
    const { name, value } = settings[settings.length - 1]
    expect(`${name}=${value}`).toBe(last)
    expect(unknown).toEqual([])
  })

  test.each([
    'log-format',
    'logformat',
    'access-log-format',
    'log-encoder',
    'hook-as-root',
    'cron',
  ])('of %s stay, where nothing has set them', async (key) => {
    const lines = ['base = /x', `${key} = %(addr) %(base) $(NOTHING)`, `chdir = %(${key})`]
    expect((await iniSettings(lines)).at(-1)).toBe('chdir=%(addr) /x $(NOTHING)')
  })

  test('may be further down, by way of others too, but not in a circle', async () => {
    const lines = ['pidfile = %(processes)%(b)', 'workers = 1', 'b = %(c)', 'c = x%(dev)', 'dev']
    expect((await iniSettings(lines))[0]).toBe('pidfile=1x')
    await expect(iniSettings(['a = %(b)', 'b = %(a)'])).rejects.toThrow(':2: nothing sets %(')
    const block = ['pidfile = %(a)', 'if-exists = /', 'a = 1', 'endif']
    await expect(iniSettings(block)).rejects.toThrow(':2: nothing sets %(a)')
  })

  test('come from the command line too, and are stronger there', async () => {
    const dir = written({ 'a.ini': '[uwsgi]\nset-ph = a=y\npidfile = %(a)' })
    const { settings } = await readIn(dir, 'a.ini', {}, ['a=x'])
    expect(settings[1].value).toBe('x')
  })
})

describe('magic variables', () => {
  const file = 'sites/my.app/web.ini'
  const { username, uid, gid } = userInfo()

  test.each([
    ['%d', 'DIR/sites/my.app/'],
    ['%n', 'web'],
    ['%p', `DIR/${file}`],
    ['%o', `DIR/${file}`],
    ['%s', 'web.ini'],
    ['%e', 'ini'],
    ['%c', 'my.app'],
    ['%x', ''],
    ['%k', String(grantedCores())],
    ['%h', hostname()],
    ['%u %g', `${uid} ${gid}`],
    ['%U', username],
    ['%V', VERSION],
    ['%v', process.cwd()],
    ['%0', 'tmp'],
    ['%9', ''],
    ['%[', '\u001b'],
  ])('%s is %j', async (text, value) => {
    const dir = written({ [file]: `[uwsgi]\npidfile = <${text}>` })
    const { settings } = await readIn(dir, file)
    expect(String(settings[0].value).replace(dir, 'DIR')).toBe(`<${value}>`)
  })

  test('that change: time and inode', async () => {
    const dir = written({ [file]: '[uwsgi]\npidfile = %t %T %i' })
    const { settings } = await readIn(dir, file)
    expect(settings[0].value).toMatch(/^\d{10} \d{16} \d+$/)
  })

  test('as capitals are about the file that was named, in small about the one that they are in', async () => {
    const lines = ['include = ../common.ini']
    const common = '[uwsgi]\npidfile = %n %N %c %C %s %S'
    expect(await iniSettings(lines, {}, { 'common.ini': common })).toEqual([
      expect.stringMatching(/^pidfile=common app postern-\S+ site common\.ini app\.ini$/),
    ])
  })
})

describe('logic', () => {
  const env = { STAGE: 'prod', EMPTY: '' }
  const others = { 'site/x.txt': 'one\ntwo\n', 'site/sub/a.txt': '', 'site/sub/b.txt': '' }
  const when = (condition: string) => [condition, 'listen = %(_)', 'else', 'listen = 0', 'endif']

  test.each([
    ['for', ['for = a  b', 'env = %(_)=1', 'endfor = x'], ['env=a=1', 'env=b=1']],
    [
      'for-times',
      ['for-times = 3', 'socket = :%(_)', 'endfor'],
      ['socket=:1', 'socket=:2', 'socket=:3'],
    ],
    [
      'for-readline',
      ['for-readline = %dx.txt', 'env = %(_)=1', 'endfor'],
      ['env=one=1', 'env=two=1'],
    ],
    ['for-glob', ['for-glob = %ds*b/[!.]*.txt', 'env-file = %(_)', 'endfor'], []],
    [
      'for-glob with * and ?',
      ['for-glob = %ds*b/?.txt', 'env-file = %(_)', 'endfor'],
      ['env-file=DIR/site/sub/a.txt', 'env-file=DIR/site/sub/b.txt'],
    ],
    ['a for of nothing', ['for =', 'listen = 1', 'endfor'], []],
    ['if-env', when('if-env = STAGE'), ['listen=prod']],
    ['if-env that is empty', when('if-env = EMPTY'), ['listen=0']],
    ['if-env with a value', when('if-env = STAGE=prod'), ['listen=prod']],
    ['if-env with another value', when('if-env = STAGE=test'), ['listen=0']],
    ['if-not-env', when('if-not-env = STAGE'), ['listen=0']],
    ['if-not-env that is not set', when('if-not-env = NOTHING'), ['listen=NOTHING']],
    ['if-opt', ['dev = true', ...when('if-opt = dev')], ['dev=true', 'listen=true']],
    ['if-opt with a value', ['dev = true', ...when('if-opt = dev=no')], ['dev=true', 'listen=0']],
    ['if-not-opt', when('if-not-opt = dev'), ['listen=dev']],
    ['if-exists', when('if-exists = %dx.txt'), ['listen=DIR/site/x.txt']],
    ['if-exists of a directory', when('if-exists = %d'), ['listen=DIR/site/']],
    ['if-not-exists', when('if-not-exists = /nonexistent'), ['listen=/nonexistent']],
    ['if-file', when('if-file = %dx.txt'), ['listen=DIR/site/x.txt']],
    ['if-file of a directory', when('if-file = %d'), ['listen=0']],
    ['if-dir', when('if-dir = %d'), ['listen=DIR/site/']],
    ['if-dir of a file', when('if-dir = %dx.txt'), ['listen=0']],
    ['if-hostname', when('if-hostname = %h'), [`listen=${hostname()}`]],
    ['if-hostname-match', when('if-hostname-match = ^.'), ['listen=^.']],
    [
      'one in another',
      ['for = 1 2', 'if-env = STAGE', 'for = a b', 'env = %(_)=1', 'endfor', 'endif', 'endfor'],
      ['env=a=1', 'env=b=1', 'env=a=1', 'env=b=1'],
    ],
    [
      'what is not reached is not expanded',
      ['if-not-env = STAGE', 'env = A=$(NOTHING)', 'include = /nonexistent.ini', 'endif'],
      [],
    ],
  ])('%s', async (_, lines, settings) => {
    expect(await iniSettings(lines, env, others)).toEqual(settings)
  })
})

describe('a mistake', () => {
  test.each([
    ['an unclosed for', ['for = a', 'listen = 1'], '2: "for" has no endfor'],
    ['an unclosed if', ['if-env = A', 'for = a', 'endfor'], '2: "if-env" has no endif'],
    ['an end of nothing', ['listen = 1', 'endif'], '3: "endif" ends nothing'],
    ['an else of nothing', ['else'], '2: "else" ends nothing'],
    [
      'a second else',
      ['if-env = A', 'else', 'else', 'endif'],
      '4: "else" does not end the "if-env" of line 2',
    ],
    [
      'else in a for',
      ['for = a', 'else', 'endfor'],
      '3: "else" does not end the "for" of line 2: endfor does',
    ],
    ['the wrong end', ['for = a', 'endif'], '3: "endif" does not end the "for" of line 2'],
    [
      'an unknown condition',
      ['if-evn = A', 'endif'],
      '2: unknown condition "if-evn": did you mean if-env?',
    ],
    [
      'a loop over no number',
      ['for-times = x', 'endfor'],
      '2: for-times is a whole number, not "x"',
    ],
    ['a loop over no file', ['for-readline = /nonexistent', 'endfor'], '2: ENOENT'],
    ['a bad expression', ['if-hostname-match = (', 'endif'], '2: Invalid regular expression'],
    ['no name', ['= 5'], '2: a name is missing before "="'],
    ['an unknown placeholder', ['', 'pidfile = %(nothing)'], '3: nothing sets %(nothing)'],
    ['a sum of words', ['set-ph = a=x', 'pidfile = %(a + 1)'], '3: nothing sets %(a + 1)'],
    ['%(_) without a loop', ['pidfile = %(_)'], '2: nothing sets %(_)'],
    ['an unknown variable', ['pidfile = $(NOTHING)'], '2: the environment has no NOTHING'],
    ['a file that is not there', ['pidfile = @(/nonexistent)'], '2: ENOENT'],
    [
      'a file from elsewhere',
      ['pidfile = @(http://a/b)'],
      '2: @(http://a/b): only files can be read',
    ],
    [
      'an include that is not there',
      ['include = no.ini'],
      '2: there is no file no.ini (looked for ',
    ],
    ['an include of no kind', ['include = app'], '2: app: its name ends in .ini, .toml'],
    ['what is for the command line', ['version = 1'], '2: version is for the command line'],
  ])('%s is told with file and line', async (_, lines, message) => {
    const others = { 'site/app': '' }
    await expect(iniSettings(lines, {}, others)).rejects.toThrow(`/site/app.ini:${message}`)
  })

  test.each([
    ['', '1: no section [uwsgi] or [postern], it has none'],
    ['[uswgi]\na = b', '1: no section [uwsgi] or [postern], it has [uswgi]: did you mean [uwsgi]?'],
    ['\nlisten = 5', '2: a section comes first: [uwsgi]'],
  ])('of sections in %j', async (text, message) => {
    await expect(readIn(written({ 'a.ini': text }), 'a.ini')).rejects.toThrow(`/a.ini:${message}`)
  })

  test('a section that is not there', async () => {
    const dir = written({ 'a.ini': '[uwsgi]\n[prod]\n' })
    await expect(readIn(dir, 'a.ini:prdo')).rejects.toThrow(
      'a.ini:1: no section [prdo], it has [uwsgi], [prod]: did you mean [prod]?',
    )
  })
})

describe('includes', () => {
  test('are read where they stand, relative to the file that names them', async () => {
    const lines = ['listen = 1', 'ini = more/a.ini', 'listen = 4']
    const others = {
      'site/more/a.ini': '[uwsgi]\nlisten = 2\ninclude = b.toml',
      'site/more/b.toml': 'listen = 3',
    }
    expect(await iniSettings(lines, {}, others)).toEqual([1, 2, 3, 4].map((n) => `listen=${n}`))
  })

  test('that are not beside it are looked for in the working directory', async () => {
    const lines = ['include = test/fixtures/config/production.ini']
    expect(await iniSettings(lines)).toContain('processes=500')
  })

  test('pass placeholders on, in both directions', async () => {
    const lines = ['set-ph = a=1', 'include = b.ini', 'pidfile = %(b)']
    const others = { 'site/b.ini': '[uwsgi]\nset-ph = b=%(a)2' }
    expect((await iniSettings(lines, {}, others)).at(-1)).toBe('pidfile=12')
  })

  test('may be read twice, but not in a circle', async () => {
    const others = {
      'site/b.ini': '[uwsgi]\nlisten = 1',
      'site/c.ini': '[uwsgi]\n\ninclude = d.ini',
      'site/d.ini': '[uwsgi]\ninclude = c.ini',
    }
    const twice = ['include = b.ini', 'include = b.ini']
    expect(await iniSettings(twice, {}, others)).toEqual(['listen=1', 'listen=1'])
    await expect(iniSettings(['include = c.ini'], {}, others)).rejects.toThrow(
      /d\.ini:2: .*\/c\.ini is being read already: files include each other in a circle$/,
    )
    await expect(iniSettings(['include = :a', '[a]', 'include = :a'], {}, {})).rejects.toThrow(
      /app\.ini:4: .* in a circle$/,
    )
  })

  test('say in which file a mistake is', async () => {
    const others = { 'site/b.ini': '[uwsgi]\n\npidfile = %(nothing)' }
    await expect(iniSettings(['include = b.ini'], {}, others)).rejects.toThrow(
      'b.ini:3: nothing sets %(nothing)',
    )
  })
})

describe('keys that are no options', () => {
  const unknown = async (...lines: string[]) => {
    const dir = written({ 'a.ini': ['[uwsgi]', ...lines].join('\n') })
    const reader = await readIn(dir, 'a.ini')
    return [
      reader.unknown.map(({ key, place }) => `${key} ${place.split('/').pop()}`),
      reader.accepted,
    ]
  }

  test('are reported with their places, unless something asks for them', async () => {
    expect(await unknown('listn = 5', 'base = /x', 'chdir = %(base)')).toEqual([
      ['listn a.ini:2'],
      [],
    ])
    expect(await unknown('if-opt = stage', 'endif', 'stage = 1')).toEqual([[], []])
  })

  test('are accepted when uWSGI has them and they do nothing here', async () => {
    expect(await unknown('thunder-lock = true', 'single_interpreter = 1')).toEqual([
      [],
      ['thunder-lock', 'single-interpreter'],
    ])
  })
})
