// Whatever stands in a configuration file: it is read, or refused with a line of that file. Nothing
// hangs, and no other error comes out.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expand } from '../../../src/config/files/placeholders.js'
import { ConfigError } from '../../../src/errors.js'
import { readIn, written } from './read.js'

const word = fc.constantFrom(
  ...[
    'listen',
    'socket',
    'for',
    'endfor',
    'for-times',
    'if-env',
    'else',
    'endif',
    'set-ph',
    'include',
  ],
  ...[
    '%(listen)',
    '%(_)',
    '%d',
    '%%',
    '$(A)',
    '@(',
    ')',
    '(',
    '%(a + 1)',
    '[uwsgi]',
    '[x]',
    '2',
    'a=b',
  ],
  ...[
    '=',
    ' = ',
    '\n',
    '\n',
    '\n',
    '"',
    '#',
    '\\',
    ':',
    '{',
    '}',
    '[',
    ']',
    ',',
    '- ',
    '\t',
    '\u0000',
    'é',
  ],
)
const text = fc.array(word, { maxLength: 40 }).map((words) => words.join(''))

describe('any text', () => {
  test.each(['a.ini', 'a.toml', 'a.yaml', 'a.json'])('in %s', async (name) => {
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        const body = name === 'a.ini' ? `[uwsgi]\n${content}` : content
        try {
          await readIn(written({ [name]: body }), name, { A: '1' })
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
          expect((error as Error).message).toMatch(/\/a\.\w+:\d+: /)
        }
      }),
      { numRuns: 300 },
    )
  })
})

test('what has no placeholder in it stays as it is', () => {
  const scope = {
    placeholder: () => 'x',
    magic: () => 'x',
    variable: () => 'x',
    contents: () => 'x',
  }
  fc.assert(
    fc.property(fc.string(), (value) => {
      const plain = value.replace(/[%$@]/g, '')
      expect(expand(plain, scope)).toBe(plain)
      expect(expand(value.replaceAll('%', '%%').replace(/[$@]/g, ''), scope)).toBe(
        value.replace(/[$@]/g, ''),
      )
    }),
  )
})
