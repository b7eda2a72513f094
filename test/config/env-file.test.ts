// Environment files: what Node reads, and the lines that it would pass over in silence.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readEnvFile } from '../../src/config/env-file.js'
import { ownDirectory } from '../support/directories.js'

function read(text: string): Record<string, string> {
  const path = join(ownDirectory(), '.env')
  writeFileSync(path, text)
  return readEnvFile(path, '')
}

describe('an environment file', () => {
  test('has names and values, quotes, comments and values of several lines', () => {
    const text = `# comment
A=1
export B = "two
words"

C='#no' # comment
D=
`
    expect(read(text)).toEqual({ A: '1', B: 'two\nwords', C: '#no', D: '' })
  })

  test.each([
    ['A=1\nnot an assignment\nB=2', 2, 'not an assignment'],
    ['A="\n\n"\nB', 4, 'B'],
    ['1A=1', 1, '1A=1'],
  ])('%j is refused with its line', (text, line, what) => {
    expect(() => read(text)).toThrow(`/.env:${line}: this is not NAME=VALUE: ${what}`)
  })

  test('that is not there is an error of the place that names it', () => {
    expect(() => readEnvFile('/nonexistent', 'app.ini:3')).toThrow(
      'app.ini:3: env-file /nonexistent cannot be read: ENOENT',
    )
  })
})
