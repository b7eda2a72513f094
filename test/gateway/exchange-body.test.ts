// What an application may return, in which order it is read, and that it is closed.
import { describe, expect, test, vi } from 'vitest'
import { Exchange } from '../../src/gateway/exchange.js'
import type { GatewayInput } from '../../src/gateway/input.js'
import type { Environ, GatewayApp, StartResponse, Write } from '../../src/gateway/types.js'
import { FLAG_HEAD } from '../../src/native/layout.js'
import { MemoryHost, outcomeOf, start, turn } from '../support/memory-host.js'

const TEXT: [string, string][] = [['Content-Type', 'text/plain']]

function answer(result: () => unknown, headers = TEXT): GatewayApp {
  return (_, startResponse) => {
    startResponse('200 OK', headers)
    return result() as string
  }
}

/** An iterator that counts what is done with it. */
class Counted {
  pulled = 0
  returned = 0
  closed = 0
  private readonly blocks: unknown[]

  constructor(...blocks: unknown[]) {
    this.blocks = blocks
  }

  next() {
    const block = this.blocks[this.pulled++]
    if (block instanceof Error) throw block
    return block === undefined ? { done: true, value: undefined } : { done: false, value: block }
  }

  return() {
    this.returned++
    return { done: true, value: undefined }
  }

  close() {
    this.closed++
  }
}

class CountedIterable extends Counted {
  [Symbol.iterator]() {
    return this
  }
}

class CountedAsync extends Counted {
  [Symbol.asyncIterator]() {
    return { next: async () => this.next(), return: async () => this.return() }
  }
}

function stream(...blocks: (string | Uint8Array)[]): ReadableStream<string | Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const block of blocks) controller.enqueue(block)
      controller.close()
    },
  })
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

function withResolvers() {
  let resolve: () => void = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

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

describe('file_wrapper', () => {
  function withFile(content: string, at = 0, regular = true) {
    const host = new MemoryHost()
    host.files.set(7, { bytes: Buffer.from(content), at, regular })
    const close = vi.fn()
    return { host, close, file: { fd: 7, close } }
  }
  const wrap =
    (file: object, headers = TEXT): GatewayApp =>
    (environ, startResponse) => {
      startResponse('200 OK', headers)
      return new environ['wsgi.file_wrapper'](file)
    }

  test('W48: a file is sent from its position, with its length', async () => {
    const { host, close, file } = withFile('0123456789', 4)
    start(wrap(file), {}, host)
    expect(await host.outcome()).toMatchObject({ body: '456789', length: 6, end: 'whole' })
    expect(close).toHaveBeenCalledTimes(1)
  })

  test('W48: no more than Content-Length, and that is no error', async () => {
    for (const regular of [true, false]) {
      const { host, close, file } = withFile('0123456789', 0, regular)
      start(wrap(file, [['Content-Length', '3']]), {}, host)
      expect(await host.outcome()).toMatchObject({ body: '012', length: 3, end: 'whole' })
      expect(close).toHaveBeenCalledTimes(1)
      expect(host.errors).toEqual([])
    }
  })

  test('W48: a file that is too short for Content-Length cuts the response', async () => {
    for (const content of ['0123', '']) {
      const { host, file } = withFile(content)
      start(wrap(file, [['Content-Length', '10']]), {}, host)
      expect(await host.outcome()).toMatchObject({ body: content, length: 10, end: 'cut' })
      expect(host.errors).toHaveLength(1)
    }
  })

  test('W47: what is no regular file is read in blocks', async () => {
    const { host, close, file } = withFile('x'.repeat(20_000), 0, false)
    start(wrap(file), {}, host)
    const outcome = await host.outcome()
    expect(outcome.blocks.map((block) => block.length)).toEqual([8192, 8192, 3616])
    expect(close).toHaveBeenCalledTimes(1)
  })

  test('W47: write() goes before the file', async () => {
    const { host, file } = withFile('file')
    start(
      (environ, startResponse) => {
        startResponse('200 OK', TEXT)('head:')
        return new environ['wsgi.file_wrapper'](file)
      },
      {},
      host,
    )
    expect(await host.outcome()).toMatchObject({ body: 'head:file', end: 'whole' })
  })

  test('W47 W40: HEAD sends its length and closes it', async () => {
    const { host, close, file } = withFile('0123456789')
    start(wrap(file), { flags: FLAG_HEAD }, host)
    expect(await host.outcome()).toMatchObject({ body: '', length: 10, end: 'whole' })
    expect(close).toHaveBeenCalledTimes(1)
  })

  test('W49: wrapped by middleware it is an ordinary iterable', async () => {
    const { host, close, file } = withFile('x'.repeat(10_000))
    start(
      async function* (environ, startResponse) {
        startResponse('200 OK', TEXT)
        const inner = new environ['wsgi.file_wrapper'](file)
        for await (const block of inner) yield Buffer.from(block).toString('latin1').toUpperCase()
        ;(inner as unknown as { close(): void }).close()
      },
      {},
      host,
    )
    expect(await host.outcome()).toMatchObject({
      body: 'X'.repeat(10_000),
      length: -1,
      end: 'whole',
    })
    expect(close).toHaveBeenCalledTimes(1)
  })

  test('W47 W34: a file is closed when the client goes away', () => {
    const host = new MemoryHost({ highWaterBytes: 1 })
    host.stalled = true
    const close = vi.fn()
    const { exchange } = start(wrap({ read: () => 'more', close }), {}, host)
    exchange.aborted()
    expect(close).toHaveBeenCalledTimes(1)
  })

  test('W29 W47: without startResponse: 500, and the file is closed', async () => {
    const { host, close, file } = withFile('abc')
    start((environ) => new environ['wsgi.file_wrapper'](file), {}, host)
    expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
    expect(close).toHaveBeenCalledTimes(1)
  })
})

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
      async (environ, startResponse) => {
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
