// What an application may return, and when it is read.
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import type { Write } from '../../src/gateway/types.js'
import { MemoryHost, outcomeOf, start, turn } from '../support/memory-host.js'
import { answer, CountedAsync, CountedIterable, TEXT, withResolvers } from '../support/results.js'

function stream(...blocks: (string | Uint8Array)[]): ReadableStream<string | Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const block of blocks) controller.enqueue(block)
      controller.close()
    },
  })
}

function lost(): Uint8Array {
  const bytes = new Uint8Array(100)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}

class Both {
  private readonly sync: string
  private readonly async: string

  constructor(sync: string, async: string) {
    this.sync = sync
    this.async = async
  }

  *[Symbol.iterator]() {
    yield this.sync
  }

  async *[Symbol.asyncIterator]() {
    yield this.async
  }
}

describe('kinds of results', () => {
  test.each<[string, () => unknown, string]>([
    ['text, as UTF-8', () => 'é', 'Ã©'],
    ['a Buffer', () => Buffer.from('abc'), 'abc'],
    [
      'a Uint8Array that views a part',
      () => new Uint8Array(Buffer.from('xabcx')).subarray(1, 4),
      'abc',
    ],
    ['an array of text', () => ['a', 'b'], 'ab'],
    ['an array of bytes and text', () => [Buffer.from('a'), 'b', new Uint8Array([0x63])], 'abc'],
    [
      'a large array',
      () => ['x'.repeat(65_000), 'y'.repeat(1000)],
      'x'.repeat(65_000) + 'y'.repeat(1000),
    ],
    [
      'a generator',
      function* () {
        yield 'a'
        yield 'b'
      },
      'ab',
    ],
    [
      'an async generator',
      async function* () {
        yield 'a'
        await turn()
        yield 'b'
      },
      'ab',
    ],
    ['a Set', () => new Set(['a', 'b']), 'ab'],
    ['a web stream', () => stream('a', Buffer.from('b')), 'ab'],
    ['a promise of text', async () => 'abc', 'abc'],
    ['a promise of a promise of an array', async () => Promise.resolve(['a', 'b']), 'ab'],
    [
      'a promise of a generator',
      async () =>
        (function* () {
          yield 'a'
        })(),
      'a',
    ],
    ['a thenable', () => ({ then: (done: (body: string) => void) => done('abc') }), 'abc'],
    [
      'a thenable that calls back twice, and throws then',
      () => ({
        then(done: (body: unknown) => void) {
          done(stream('a'))
          done(stream('b'))
          throw new Error('c')
        },
      }),
      'a',
    ],
    ['bytes of another realm', () => runInNewContext('new Uint8Array([97])'), 'a'],
    ['a block of another realm', () => [runInNewContext('new Uint8Array([97])')].values(), 'a'],
    ['text of an iterable that is asynchronous too', () => new Both('sync', 'async'), 'async'],
    [
      'an iterator of promises of blocks',
      async function* () {
        yield Promise.resolve('a')
      },
      'a',
    ],
  ])('J01: %s', async (_name, result, body) => {
    expect(await outcomeOf(answer(result))).toMatchObject({ body, end: 'whole' })
  })

  test('W55: an object with next() only', async () => {
    let left = 2
    const result = { next: () => (left-- > 0 ? { value: 'a' } : { done: true }) }
    expect(await outcomeOf(answer(() => result))).toMatchObject({ body: 'aa', end: 'whole' })
  })

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['a function', () => 'abc'],
    ['a symbol', Symbol('abc')],
    ['true', true],
    ['an object that is not iterable', { a: 'abc' }],
    ['an ArrayBuffer', new ArrayBuffer(3)],
  ])('W55 J01: %s is no body: 500, and the log says what it was', async (_name, result) => {
    const { host } = start(answer(() => result))
    expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
    expect(host.errors[0].error).toBeInstanceOf(TypeError)
  })

  test.each<[unknown, string]>([
    [undefined, 'returned undefined instead of a body (is a return missing?)'],
    [5, 'returned a number instead of a body'],
    [{}, 'returned an object instead of a body, which is not iterable'],
    [
      new Response('a'),
      'returned a Response instead of a body: call startResponse with its status',
    ],
    [new Blob(['a']), 'returned a Blob instead of a body: return its stream()'],
    [new ArrayBuffer(1), 'returned an ArrayBuffer instead of a body: wrap it in a Uint8Array'],
    [new DataView(new ArrayBuffer(1)), 'returned a DataView instead of a body: wrap it in'],
    [new Uint16Array(1), 'returned an Uint16Array instead of a body: wrap it in a Uint8Array'],
    [[new ArrayBuffer(1)], 'a body block is text or bytes, not an ArrayBuffer'],
    [new Map([['a', 'b']]), 'a body block is text or bytes, not an array'],
    [[undefined], 'a body block is text or bytes, not undefined'],
  ])('W55: %j: the error says what it is and what was meant', async (result, message) => {
    const { host } = start(answer(() => result))
    await host.outcome()
    expect((host.errors[0].error as Error).message).toContain(message)
  })

  test('W55: a result that throws when it is looked at is an error like any other', async () => {
    const hostile = () => {
      throw new Error('do not touch')
    }
    const result = new Proxy({}, { get: hostile, has: hostile, getPrototypeOf: hostile })
    const { host } = start(answer(() => result))
    expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
  })

  test.each<[string, () => unknown]>([
    ['whole', () => lost()],
    ['in an array', () => [lost()]],
    ['in a generator', () => [lost()].values()],
  ])('W30: bytes %s whose memory was transferred are lost, not empty: 500', async (_name, make) => {
    const { host } = start(answer(make))
    expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
    expect((host.errors[0].error as Error).message).toContain('lost its memory')
  })

  test('W30: next() that gives no object: 500, and the log says so', async () => {
    for (const step of [undefined, null, 'a']) {
      const { host } = start(answer(() => ({ next: () => step })))
      expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
      expect((host.errors[0].error as Error).message).toContain('an object with done and value')
    }
  })

  test('W36 W38: the length of a large array of text is that of its bytes', async () => {
    const { host } = start(answer(() => ['\u20ac'.repeat(30_000), 'x'.repeat(40_000)]))
    const { length, body, end } = await host.outcome()
    expect([length, body.length, end]).toEqual([130_000, 130_000, 'whole'])
    expect(host.errors).toEqual([])
  })

  test.each<[string, unknown]>([
    ['a number in an array', ['a', 5]],
    ['null in an array', [null]],
    ['an array in an array', [['a']]],
    ['a hole', new Array(1)],
    [
      'a number from a generator',
      (function* () {
        yield 5
      })(),
    ],
  ])('W30: %s is no block: 500 if nothing was sent', async (_name, result) => {
    const { host } = start(answer(() => result))
    expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
    expect(host.errors).toHaveLength(1)
  })

  test('W30: a block that is none, behind one that was sent, cuts the response', async () => {
    const { host } = start(answer(() => ['a', null][Symbol.iterator]()))
    expect(await host.outcome()).toMatchObject({ body: 'a', end: 'cut' })
  })
})

