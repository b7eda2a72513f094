// Long blocks: handed over in parts as the client takes them, so that what waits for a slow client
// stays small, and a block is the application's again when the next one is asked for.
import { describe, expect, test } from 'vitest'
import { PART_BYTES } from '../../src/gateway/blocks.js'
import type { GatewayApp, Write } from '../../src/gateway/types.js'
import { FLAG_HEAD } from '../../src/native/layout.js'
import { MemoryHost, start, turn } from '../support/memory-host.js'
import { answer, CountedIterable, TEXT } from '../support/results.js'

const LONG = 3 * PART_BYTES + 5
const text = (letter: string, size = LONG) => letter.repeat(size)

function stalledHost(): MemoryHost {
  const host = new MemoryHost({ highWaterBytes: PART_BYTES - 1 })
  host.stalled = true
  return host
}

describe('a long block', () => {
  test.each<[string, () => unknown, number]>([
    ['text', () => text('a'), LONG],
    ['bytes', () => Buffer.alloc(LONG, 'a'), LONG],
    ['a block of an array', () => [text('a')], LONG],
    ['a promise of bytes', async () => Buffer.alloc(LONG, 'a'), LONG],
    ['a block of a generator', () => [text('a')].values(), -1],
  ])('J01 W36: %s comes whole, in parts', async (_name, result, length) => {
    const { host } = start(answer(result))
    const outcome = await host.outcome()
    expect(outcome).toMatchObject({ length, end: 'whole' })
    expect(outcome.body === text('a')).toBe(true)
    expect(outcome.blocks.map((block) => block.length)).toEqual([
      PART_BYTES,
      PART_BYTES,
      PART_BYTES,
      5,
    ])
  })

  test('J05: no more of it is handed over than the client takes', async () => {
    const host = stalledHost()
    const { exchange } = start(
      answer(() => text('a')),
      {},
      host,
    )
    await turn()
    expect(host.blocks).toHaveLength(1)
    expect(exchange.done).toBe(false)
    host.catchUp()
    expect(await host.outcome()).toMatchObject({ length: LONG, end: 'whole' })
  })

  test('W32: the next block is not asked for before the last part is handed over', async () => {
    const host = stalledHost()
    const result = new CountedIterable(text('a'), 'b')
    start(
      answer(() => result),
      {},
      host,
    )
    await turn()
    expect(result.pulled).toBe(1)
    host.catchUp()
    expect((await host.outcome()).body === `${text('a')}b`).toBe(true)
  })

  test('W31 W33: write() while it is on its way goes behind it, not into it', async () => {
    const host = stalledHost()
    let write: Write = () => true
    start(
      (_, startResponse) => {
        write = startResponse('200 OK', TEXT)
        return [text('a'), 'c'].values()
      },
      {},
      host,
    )
    expect(write('b')).toBe(false)
    host.catchUp()
    expect((await host.outcome()).body === `${text('a')}bc`).toBe(true)
  })

  test('W34: the client goes in the middle of it: closed once, and no more is sent', async () => {
    const host = stalledHost()
    const result = new CountedIterable(text('a'), 'b')
    const { exchange } = start(
      answer(() => result),
      {},
      host,
    )
    exchange.aborted()
    host.catchUp()
    await turn()
    expect([result.pulled, result.returned, result.closed]).toEqual([1, 1, 1])
    expect(host.blocks).toHaveLength(1)
  })

  test.each<[string, (bytes: Uint8Array) => unknown]>([
    ['whole', (bytes) => bytes],
    ['from a generator', (bytes) => [bytes].values()],
  ])('W46: %s, and transferred while it is sent: cut and logged', async (_name, result) => {
    const host = stalledHost()
    const bytes = new Uint8Array(LONG)
    start(
      answer(() => result(bytes)),
      {},
      host,
    )
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    host.catchUp()
    expect(await host.outcome()).toMatchObject({ end: 'cut' })
    expect(host.errors).toMatchObject([
      { error: { message: expect.stringContaining('transferred or resized while it was being') } },
    ])
  })

  test('W31: behind write() it is sent in parts too', async () => {
    const { host } = start((_, startResponse) => {
      startResponse('200 OK', TEXT)('b')
      return text('a')
    })
    expect((await host.outcome()).body === `b${text('a')}`).toBe(true)
    expect(host.blocks).toHaveLength(5)
  })

  test.each<[string, number, object]>([
    ['W38: more than Content-Length', LONG - 9, { length: LONG - 9, end: 'whole' }],
    ['W38: much more than it', 9, { length: 9, end: 'whole', body: 'aaaaaaaaa' }],
    ['W39: less than Content-Length', LONG + 9, { length: LONG + 9, end: 'cut' }],
  ])('%s: once in the log', async (_name, length, wanted) => {
    for (const result of [() => text('a'), () => [text('a')].values()]) {
      const { host } = start(answer(result, [['Content-Length', String(length)]]))
      const outcome = await host.outcome()
      expect(outcome).toMatchObject(wanted)
      expect(outcome.body.length).toBe(Math.min(length, LONG))
      expect(host.errors).toHaveLength(1)
    }
  })

  test('W40: HEAD gets its length and none of it', async () => {
    const { host } = start(
      answer(() => text('a')),
      { flags: FLAG_HEAD },
    )
    expect(await host.outcome()).toMatchObject({ length: LONG, body: '', end: 'whole' })
  })

  test.each(['204 No Content', '304 Not Modified'])('W41: %s drops it', async (status) => {
    const app: GatewayApp = (_, startResponse) => {
      startResponse(status, [])
      return text('a')
    }
    const { host } = start(app)
    expect(await host.outcome()).toMatchObject({ length: -1, body: '', end: 'whole' })
    expect(host.errors).toHaveLength(1)
  })

  test('W29: without startResponse it is an error like any other', async () => {
    for (const result of [text('a'), [text('a')].values()]) {
      const { host } = start(() => result as string)
      expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
    }
  })
})
