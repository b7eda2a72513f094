// --show-config says what every option is and why, in a form that can be read again.
import { describe, expect, test } from 'vitest'
import { showConfig } from '../../src/cli/show-config.js'
import { parseIni } from '../../src/config/files/ini.js'
import { OPTIONS } from '../../src/config/options.js'
import { resolveSettings, type Setting } from '../../src/config/settings.js'
import { readIn, written } from '../config/files/read.js'

const SETTINGS: readonly Setting[] = [
  { name: 'listen', value: '5', layer: 'file', place: 'app.ini:3' },
  { name: 'socket', value: ':1', layer: 'file', place: 'app.ini:4' },
  { name: 'chmod-socket', value: '660', layer: 'file', place: 'app.ini:5' },
  { name: 'env', value: 'A=100% x ', layer: 'file', place: 'app.ini:6' },
  { name: 'dev', value: 'on', layer: 'environment', place: 'POSTERN_DEV' },
  { name: 'buffer-size', value: '32k', layer: 'environment', place: 'UWSGI_BUFFER_SIZE' },
  { name: 'listen', value: '6', layer: 'environment', place: 'POSTERN_LISTEN' },
  { name: 'listen', value: '7', layer: 'command line', place: '' },
  { name: 'socket', value: ':2', layer: 'command line', place: '' },
]
const options = resolveSettings(SETTINGS)
const page = showConfig(options, SETTINGS, 'app.ts')

describe('the page', () => {
  test.each([
    '; command line, over POSTERN_LISTEN, app.ini:3\nlisten = 7\n',
    '; app.ini:4\nsocket = :1\n; command line\nsocket = :2\n',
    '; app.ini:5\nchmod-socket = 660\n',
    '; POSTERN_DEV\ndev = true\n',
    '; UWSGI_BUFFER_SIZE\nbuffer-size = 32768\n',
    '; command line\napp = app.ts\n',
    '\n; master = false\n',
    '\n; pidfile =\n',
  ])('has %j', (text) => {
    expect(page).toContain(text)
  })

  test('has every option that a file may have, set or not', () => {
    const names = [...page.matchAll(/^(?:; )?([a-z][a-z0-9-]*) =/gm)].map(([, name]) => name)
    const asking = ['help', 'help-all', 'show-config', 'version']
    const all = OPTIONS.map(({ name }) => name as string).filter((name) => !asking.includes(name))
    expect([...new Set(names)].sort()).toEqual(all.sort())
  })

  test('can be read again, and says the same', async () => {
    expect(parseIni(page).length).toBeGreaterThan(5)
    const { settings } = await readIn(written({ 'a.ini': page }), 'a.ini')
    expect(resolveSettings(settings)).toEqual({ ...options, app: 'app.ts' })
  })
})

test('text of several lines, which ini does not have, is shown in one', () => {
  const settings = [{ name: 'env', value: 'A=1\n2', layer: 'file', place: 'app.toml:2' } as const]
  expect(showConfig(resolveSettings(settings), settings, '')).toContain('\nenv = "A=1\\n2"\n')
})

test('an application of a file is where it comes from', () => {
  const settings = [{ name: 'app', value: 'a.ts', layer: 'file', place: 'app.ini:2' } as const]
  expect(showConfig(resolveSettings(settings), settings, 'a.ts')).toContain(
    '; app.ini:2\napp = a.ts',
  )
})
