// What an application does wrong, and what the client and the log get to see of it.
import { describe, expect, test } from 'vitest'
import { GatewayError } from '../../src/errors.js'
import type { GatewayApp, StartResponse } from '../../src/gateway/types.js'
import { MemoryHost, outcomeOf, start, turn } from '../support/memory-host.js'

import { TEXT } from '../support/results.js'

const wrong = new Error('secret')

function fail(): never {
  throw wrong
}

describe('before anything is sent', () => {
  const ways: [string, GatewayApp][] = [
    ['a throw', fail],
    ['a rejected promise', async () => fail()],
    [
      'a throw after startResponse',
      (_, startResponse) => {
        startResponse('200 OK', [['Content-Length', '5']])
        return fail()
      },
    ],
    [
      'a throw in the first step of a generator',
      function* () {
        yield fail()
      },
    ],
    [
      'a throw in the first step of an async generator',
      async function* () {
        yield fail()
      },
    ],
    [
      'a throw after empty blocks',
      function* (_, startResponse) {
        startResponse('200 OK', TEXT)
        yield ''
        fail()
      },
    ],
    [
      'a web stream that fails',
      (_, startResponse) => {
        startResponse('200 OK', TEXT)
        return new ReadableStream({ pull: () => fail() })
      },
    ],
    ['an iterator that cannot be made', () => ({ [Symbol.iterator]: fail }) as never],
    ['a thenable whose then throws', () => ({ then: fail }) as never],
    [
      'a getter that throws',
      () =>
        ({
          get then() {
            return fail()
          },
        }) as never,
    ],
  ]

  test.each(ways)('W45 J06: %s answers 500 and is logged with its stack', async (_name, app) => {
    const { host } = start(app)
    const outcome = await host.outcome()
    expect(outcome).toMatchObject({
      status: '500 Internal Server Error',
      body: '500 Internal Server Error\n',
      end: 'whole',
    })
    expect(host.errors).toEqual([{ message: 'the application failed', error: wrong }])
  })

  test('W45: the length of the response that failed is not kept', async () => {
    const outcome = await outcomeOf((_, startResponse) => {
      startResponse('200 OK', [['Content-Length', '5']])
      return fail()
    })
    expect(outcome.length).toBe(outcome.body.length)
  })

  test('W45: with dev the page has the stack', async () => {
    const outcome = await outcomeOf(fail, { dev: true })
    expect(outcome.body).toContain('secret')
    expect(outcome.body).toContain('exchange-errors.test.ts')
  })

  test.each([
    [undefined],
    [null],
    [0],
    ['text'],
    [Symbol('symbol')],
    [Object.create(null)],
    [new Proxy({}, { get: fail, getPrototypeOf: fail })],
  ])('W57: whatever is thrown is an error (%#)', async (thrown) => {
    for (const dev of [false, true]) {
      const { host } = start(
        () => {
          throw thrown
        },
        { dev },
      )
      expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
      expect(host.errors).toHaveLength(1)
    }
  })

  test.each([
    [400, '400 Bad Request'],
    [404, '404 Not Found'],
    [408, '408 Request Timeout'],
    [413, '413 '],
    [431, '431 Request Header Fields Too Large'],
  ])('W45: a GatewayError with status %i is the client’s, and not logged', async (status, line) => {
    const { host } = start(
      () => {
        throw new GatewayError('ERR_TEST', 'secret', status)
      },
      { dev: true },
    )
    const outcome = await host.outcome()
    expect(outcome.status.startsWith(line)).toBe(true)
    expect(outcome.body).not.toContain('secret')
    expect(host.errors).toEqual([])
  })

  test.each([[200], [99], [700], [Number.NaN], [undefined]])(
    'W45: a GatewayError with status %j is 500 and logged',
    async (status) => {
      const { host } = start(() => {
        throw Object.assign(new GatewayError('ERR_TEST', 'secret'), { status })
      })
      expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
      expect(host.errors).toHaveLength(1)
    },
  )
})

