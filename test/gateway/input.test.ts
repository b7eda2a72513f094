// wsgi.input against a plain reference over the whole body, wherever its chunks are cut.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BodySource, GatewayInput } from '../../src/gateway/input.js'
import type { BodyEvent } from '../support/memory-host.js'
import { turn } from '../support/memory-host.js'

/** A body in pieces; `undefined` is a pause that ends in the next turn of the loop. */
class PiecewiseSource implements BodySource {
  reads = 0
  readonly input: GatewayInput
  private readonly events: BodyEvent[]

  constructor(events: readonly BodyEvent[]) {
    this.events = [...events]
    this.input = new GatewayInput(this)
  }

  readBody(): BodyEvent {
    this.reads++
    if (this.events.length === 0) return null
    const next = this.events.shift()
    if (next === undefined) setImmediate(() => GatewayInput.wake(this.input))
    return next
  }
}

function inputOf(...events: (BodyEvent | string)[]): GatewayInput {
  return new PiecewiseSource(events.map((e) => (typeof e === 'string' ? Buffer.from(e) : e))).input
}

/** What Python's io.BytesIO does. */
class Reference {
  private at = 0
  private readonly body: string
  constructor(body: string) {
    this.body = body
  }
  read(size?: number | null): string {
    const end = size == null || size < 0 ? this.body.length : this.at + size
    const part = this.body.slice(this.at, end)
    this.at += part.length
    return part
  }
  readline(size?: number | null): string {
    const lf = this.body.indexOf('\n', this.at)
    const line = lf < 0 ? this.body.length - this.at : lf + 1 - this.at
    return this.read(size == null || size < 0 ? line : Math.min(line, size))
  }
  readlines(hint?: number | null): string[] {
    const lines: string[] = []
    for (let bytes = 0; hint == null || hint <= 0 || bytes < hint; ) {
      const line = this.readline()
      if (line === '') break
      lines.push(line)
      bytes += line.length
    }
    return lines
  }
}

type Call = ['read' | 'readline' | 'readlines', number | null | undefined]
const plain = (value: Buffer | Buffer[]): unknown =>
  Array.isArray(value) ? value.map((line) => line.toString('latin1')) : value.toString('latin1')

async function perform(input: GatewayInput, calls: readonly Call[]): Promise<unknown[]> {
  const results: unknown[] = []
  for (const [method, size] of calls) results.push(plain(await input[method](size)))
  return results
}

function expected(body: string, calls: readonly Call[]): unknown[] {
  const reference = new Reference(body)
  return calls.map(([method, size]) => reference[method](size))
}

const BODY = 'abc\ndef\n\nghi'

/** Every way to cut a text in pieces. */
function* cuts(text: string): Generator<string[]> {
  for (let mask = 0; mask < 1 << (text.length - 1); mask++) {
    const pieces = ['']
    for (let i = 0; i < text.length; i++) {
      pieces[pieces.length - 1] += text[i]
      if ((mask >> i) & 1 && i < text.length - 1) pieces.push('')
    }
    yield pieces
  }
}

