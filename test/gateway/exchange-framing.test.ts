// How much of a body there is: Content-Length kept to, none where none may be.
import { describe, expect, test } from 'vitest'
import { FLAG_HEAD } from '../../src/native/layout.js'
import { outcomeOf, start } from '../support/memory-host.js'
import { TEXT } from '../support/results.js'

const withLength = (length: number): [string, string][] => [
  ...TEXT,
  ['Content-Length', String(length)],
]

describe('Content-Length', () => {
  test('W38: what goes beyond it is not sent, and logged once', async () => {
    const bodies = [
      () => 'abcdef',
      () => [Buffer.from('abc'), 'def'],
      function* () {
        yield 'ab'
        yield 'cd'
        yield 'ef'
      },
    ]
    for (const body of bodies) {
      const { host } = start((_, startResponse) => {
        startResponse('200 OK', withLength(3))
        return body()
      })
      expect(await host.outcome()).toMatchObject({ body: 'abc', length: 3, end: 'whole' })
      expect(host.errors.map((line) => line.message)).toEqual([
        expect.stringContaining('more than its Content-Length of 3'),
      ])
    }
  })

  test('W38: write() beyond it is not sent either, and logged once', async () => {
    const { host } = start((_, startResponse) => {
      const write = startResponse('200 OK', withLength(3))
      for (let i = 0; i < 5; i++) write('ab')
      return []
    })
    expect(await host.outcome()).toMatchObject({ body: 'aba', end: 'whole' })
    expect(host.errors).toHaveLength(1)
  })

  test('W38: a generator is not asked again when its length is exceeded', async () => {
    let pulled = 0
    await outcomeOf(function* (_, startResponse) {
      startResponse('200 OK', withLength(3))
      for (;;) {
        pulled++
        yield 'ab'
      }
    })
    expect(pulled).toBe(2)
  })

  test('W39: less than it is sent, cut and logged', async () => {
    const bodies = [
      () => 'ab',
      () => ['a', 'b'],
      () => [],
      () => '',
      function* () {
        yield 'a'
        yield 'b'
      },
      function* () {},
    ]
    for (const body of bodies) {
      const { host } = start((_, startResponse) => {
        startResponse('200 OK', withLength(3))
        return body()
      })
      expect(await host.outcome()).toMatchObject({ length: 3, end: 'cut' })
      expect(host.errors).toHaveLength(1)
      expect(host.errors[0].message).toContain('Content-Length of 3')
    }
  })

  test('W36: a result that is known whole gets one', async () => {
    const bodies: [unknown, number][] = [
      ['abc', 3],
      ['é', 2],
      [Buffer.from('abc'), 3],
      [['abc'], 3],
      [['a', 'bc'], 3],
      [[''], 0],
      [[], 0],
      ['', 0],
      [['x'.repeat(70_000)], 70_000],
      [['x'.repeat(40_000), Buffer.alloc(40_000)], 80_000],
    ]
    for (const [body, length] of bodies) {
      const outcome = await outcomeOf((_, startResponse) => {
        startResponse('200 OK', TEXT)
        return body as string
      })
      expect(outcome).toMatchObject({ length, end: 'whole' })
    }
  })

  test('W37: a generator of unknown length has none', async () => {
    const outcome = await outcomeOf(function* (_, startResponse) {
      startResponse('200 OK', TEXT)
      yield 'abc'
    })
    expect(outcome).toMatchObject({ length: -1, body: 'abc', end: 'whole' })
  })
})

describe('responses without a body', () => {
  const results = [
    () => 'abc',
    () => ['abc'],
    () => ['a', 'bc'],
    () => ['x'.repeat(70_000)],
    function* () {
      yield 'abc'
      yield 'def'
    },
    async function* () {
      yield 'abc'
    },
    async () => 'abc',
  ]

  test.each(results.map((result, i) => [i, result] as const))(
    'W40: HEAD gets the head and no body, with the Content-Length of the application (%i)',
    async (_i, result) => {
      const outcome = await outcomeOf(
        (_, startResponse) => {
          startResponse('200 OK', withLength(3))
          return result() as never
        },
        { flags: FLAG_HEAD },
      )
      expect(outcome).toMatchObject({ status: '200 OK', body: '', length: 3, end: 'whole' })
    },
  )

  test('W40: the result of HEAD is closed', async () => {
    const closed: string[] = []
    await outcomeOf(
      function* (_, startResponse) {
        try {
          startResponse('200 OK', TEXT)
          for (;;) yield 'abc'
        } finally {
          closed.push('generator')
        }
      },
      { flags: FLAG_HEAD },
    )
    expect(closed).toEqual(['generator'])
  })

  test.each(['204 No Content', '304 Not Modified'])(
    'W41: %s has no body (204: no length), and a body that came anyway is logged',
    async (status) => {
      for (const result of results) {
        const { host } = start((_, startResponse) => {
          startResponse(status, [['X-A', '1']])
          return result() as never
        })
        expect(await host.outcome()).toMatchObject({ status, body: '', end: 'whole' })
        if (status.startsWith('204')) expect(host.soFar().length).toBe(-1)
        expect(host.errors).toHaveLength(1)
        expect(host.errors[0].message).toContain(status.slice(0, 3))
      }
    },
  )

  test('W41: 304 keeps the Content-Length that describes what was not sent', async () => {
    const outcome = await outcomeOf((_, startResponse) => {
      startResponse('304 Not Modified', withLength(1000))
      return []
    })
    expect(outcome).toMatchObject({ length: 1000, body: '' })
  })

  test('W41: 204 drops a Content-Length', async () => {
    const outcome = await outcomeOf((_, startResponse) => {
      startResponse('204 No Content', [['Content-Length', '0']])
      return []
    })
    expect(outcome).toMatchObject({ length: -1, body: '', end: 'whole' })
  })

  test('W41: without a body nothing is logged', async () => {
    for (const result of [() => '', () => [], () => [''], function* () {}]) {
      const { host } = start((_, startResponse) => {
        startResponse('204 No Content', [])
        return result()
      })
      await host.outcome()
      expect(host.errors).toEqual([])
    }
  })

  test('W41: an interim status cannot end a response', async () => {
    const { host } = start((_, startResponse) => {
      startResponse('103 Early Hints', [])
      return ''
    })
    expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
  })
})
