// The server's own log: one entry is one write, and begins where a reader of lines expects it.
import { describe, expect, test } from 'vitest'
import { Log } from '../../src/server/log.js'

function collect(): { log: Log; lines: string[] } {
  const lines: string[] = []
  return { log: new Log((line) => lines.push(line)), lines }
}

const HEAD = `\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z \\[${process.pid}\\]`

describe('an entry', () => {
  test('is time, pid, level and text, in one write with its line end', () => {
    const { log, lines } = collect()
    log.info('one')
    log.warning('two')
    log.error('three')
    expect(lines).toEqual([
      expect.stringMatching(new RegExp(`^${HEAD} info: one\\n$`)),
      expect.stringMatching(new RegExp(`^${HEAD} warning: two\\n$`)),
      expect.stringMatching(new RegExp(`^${HEAD} error: three\\n$`)),
    ])
  })

  test('has the stack of an error and of its causes behind it, indented', () => {
    const { log, lines } = collect()
    log.error('it failed', new Error('outer', { cause: new TypeError('inner') }))
    expect(lines).toHaveLength(1)
    const [first, ...rest] = lines[0].trimEnd().split('\n')
    expect(first).toMatch(/error: it failed: Error: outer$/)
    expect(rest.filter((line) => !line.startsWith('    '))).toEqual([])
    expect(rest.some((line) => /^ {8}at /.test(line))).toBe(true)
    expect(rest).toContain('    caused by: TypeError: inner')
  })

  test('cannot be made to look like two by a line end in its text', () => {
    const { log, lines } = collect()
    log.warning('a\n2030-01-01T00:00:00.000Z [1] error: forged')
    expect(lines[0].split('\n')[1]).toMatch(/^ {4}2030/)
  })

  test.each([
    ['a string', 'thrown', 'thrown'],
    ['undefined as a cause', new Error('e', { cause: undefined }), 'Error: e'],
    ['null', null, 'null'],
    ['an object', { code: 5 }, '{ code: 5 }'],
    ['an error whose stack is gone', Object.assign(new Error('e'), { stack: undefined }), 'e'],
    [
      'an object that throws',
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('no')
          },
          getPrototypeOf: () => {
            throw new Error('no')
          },
        },
      ),
      'an error that cannot be shown',
    ],
  ])('shows whatever was thrown: %s', (_, thrown, text) => {
    const { log, lines } = collect()
    log.error('it failed', thrown)
    expect(lines[0]).toContain(`it failed: ${text}`)
  })

  test('ends, also for an error that is its own cause', () => {
    const { log, lines } = collect()
    const error = new Error('round')
    error.cause = error
    log.error('it failed', error)
    expect(lines[0].match(/caused by/g)).toHaveLength(7)
  })

  test('is lost when the sink throws, and nothing else is', () => {
    const log = new Log(() => {
      throw new Error('disk full')
    })
    expect(() => log.error('x')).not.toThrow()
  })

  test('has the level that the native side counts', () => {
    const { log, lines } = collect()
    for (const level of [0, 1, 2, 9]) log.native(level, 'x')
    expect(lines.map((line) => line.split(' ')[2])).toEqual([
      'info:',
      'warning:',
      'error:',
      'info:',
    ])
  })
})

describe('wsgi.errors', () => {
  test('W17: puts text into the log as it is, one write a call', () => {
    const { log, lines } = collect()
    const errors = log.errorStream()
    errors.write('no line end')
    errors.writelines(['a\n', 'b\n'])
    errors.flush()
    expect(lines).toEqual(['no line end', 'a\n', 'b\n'])
  })

  test('W17: writes nothing for nothing', () => {
    const { log, lines } = collect()
    log.errorStream().write('')
    expect(lines).toEqual([])
  })

  test.each([
    ['bytes', Buffer.from('x')],
    ['null', null],
    ['undefined', undefined],
    ['a number', 5],
  ])('W17: refuses %s', (_, value) => {
    const { log, lines } = collect()
    expect(() => log.errorStream().write(value as unknown as string)).toThrow(TypeError)
    expect(lines).toEqual([])
  })
})
