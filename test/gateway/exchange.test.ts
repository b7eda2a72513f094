// startResponse, write and what they lead to; lengths are in exchange-framing.test.ts, results in
// exchange-body.test.ts, failures in exchange-errors.test.ts.
import { describe, expect, test } from 'vitest'
import type { StartResponse, Write } from '../../src/gateway/types.js'

import { MemoryHost, outcomeOf, start, turn } from '../support/memory-host.js'

import { TEXT } from '../support/results.js'

const withLength = (length: number): [string, string][] => [
  ...TEXT,
  ['Content-Length', String(length)],
]

describe('the call', () => {
  test('W01: the application is called once, with two arguments, whatever it calls them', async () => {
    const calls: number[] = []
    const outcome = await outcomeOf((...values: unknown[]) => {
      calls.push(values.length)
      ;(values[1] as StartResponse)('200 OK', TEXT)
      return 'x'
    })
    expect(calls).toEqual([2])
    expect(outcome).toMatchObject({ status: '200 OK', body: 'x', length: 1, end: 'whole' })
  })

  test.each([
    [
      'a function',
      function app(_: unknown, sr: StartResponse) {
        sr('200 OK', TEXT)
        return 'x'
      },
    ],
    [
      'an arrow function',
      (_: unknown, sr: StartResponse) => {
        sr('200 OK', TEXT)
        return 'x'
      },
    ],
    [
      'an async function',
      async (_: unknown, sr: StartResponse) => {
        sr('200 OK', TEXT)
        return 'x'
      },
    ],
    [
      'a generator function',
      function* (_: unknown, sr: StartResponse) {
        sr('200 OK', TEXT)
        yield 'x'
      },
    ],
    [
      'an async generator function',
      async function* (_: unknown, sr: StartResponse) {
        sr('200 OK', TEXT)
        yield 'x'
      },
    ],
    [
      'a bound method',
      function (this: { body: string }, _: unknown, sr: StartResponse) {
        sr('200 OK', TEXT)
        return this.body
      }.bind({ body: 'x' }),
    ],
  ])('W54: the application may be %s', async (_name, app) => {
    expect(await outcomeOf(app)).toMatchObject({ status: '200 OK', body: 'x', end: 'whole' })
  })

  test('W58: two requests share neither environ nor startResponse nor input', async () => {
    const seen: unknown[][] = []
    const app = (environ: unknown, sr: StartResponse) => {
      seen.push([environ, sr, (environ as Record<string, unknown>)['wsgi.input']])
      sr('200 OK', TEXT)
      return ''
    }
    await outcomeOf(app)
    await outcomeOf(app)
    for (const i of [0, 1, 2]) expect(seen[0][i]).not.toBe(seen[1][i])
  })
})