describe('sizes', () => {
  test.each<[string, Call[], unknown[]]>([
    ['read() gives all', [['read', undefined]], [BODY]],
    ['read(null) gives all', [['read', null]], [BODY]],
    ['read(-1) gives all', [['read', -1]], [BODY]],
    [
      'read(0) gives nothing and takes nothing',
      [
        ['read', 0],
        ['read', undefined],
      ],
      ['', BODY],
    ],
    [
      'read(n) gives n bytes',
      [
        ['read', 4],
        ['read', 2],
      ],
      ['abc\n', 'de'],
    ],
    ['read(n) over the end gives the rest', [['read', 100]], [BODY]],
    [
      'reading on behind the end gives nothing',
      [
        ['read', null],
        ['read', null],
        ['read', 5],
        ['readline', null],
      ],
      [BODY, '', '', ''],
    ],
    [
      'readline(null) and readline(-1) give a line',
      [
        ['readline', null],
        ['readline', -1],
      ],
      ['abc\n', 'def\n'],
    ],
    [
      'readline(n) gives a part of a line',
      [
        ['readline', 2],
        ['readline', 5],
      ],
      ['ab', 'c\n'],
    ],
    [
      'readline(0) gives nothing and takes nothing',
      [
        ['readline', 0],
        ['readline', null],
      ],
      ['', 'abc\n'],
    ],
    ['readlines() gives all lines', [['readlines', undefined]], [['abc\n', 'def\n', '\n', 'ghi']]],
    [
      'readlines(hint) stops at a line that reaches it',
      [
        ['readlines', 4],
        ['readlines', 5],
      ],
      [['abc\n'], ['def\n', '\n']],
    ],
    [
      'readlines(0) and readlines(-1) give all lines',
      [
        ['readlines', 0],
        ['readlines', -1],
      ],
      [['abc\n', 'def\n', '\n', 'ghi'], []],
    ],
  ])('W14 W16: %s', async (_name, calls, results) => {
    expect(expected(BODY, calls)).toEqual(results)
    expect(await perform(inputOf(BODY), calls)).toEqual(results)
  })

  test.each([['1'], [1.5], [Number.NaN], [{}], [true]])('W14: %j is no size', async (size) => {
    const input = inputOf('abc')
    for (const method of ['read', 'readline', 'readlines'] as const) {
      await expect((async () => input[method](size as never))()).rejects.toThrow(TypeError)
    }
    expect(plain(await input.read())).toBe('abc')
  })

  test('W16: without a body every call is at its end at once', async () => {
    const input = inputOf()
    expect(
      await perform(input, [
        ['read', null],
        ['readline', null],
        ['readlines', null],
      ]),
    ).toEqual(['', '', []])
  })
})

describe('chunk borders', () => {
  test.each<[string, Call[]]>([
    [
      'lines',
      [
        ['readline', null],
        ['readline', null],
        ['readline', null],
        ['readline', null],
        ['readline', null],
      ],
    ],
    ['all lines', [['readlines', null]]],
    ['parts of lines', Array.from({ length: 8 }, (): Call => ['readline', 2])],
    [
      'bytes',
      [
        ['read', 1],
        ['read', 5],
        ['read', 3],
        ['read', 10],
      ],
    ],
    ['all bytes', [['read', null]]],
    [
      'a mixture',
      [
        ['read', 2],
        ['readline', null],
        ['read', 1],
        ['readlines', 2],
        ['read', null],
      ],
    ],
  ])('W15: %s are the same wherever the body is cut', async (_name, calls) => {
    const results = expected(BODY, calls)
    for (const pieces of cuts(BODY))
      expect(await perform(inputOf(...pieces), calls)).toEqual(results)
  })

  const body = fc
    .array(fc.constantFrom('a', 'b', '\n', '\xff'), { maxLength: 60 })
    .map((c) => c.join(''))
  const size = fc.oneof(fc.constantFrom(undefined, null, -1, 0), fc.integer({ min: 1, max: 70 }))
  const calls = fc.array(
    fc.tuple(fc.constantFrom('read' as const, 'readline' as const, 'readlines' as const), size),
    { maxLength: 12 },
  )
  const pieceSizes = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 40 })

  /** Pieces of the sizes given; 0 is a pause. */
  function deliver(text: string, sizes: readonly number[]): BodyEvent[] {
    const events: BodyEvent[] = []
    let at = 0
    for (const size of sizes) {
      events.push(size === 0 ? undefined : Buffer.from(text.slice(at, at + size), 'latin1'))
      at += size
    }
    if (at < text.length) events.push(Buffer.from(text.slice(at), 'latin1'))
    return events.filter((event) => !Buffer.isBuffer(event) || event.length > 0)
  }

  test('W14 W15 W16: any calls on any body in any delivery do what Python does', async () => {
    await fc.assert(
      fc.asyncProperty(body, calls, pieceSizes, async (text, wanted, sizes) => {
        const { input } = new PiecewiseSource(deliver(text, sizes))
        expect(await perform(input, wanted)).toEqual(expected(text, wanted))
      }),
      { numRuns: 400 },
    )
  })

  test('W15: calls that are made at once are served in their order', async () => {
    await fc.assert(
      fc.asyncProperty(body, calls, pieceSizes, async (text, wanted, sizes) => {
        const { input } = new PiecewiseSource(deliver(text, sizes))
        const results = await Promise.all(wanted.map(([method, n]) => input[method](n)))
        expect(results.map(plain)).toEqual(expected(text, wanted))
      }),
      { numRuns: 200 },
    )
  })
})

