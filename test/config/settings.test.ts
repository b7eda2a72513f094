// Settings → options: which of several counts, and how a wrong value names its place.
import { describe, expect, test } from 'vitest'
import { defaultOptions } from '../../src/config/options.js'
import { resolveSettings, type Setting } from '../../src/config/settings.js'

function setting(name: string, value: unknown, place = 'app.ini:3'): Setting {
  return { name, value, place, layer: place === '' ? 'command line' : 'file' }
}

describe('settings', () => {
  test('over the defaults: the last one counts, those of repeatable options are gathered', () => {
    const options = resolveSettings([
      setting('listen', '5'),
      setting('socket', ':1'),
      setting('listen', '6'),
      setting('socket', ':2', ''),
    ])
    expect(options).toEqual({ ...defaultOptions(), listen: 6, socket: [':1', ':2'] })
  })

  test('may have the values of programs and of data formats', () => {
    const values = [setting('listen', 5), setting('dev', true), setting('master', 1)]
    expect(resolveSettings(values)).toMatchObject({ listen: 5, dev: true, master: true })
  })

  test.each([
    [setting('listen', 'many'), 'app.ini:3: listen is a whole number, not "many"'],
    [setting('listen', true), 'app.ini:3: listen is a whole number, not true'],
    [setting('listen', 1.5), 'app.ini:3: listen is a whole number, not 1.5'],
    [setting('dev', 2), 'app.ini:3: dev is true or false, not 2'],
    [setting('listen', '5 ; five'), '(a comment needs a line to itself)'],
    [setting('listen', 'many', ''), '--listen is a whole number, not "many"'],
    [setting('dev', 'x', 'POSTERN_DEV'), 'POSTERN_DEV: dev is true or false, not "x"'],
  ])('%j is refused', (one, message) => {
    expect(() => resolveSettings([one])).toThrow(message)
  })
})