describe('startResponse', () => {
  test('W21: it takes its arguments by position and returns write', async () => {
    let write: Write | undefined
    const outcome = await outcomeOf((_, startResponse) => {
      write = startResponse('201 Created', [['X-A', '1']])
      return ''
    })
    expect(write).toBeTypeOf('function')
    expect(outcome).toMatchObject({ status: '201 Created', lines: 'X-A: 1\r\n', length: 0 })
  })

  test('W25: a second call without an error is an error in the application', async () => {
    let code = ''
    const outcome = await outcomeOf((_, startResponse) => {
      startResponse('200 OK', TEXT)
      try {
        startResponse('404 Not Found', TEXT)
      } catch (error) {
        code = (error as { code: string }).code
      }
      return 'x'
    })
    expect(code).toBe('ERR_START_TWICE')
    expect(outcome.status).toBe('200 OK')
  })

  test('W25: the second call answers 500 if the application does not catch it', async () => {
    const { host } = start((_, startResponse) => {
      startResponse('200 OK', TEXT)
      startResponse('200 OK', TEXT)
      return 'x'
    })
    expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
    expect(host.errors).toHaveLength(1)
  })

  test('W26 J03: with an error and nothing sent, status and headers are replaced', async () => {
    const outcome = await outcomeOf((_, startResponse) => {
      startResponse('200 OK', withLength(100))
      startResponse('503 Down', [['X-B', '2']], new Error('down'))
      return 'down'
    })
    expect(outcome).toMatchObject({
      status: '503 Down',
      lines: 'X-B: 2\r\n',
      length: 4,
      body: 'down',
    })
  })

  test('W27 J03: with an error and something sent, that same error is thrown and the response is cut', async () => {
    const error = new RangeError('too late')
    let thrown: unknown
    const { host } = start(function* (_, startResponse) {
      startResponse('200 OK', TEXT)
      yield 'a'
      try {
        startResponse('500 Oops', [], error)
      } catch (caught) {
        thrown = caught
        throw caught
      }
    })
    expect(await host.outcome()).toMatchObject({ body: 'a', end: 'cut' })
    expect(thrown).toBe(error)
    expect(host.errors).toEqual([{ message: 'the application failed', error }])
  })

  test('W28: an empty block sends nothing, so the response can still be replaced', async () => {
    const outcome = await outcomeOf(function* (_, startResponse) {
      const write = startResponse('200 OK', TEXT)
      write('')
      yield ''
      yield Buffer.alloc(0)
      startResponse('500 Oops', TEXT, new Error('late'))
      yield 'e'
    })
    expect(outcome).toMatchObject({ status: '500 Oops', body: 'e', blocks: ['e'] })
  })

  test('W29: it may be called late, in the iterator, before the first block', async () => {
    const outcome = await outcomeOf(function* (_, startResponse) {
      yield ''
      startResponse('202 Accepted', TEXT)
      yield 'late'
    })
    expect(outcome).toMatchObject({ status: '202 Accepted', body: 'late', end: 'whole' })
  })

  test.each([
    [
      'a block of a generator',
      function* () {
        yield 'abc'
      },
    ],
    ['an array', () => ['abc']],
    ['an empty array', () => []],
    ['text', () => 'abc'],
    ['a large array', () => ['x'.repeat(70_000)]],
    ['an empty generator', function* () {}],
  ])('W29: %s without a call of it answers 500', async (_name, app) => {
    const { host } = start(app as never)
    const outcome = await host.outcome()
    expect(outcome).toMatchObject({ status: '500 Internal Server Error', end: 'whole' })
    expect(outcome.body).not.toContain('abc')
    expect(host.errors[0].error).toMatchObject({ code: 'ERR_NO_START' })
  })

  test.each([
    ['a third argument of undefined', undefined],
    ['a third argument of null', null],
  ])('W26: %s is no error', async (_name, error) => {
    const outcome = await outcomeOf((_, startResponse) => {
      startResponse('200 OK', TEXT, error)
      return 'x'
    })
    expect(outcome.status).toBe('200 OK')
  })

  test('W24: the list of headers stays as it was and belongs to the application again', async () => {
    const headers: [string, string][] = [
      ['X-A', '1'],
      ['Connection', 'close'],
      ['Content-Length', '1'],
    ]
    const before = structuredClone(headers)
    const host = new MemoryHost()
    const run = start(
      (_, startResponse) => {
        startResponse('200 OK', headers)
        expect(headers).toEqual(before)
        headers[0][1] = '2'
        headers.length = 0
        return 'x'
      },
      {},
      host,
    )
    expect(await run.host.outcome()).toMatchObject({ lines: 'X-A: 1\r\n', length: 1, body: 'x' })
  })

  test('W59: it throws when the response is over', async () => {
    let kept: StartResponse = () => () => true
    await outcomeOf((_, startResponse) => {
      kept = startResponse
      startResponse('200 OK', TEXT)
      return 'x'
    })
    expect(() => kept('200 OK', TEXT)).toThrow(
      expect.objectContaining({ code: 'ERR_RESPONSE_ENDED' }),
    )
    expect(() => kept('200 OK', TEXT, new Error())).toThrow('the response is over')
  })
})