describe('order', () => {
  test('W33: blocks go out in their order, one at a time, and none is skipped', async () => {
    const outcome = await outcomeOf(
      answer(function* () {
        for (let i = 0; i < 5; i++) yield String(i)
      }),
    )
    expect(outcome.blocks).toEqual(['0', '1', '2', '3', '4'])
  })

  test('W32: the next block is not asked for before this one is handed over', async () => {
    const host = new MemoryHost()
    const seen: number[] = []
    start(
      answer(function* () {
        for (let i = 0; i < 3; i++) {
          seen.push(host.blocks.length)
          yield 'x'
        }
      }),
      {},
      host,
    )
    await host.outcome()
    expect(seen).toEqual([0, 1, 2])
  })

  test('W32: a block goes out while the generator waits for the next one', async () => {
    const gate = withResolvers()
    const host = new MemoryHost()
    start(
      answer(async function* () {
        yield 'a'
        await gate.promise
        yield 'b'
      }),
      {},
      host,
    )
    await turn()
    expect(host.soFar()).toMatchObject({ body: 'a', end: 'open' })
    gate.resolve()
    expect(await host.outcome()).toMatchObject({ blocks: ['a', 'b'], end: 'whole' })
  })
})

describe('back-pressure', () => {
  test.each([
    ['a generator', () => new CountedIterable(...Array(100).fill('x'.repeat(10)))],
    ['an async iterable', () => new CountedAsync(...Array(100).fill('x'.repeat(10)))],
  ])('J05: %s is not asked while the client is behind', async (_name, make) => {
    const host = new MemoryHost({ highWaterBytes: 25 })
    host.stalled = true
    const result = make()
    start(
      answer(() => result),
      {},
      host,
    )
    await turn()
    await turn()
    expect(result.pulled).toBe(3)
    expect(host.isAwaited).toBe(true)
    host.catchUp()
    expect(await host.outcome()).toMatchObject({ body: 'x'.repeat(1000), end: 'whole' })
    expect([result.returned, result.closed]).toEqual([1, 1])
  })

  test('J05: write() that overtakes the client holds back the result behind it', async () => {
    const host = new MemoryHost({ highWaterBytes: 5 })
    host.stalled = true
    const result = new CountedIterable('b')
    start(
      (_, startResponse) => {
        startResponse('200 OK', TEXT)('too much')
        return result as never
      },
      {},
      host,
    )
    await turn()
    expect(result.pulled).toBe(0)
    host.catchUp()
    expect(await host.outcome()).toMatchObject({ body: 'too muchb', end: 'whole' })
  })

  test('J05: the client goes while it is behind: closed once, never asked again', async () => {
    const host = new MemoryHost({ highWaterBytes: 5 })
    host.stalled = true
    const result = new CountedIterable(...Array(100).fill('too much'))
    const { exchange } = start(
      answer(() => result),
      {},
      host,
    )
    exchange.aborted()
    host.catchUp()
    await turn()
    expect([result.pulled, result.returned, result.closed]).toEqual([1, 1, 1])
  })

  test('J05: write() during a pause does not stop what comes behind it', async () => {
    const host = new MemoryHost({ highWaterBytes: 5 })
    host.stalled = true
    let write: Write = () => true
    start(
      (_, startResponse) => {
        write = startResponse('200 OK', TEXT)
        return ['too much', 'b'][Symbol.iterator]()
      },
      {},
      host,
    )
    host.stalled = false
    host.waitingBytes = 0
    write('-')
    host.catchUp()
    expect(await host.outcome()).toMatchObject({ body: 'too much-b', end: 'whole' })
  })

  // The engine says 0 waiting bytes for a client that has gone: only the event loop tells it.
  test.each([
    [
      'a generator',
      function* () {
        for (;;) yield 'x'.repeat(16_384)
      },
    ],
    [
      'an async generator',
      async function* () {
        for (;;) yield 'x'.repeat(16_384)
      },
    ],
  ])(
    'J05: %s without end lets the event loop run, whatever the client takes',
    async (_name, result) => {
      const host = new MemoryHost()
      host.write = () => 0
      const { exchange } = start(answer(result), {}, host)
      await turn()
      exchange.aborted()
      await turn()
      expect(exchange.done).toBe(true)
    },
  )
})
