// The request body as an exchange gives it to wsgi.input.
import { describe, expect, test } from 'vitest'
import { Exchange } from '../../src/gateway/exchange.js'
import type { GatewayInput } from '../../src/gateway/input.js'
import type { Environ, GatewayApp, StartResponse } from '../../src/gateway/types.js'
import { MemoryHost, start, turn } from '../support/memory-host.js'
import { TEXT } from '../support/results.js'

describe('the body of the request', () => {
  const read: GatewayApp = (environ, startResponse) => {
    startResponse('200 OK', TEXT)
    return environ['wsgi.input'].read()
  }

  /** A request whose whole body stands in the memory of the round. */
  function startInline(app: (input: GatewayInput, startResponse: StartResponse) => unknown) {
    const host = new MemoryHost({ body: [] })
    host.inbox = Buffer.from('mine')
    const exchange = new Exchange(host, 1, 1, 0)
    exchange.setInline(0, 4)
    const environ = { 'wsgi.input': exchange.input } as Environ
    exchange.run((_, startResponse) => app(exchange.input, startResponse) as string, environ)
    return { host, exchange }
  }

  test('W15: a body that came whole is there at once, and once', async () => {
    const { host } = startInline(async (input, startResponse) => {
      startResponse('200 OK', TEXT)
      return [await input.read(), '|', await input.read()]
    })
    expect(await host.outcome()).toMatchObject({ body: 'mine|' })
  })

  test('W15: what was not read when the round ends is copied', async () => {
    const { host, exchange } = startInline(async (input, startResponse) => {
      startResponse('200 OK', TEXT)
      await turn()
      return input.read()
    })
    exchange.keepInline()
    host.inbox.write('your')
    expect(await host.outcome()).toMatchObject({ body: 'mine' })
  })

  test('W58 W59: input that is kept beyond the request gives no bytes of another', async () => {
    const { host, exchange } = startInline((_, startResponse) => {
      startResponse('200 OK', TEXT)
      return 'done'
    })
    expect(exchange.done).toBe(true)
    host.inbox.write('your')
    await expect(exchange.input.read()).rejects.toMatchObject({ code: 'ERR_BODY', status: 400 })
  })

  test('W15: reads wait for what is still coming', async () => {
    const { host, exchange } = start(read, { body: [Buffer.from('a'), undefined] })
    await turn()
    expect(host.soFar().end).toBe('open')
    host.feed(exchange, Buffer.from('b'), undefined)
    await turn()
    host.feed(exchange, null)
    expect(await host.outcome()).toMatchObject({ body: 'ab', end: 'whole' })
  })

  test('W34: a read that waits when the client goes is told', async () => {
    const told: unknown[] = []
    const { host, exchange } = start(
      async (environ) => {
        try {
          return await environ['wsgi.input'].read()
        } catch (error) {
          told.push(error)
          throw error
        }
      },
      { body: [undefined, [400, 'gone']] },
    )
    exchange.aborted()
    await turn()
    expect(told).toMatchObject([{ code: 'ERR_BODY', status: 400 }])
    expect(host.errors).toEqual([])
  })

  test('W59: a read that waits when the response ends is told, and so is every later one', async () => {
    for (const result of ['text', ['x'.repeat(70_000)], ['a'].values()]) {
      const told: unknown[] = []
      let input: GatewayInput | undefined
      const { host } = start(
        (environ, startResponse) => {
          input = environ['wsgi.input']
          input.read().catch((error) => told.push(error))
          startResponse('200 OK', TEXT)
          return result as string
        },
        { body: [Buffer.from('half'), undefined] },
      )
      await host.outcome()
      expect(told).toMatchObject([{ code: 'ERR_BODY', status: 400 }])
      await expect(input?.readline()).rejects.toMatchObject({ code: 'ERR_BODY' })
    }
  })

  test('W59: a read that fails because the response ended is no unhandled rejection', async () => {
    const unhandled: unknown[] = []
    const note = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', note)
    const { host } = start(
      (environ, startResponse) => {
        void environ['wsgi.input'].read()
        startResponse('403 Forbidden', TEXT)
        return 'no'
      },
      { body: [undefined] },
    )
    await host.outcome()
    await turn()
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })

  test('W52: trailers of a chunked body stand in lower case, repeated ones apart', () => {
    const { exchange } = start(read, { body: [] })
    exchange.addTrailers('X-A: 1\r\nx-b: two: parts\r\nX-A: 3\r\n')
    expect(exchange.trailers).toEqual([
      ['x-a', '1'],
      ['x-b', 'two: parts'],
      ['x-a', '3'],
    ])
  })
})