describe('behind what was sent', () => {
  const ways: [string, GatewayApp][] = [
    [
      'a generator',
      function* (_, startResponse) {
        startResponse('200 OK', TEXT)
        yield 'a'
        fail()
      },
    ],
    [
      'an async generator',
      async function* (_, startResponse) {
        startResponse('200 OK', TEXT)
        yield 'a'
        await turn()
        fail()
      },
    ],
    [
      'write() and a throw',
      (_, startResponse) => {
        startResponse('200 OK', TEXT)('a')
        return fail()
      },
    ],
    [
      'write() and a rejected promise',
      async (_, startResponse) => {
        startResponse('200 OK', TEXT)('a')
        await turn()
        return fail()
      },
    ],
  ]

  test.each(ways)(
    'W46 J06: %s that fails cuts the response and is logged once',
    async (_name, app) => {
      const { host } = start(app)
      expect(await host.outcome()).toMatchObject({ status: '200 OK', body: 'a', end: 'cut' })
      expect(host.errors).toEqual([{ message: 'the application failed', error: wrong }])
    },
  )

  test('W46: write() and no result that can be sent cuts the response', async () => {
    const { host } = start((_, startResponse) => {
      startResponse('200 OK', TEXT)('a')
      return undefined as never
    })
    expect(await host.outcome()).toMatchObject({ body: 'a', end: 'cut' })
  })

  test('W46: with its whole Content-Length sent the response stays as it is', async () => {
    const { host } = start(function* (_, startResponse) {
      startResponse('200 OK', [['Content-Length', '1']])
      yield 'a'
      fail()
    })
    expect(await host.outcome()).toMatchObject({ body: 'a' })
    expect(host.errors).toHaveLength(1)
  })
})

describe('when the client has gone', () => {
  test('W34: what the application then fails with is not logged', async () => {
    const { host, exchange } = start(async () => {
      await turn()
      return fail()
    })
    exchange.aborted()
    await turn()
    await turn()
    expect(host.errors).toEqual([])
    expect(host.soFar().end).toBe('open')
  })

  test('W34: what it returns is not sent', async () => {
    for (const result of ['text', ['array'], Buffer.from('bytes')]) {
      const { host, exchange } = start(async (_, startResponse) => {
        startResponse('200 OK', TEXT)
        await turn()
        return result
      })
      exchange.aborted()
      await turn()
      await turn()
      expect(host.soFar()).toMatchObject({ status: '', end: 'open' })
    }
  })
})

describe('bad heads', () => {
  test.each([
    ['200 OK\r\nX-Evil: 1'],
    ['200 OK\n'],
    ['2000 OK'],
    [''],
    [200 as unknown as string],
    [null as unknown as string],
    [Buffer.from('200 OK') as unknown as string],
  ])('W22: the status %j is an error, and nothing of it is sent', async (status) => {
    const { host } = start((_, startResponse) => {
      startResponse(status, TEXT)
      return 'x'
    })
    const outcome = await host.outcome()
    expect(outcome).toMatchObject({ status: '500 Internal Server Error', end: 'whole' })
    expect(outcome.lines).not.toContain('Evil')
    expect(host.errors[0].error).toMatchObject({ code: 'ERR_BAD_STATUS' })
  })

  test('W23: a bad header is an error in the application, and it may answer another way', async () => {
    const outcome = await outcomeOf((_, startResponse) => {
      try {
        startResponse('200 OK', [['X-A', 'a\r\nX-Evil: 1']])
      } catch {
        startResponse('400 Bad Request', TEXT)
      }
      return 'x'
    })
    expect(outcome).toMatchObject({ status: '400 Bad Request', body: 'x' })
  })
})

test('W56: an application that failed leaves nothing behind for the next request', async () => {
  const host = new MemoryHost()
  start(fail, {}, host)
  await host.outcome()
  const next = new MemoryHost()
  start(
    (_: unknown, startResponse: StartResponse) => {
      startResponse('200 OK', TEXT)
      return 'fine'
    },
    {},
    next,
  )
  expect(await next.outcome()).toMatchObject({ body: 'fine', end: 'whole' })
})
