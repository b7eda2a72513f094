// That every result is closed, once, however its request ends.
import { Readable } from 'node:stream'
import { describe, expect, test, vi } from 'vitest'
import type { Write } from '../../src/gateway/types.js'
import { FLAG_HEAD } from '../../src/native/layout.js'
import { MemoryHost, outcomeOf, start, turn } from '../support/memory-host.js'
import {
  answer,
  Counted,
  CountedAsync,
  CountedIterable,
  TEXT,
  withResolvers,
} from '../support/results.js'

describe('close', () => {
  test('W34 J04: close() and return() run once each when the result is at its end', async () => {
    for (const result of [
      new CountedIterable('a', 'b'),
      new CountedAsync('a', 'b'),
      new Counted('a'),
    ]) {
      await outcomeOf(answer(() => result))
      expect([result.returned, result.closed]).toEqual([1, 1])
    }
  })

  test('W34 J04: … when the iterator throws', async () => {
    for (const result of [
      new CountedIterable('a', new Error('no')),
      new CountedAsync(new Error('no')),
    ]) {
      await outcomeOf(answer(() => result))
      expect([result.returned, result.closed]).toEqual([1, 1])
    }
  })

  test('W34 J04: … when a block is none', async () => {
    for (const result of [
      new CountedIterable('a', 5),
      new CountedIterable(5),
      new CountedAsync(null),
    ]) {
      await outcomeOf(answer(() => result))
      expect([result.returned, result.closed]).toEqual([1, 1])
    }
  })

  test('W34 J04: … when startResponse was never called', async () => {
    const result = new CountedIterable('a')
    await outcomeOf(() => result as never)
    expect([result.returned, result.closed]).toEqual([1, 1])
  })

  test('W34 J04: … when the client goes away, and once only', async () => {
    const gate = withResolvers()
    const closed: string[] = []
    const { exchange, host } = start(
      answer(async function* () {
        try {
          yield 'a'
          await gate.promise
          yield 'b'
        } finally {
          closed.push('generator')
        }
      }),
    )
    await turn()
    exchange.aborted()
    exchange.aborted()
    gate.resolve()
    await turn()
    expect(closed).toEqual(['generator'])
    expect(host.soFar().body).toBe('a')
    expect(host.errors).toEqual([])
  })

  test.each<[string, () => { returned: number; closed: number }]>([
    ['an iterable', () => new CountedIterable('a')],
    ['an async iterable', () => new CountedAsync('a')],
    ['an iterator', () => new Counted('a')],
  ])('W34 J04: … when %s comes after the client has gone', async (_name, make) => {
    const result = make()
    const gate = withResolvers()
    const { exchange } = start(answer(() => gate.promise.then(() => result)))
    exchange.aborted()
    gate.resolve()
    await turn()
    expect([result.returned, result.closed]).toEqual([1, 1])
  })

  test('W34: a web stream is cancelled when the client goes, before or after it is read', async () => {
    for (const early of [true, false]) {
      const cancel = vi.fn()
      const gate = withResolvers()
      const body = new ReadableStream({ cancel, pull: (c) => c.enqueue('a') }, { highWaterMark: 0 })
      const host = new MemoryHost({ highWaterBytes: 1 })
      host.stalled = true
      const { exchange } = start(
        answer(() => gate.promise.then(() => body)),
        {},
        host,
      )
      if (early) exchange.aborted()
      gate.resolve()
      await turn()
      exchange.aborted()
      await turn()
      expect(cancel).toHaveBeenCalledTimes(1)
    }
  })

  test('W34: a web stream that waits for a block is cancelled at once', async () => {
    const cancel = vi.fn()
    const body = new ReadableStream({ start: (c) => c.enqueue('a'), cancel })
    const { host, exchange } = start(answer(() => body))
    await turn()
    expect(host.soFar().body).toBe('a')
    exchange.aborted()
    expect(cancel).toHaveBeenCalledTimes(1)
    await turn()
    expect(host.errors).toEqual([])
  })

  test('W34: a web stream that is at its end is not cancelled any more', async () => {
    const cancel = vi.fn()
    const body = new ReadableStream({ start: (c) => c.close(), cancel })
    await outcomeOf(answer(() => body))
    expect(cancel).not.toHaveBeenCalled()
  })

  test('W34: a stream of Node is destroyed when the client goes, also while it waits', async () => {
    for (const early of [true, false]) {
      const gate = withResolvers()
      const body = new Readable({ read() {} })
      const { host, exchange } = start(answer(() => gate.promise.then(() => body)))
      if (early) exchange.aborted()
      gate.resolve()
      await turn()
      exchange.aborted()
      await turn()
      expect(body.destroyed).toBe(true)
      expect(host.errors).toEqual([])
    }
  })

  test('W40: a stream of Node that is not sent is destroyed', async () => {
    const body = Readable.from(['a', 'b'])
    expect(
      await outcomeOf(
        answer(() => body),
        { flags: FLAG_HEAD },
      ),
    ).toMatchObject({ body: '' })
    expect(body.destroyed).toBe(true)
  })

  test('W34 W46: close() that still writes changes nothing of an error', async () => {
    let write: Write = () => true
    const result = {
      next: () => {
        throw new Error('first')
      },
      close: () => write('late'),
    }
    const { host } = start((_, startResponse) => {
      write = startResponse('200 OK', TEXT)
      return result as never
    })
    expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
    expect(host.errors.map(({ message }) => message)).toEqual([
      'the application failed',
      'close() of the result',
    ])
  })

  test('W34: a result with close() of any other kind is closed', async () => {
    const close = vi.fn()
    await outcomeOf(answer(() => Object.assign(['a'], { close })))
    await outcomeOf(answer(() => Object.assign(['x'.repeat(70_000)], { close })))
    await outcomeOf(answer(() => Object.assign([5], { close })))
    await outcomeOf(answer(() => Object.assign({}, { close })))
    expect(close).toHaveBeenCalledTimes(4)
  })

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('in close')
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('in close')
      },
    ],
  ])('W35: a close() that %s is logged and spoils nothing', async (_name, close) => {
    for (const method of ['close', 'return']) {
      const result = Object.assign(new CountedIterable('abc'), { [method]: close })
      const { host } = start(answer(() => result))
      expect(await host.outcome()).toMatchObject({ status: '200 OK', body: 'abc', end: 'whole' })
      expect(host.errors).toEqual([
        {
          message: `${method}() of the result`,
          error: expect.objectContaining({ message: 'in close' }),
        },
      ])
    }
  })
})