describe('write', () => {
  test('W31: its data goes out before it returns, and before the result', async () => {
    const host = new MemoryHost()
    start(
      (_, startResponse) => {
        const write = startResponse('200 OK', TEXT)
        write('a')
        expect(host.blocks).toEqual(['a'])
        write(Buffer.from('b'))
        expect(host.blocks).toEqual(['a', 'b'])
        return ['c']
      },
      {},
      host,
    )
    expect(await host.outcome()).toMatchObject({
      blocks: ['a', 'b', 'c'],
      length: -1,
      end: 'whole',
    })
  })

  test('W31: called while the result is iterated, nothing is lost', async () => {
    const outcome = await outcomeOf(function* (_, startResponse) {
      const write = startResponse('200 OK', TEXT)
      yield 'a'
      write('b')
      yield 'c'
    })
    expect(outcome).toMatchObject({ body: 'abc', end: 'whole' })
  })

  test('W31: text and bytes after it join it whatever the result is', async () => {
    for (const result of ['b', Buffer.from('b'), ['b'], [''], []]) {
      const outcome = await outcomeOf((_, startResponse) => {
        startResponse('200 OK', TEXT)('a')
        return result as string
      })
      expect(outcome.body).toBe(result[0] === 'b' || result[0] === 0x62 ? 'ab' : 'a')
      expect(outcome.end).toBe('whole')
    }
  })

  test.each([[5], [null], [undefined], [['x']], [{}], [new ArrayBuffer(2)]])(
    'W30: %j as a block is a TypeError in the application, 500 for the client',
    async (block) => {
      let thrown: unknown
      const { host } = start((_, startResponse) => {
        const write = startResponse('200 OK', TEXT)
        try {
          write(block as never)
        } catch (error) {
          thrown = error
          throw error
        }
        return 'x'
      })
      expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
      expect(thrown).toBeInstanceOf(TypeError)
    },
  )

  test('W59: it throws when the response is over, and sends nothing', async () => {
    let kept: Write = () => true
    const { host } = start((_, startResponse) => {
      kept = startResponse('200 OK', withLength(1))
      return 'a'
    })
    await host.outcome()
    expect(() => kept('b')).toThrow(expect.objectContaining({ code: 'ERR_RESPONSE_ENDED' }))
    expect(host.soFar().body).toBe('a')
  })

  test('W59: it throws when the client has gone', () => {
    let kept: Write = () => true
    const { host, exchange } = start((_, startResponse) => {
      kept = startResponse('200 OK', TEXT)
      return new Promise(() => {})
    })
    kept('a')
    exchange.aborted()
    expect(() => kept('b')).toThrow('the response is over')
    expect(host.soFar()).toMatchObject({ body: 'a', end: 'open' })
  })

  test('J05: it returns false while the client is slow', async () => {
    const host = new MemoryHost({ highWaterBytes: 10 })
    const answers: boolean[] = []
    start(
      (_, startResponse) => {
        const write = startResponse('200 OK', TEXT)
        answers.push(write('fast'))
        host.stalled = true
        answers.push(write('x'.repeat(11)))
        return []
      },
      {},
      host,
    )
    expect(answers).toEqual([true, false])
    expect(await host.outcome()).toMatchObject({ end: 'whole' })
  })
})

test('W42: hop-by-hop fields are dropped and told once', async () => {
  const host = new MemoryHost()
  start(
    (_, startResponse) => {
      startResponse('200 OK', [
        ['Connection', 'close'],
        ['X-A', '1'],
        ['TE', 'x'],
        ['connection', 'x'],
      ])
      return ''
    },
    {},
    host,
  )
  expect((await host.outcome()).lines).toBe('X-A: 1\r\n')
  expect(host.dropped).toEqual(['connection', 'te'])
  await turn()
})