describe('iteration', () => {
  test('W14: line by line, also behind a read', async () => {
    const input = inputOf('ab', 'c\nd', 'ef\n\ngh', 'i')
    await input.read(2)
    const lines: unknown[] = []
    for await (const line of input) lines.push(plain(line))
    expect(lines).toEqual(['c\n', 'def\n', '\n', 'ghi'])
  })

  test('W14: it can be left and taken up again', async () => {
    const input = inputOf(BODY)
    for await (const line of input) if (plain(line) === 'def\n') break
    expect(plain(await input.read())).toBe('\nghi')
  })
})

describe('as a stream', () => {
  async function drain(stream: ReadableStream<Uint8Array>): Promise<string[]> {
    const chunks: string[] = []
    for await (const chunk of stream) chunks.push(Buffer.from(chunk).toString('latin1'))
    return chunks
  }

  test('W15: chunk by chunk as they come, and then the end', async () => {
    expect(await drain(inputOf('ab', undefined, 'c', 'd').stream)).toEqual(['ab', 'c', 'd'])
    expect(await drain(inputOf().stream)).toEqual([])
  })

  test('W15: what was read before it is not in it', async () => {
    const input = inputOf('abc\n', 'def')
    await input.read(1)
    expect((await drain(input.stream)).join('')).toBe('bc\ndef')
  })

  test('W15: it is one stream, and asks for nothing before it is read', async () => {
    const source = new PiecewiseSource([Buffer.from('a')])
    expect(source.input.stream).toBe(source.input.stream)
    await turn()
    expect(source.reads).toBe(0)
  })

  test('W15: a body that fails fails the stream', async () => {
    await expect(drain(inputOf('a', [413, 'too long']).stream)).rejects.toMatchObject({
      status: 413,
    })
  })

  test('W15: cancelling it leaves the rest to read()', async () => {
    const input = inputOf('ab', 'cd')
    const reader = input.stream.getReader()
    await reader.read()
    await reader.cancel()
    expect(plain(await input.read())).toBe('cd')
  })
})

describe('a body that fails', () => {
  test.each([400, 408, 413])('W15: every read after the good bytes says %i', async (status) => {
    const input = inputOf('abc\nde', [status, 'no more'])
    expect(plain(await input.readline())).toBe('abc\n')
    for (const method of ['read', 'readline', 'readlines'] as const) {
      await expect(input[method]()).rejects.toMatchObject({
        name: 'GatewayError',
        code: 'ERR_BODY',
        status,
        message: 'wsgi.input: no more',
      })
    }
  })

  test('W15: one call that fails does not stop those that wait behind it', async () => {
    const input = inputOf('ab', undefined, [400, 'cut'])
    const results = await Promise.allSettled([input.read(1), input.read(), input.read(1)])
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  test('W15: a failure that nobody waits for is no unhandled rejection', async () => {
    const unhandled: unknown[] = []
    const note = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', note)
    const input = inputOf([400, 'cut'])
    void input.read()
    void input.readline(3)
    void input.readlines()
    await turn()
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })
})

test('J02: in JSON it is an empty object', () => {
  expect(JSON.stringify({ input: inputOf('secret') })).toBe('{"input":{}}')
})
