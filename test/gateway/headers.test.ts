// Status and headers: what is refused, what is dropped, and that remembering them changes nothing.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeadCache, type HeadFacts } from '../../src/gateway/headers.js'
import type { HeaderPair } from '../../src/gateway/types.js'
import {
  HEAD_HAS_DATE,
  HEAD_HAS_SERVER,
  HEAD_NO_BODY,
  HEAD_NO_LENGTH,
} from '../../src/native/layout.js'

const facts: HeadFacts = { contentLength: -1 }
function get(status: unknown, ...rest: [headers?: unknown, cache?: HeadCache]) {
  const [headers, cache = new HeadCache()] = rest.length === 0 ? [[]] : rest
  return cache.get(status as string, headers as HeaderPair[], facts)
}

describe('the status', () => {
  test.each([
    ['200 OK', 200, '200 OK'],
    ['404 Not Found', 404, '404 Not Found'],
    ['299 ', 299, '299 '],
    ['599 Caf\xe9', 599, '599 Caf\xe9'],
    ['200', 200, '200 OK'],
    ['299', 299, '299 '],
    ['999 x', 999, '999 x'],
  ])('W22: %j is one', (status, code, sent) => {
    expect(get(status)).toMatchObject({ code, status: sent })
  })

  test.each([
    ['2000 OK'],
    ['20 OK'],
    ['OK'],
    [''],
    [' 200 OK'],
    ['200OK'],
    ['200 OK\r'],
    ['200 OK\n'],
    ['200 O\0K'],
    ['200 OK\r\nX-Evil: 1'],
    ['200 \x7f'],
    ['200 \u20ac'],
    ['000 x'],
    ['099 x'],
    [200],
    [null],
    [undefined],
    [['200 OK']],
    [Buffer.from('200 OK')],
    [{}],
  ])('W22: %j is none', (status) => {
    expect(() => get(status)).toThrow(expect.objectContaining({ code: 'ERR_BAD_STATUS' }))
  })

  test.each(['100 Continue', '101 Switching Protocols', '103 Early Hints'])(
    'W41: %s cannot end a response',
    (status) => {
      expect(() => get(status)).toThrow('interim')
    },
  )

  test.each([
    ['200 OK', 0],
    ['204 No Content', HEAD_NO_BODY | HEAD_NO_LENGTH],
    ['205 Reset Content', 0],
    ['304 Not Modified', HEAD_NO_BODY],
  ])('W41: %s tells the engine what may follow', (status, flags) => {
    expect(get(status).flags).toBe(flags)
  })
})

describe('the headers', () => {
  test.each([
    ['a:b'],
    ['a b'],
    [''],
    ['a\n'],
    ['a\0'],
    ['X-\xe9'],
    ['(a)'],
    ['a\tb'],
    [5],
    [null],
    [Buffer.from('X-A')],
  ])('W23: %j is no name', (name) => {
    expect(() => get('200 OK', [[name, '1']])).toThrow(
      expect.objectContaining({ code: 'ERR_BAD_HEADER' }),
    )
  })

  test.each([
    ['a\r\nX-Evil: 1'],
    ['a\nb'],
    ['a\rb'],
    ['a\0b'],
    ['\x7f'],
    ['\u20ac'],
    ['\x01'],
    [5],
    [null],
    [undefined],
    [['a']],
    [Buffer.from('a')],
  ])('W23: %j is no value', (value) => {
    expect(() => get('200 OK', [['X-A', value]])).toThrow(
      expect.objectContaining({ code: 'ERR_BAD_HEADER' }),
    )
  })

  test.each([
    [undefined],
    [null],
    ['X-A: 1'],
    [{ 'X-A': '1' }],
    [new Map([['X-A', '1']])],
    [[['X-A']]],
    [[['X-A', '1', '2']]],
    [['X-A: 1']],
    [[null]],
    [[{ 0: 'X-A', 1: '1', length: 2 }]],
    [{ 0: ['X-A', '1'], length: 1 }],
  ])('W23: %j is no list of pairs, the first time or when it looks like one before', (headers) => {
    const cache = new HeadCache()
    get('200 OK', [['X-A', '1']], cache)
    get('200 OK', [], cache)
    for (let i = 0; i < 2; i++) {
      expect(() => get('200 OK', headers, cache)).toThrow(
        expect.objectContaining({ code: 'ERR_BAD_HEADER' }),
      )
    }
  })

  test.each<[unknown, string]>([
    [undefined, 'not undefined: pass [] for none'],
    [null, 'not null'],
    ['X-A: 1', 'not a string'],
    [{ 'X-A': '1' }, 'not an object: pass Object.entries(headers)'],
    [new Map([['X-A', '1']]), 'not a Map: pass [...headers]'],
    [new Headers({ 'X-A': '1' }), 'not a Headers: pass [...headers]'],
  ])('W23: %j instead of pairs: the error says what to pass', (headers, message) => {
    expect(() => get('200 OK', headers)).toThrow(message)
  })

  test.each<[unknown, string]>([
    [[['Content-Length', 5]], 'Content-Length is 5, not text'],
    [[['X-A', 5]], 'X-A is 5, not text of latin-1 characters without CR, LF and NUL: pass String('],
    [[['X-A', 5n]], 'X-A is a bigint, not text'],
    [[['X-A', `\n${'x'.repeat(500)}`]], `X-A is "\\n${'x'.repeat(197)}…, not text`],
    [['Content-Type', 'text/plain'], 'a header is "Content-Type" instead of a pair [name, value]'],
  ])('W23: headers %#: the error names what is wrong', (headers, message) => {
    expect(() => get('200 OK', headers)).toThrow(message)
  })

  test('W22 W23: a head is of 64 KiB at most', () => {
    const most = 64 * 1024 - '200 OK'.length - 'X-A: \r\n'.length
    expect(get('200 OK', [['X-A', 'a'.repeat(most)]]).lines).toHaveLength(most + 7)
    for (const [status, headers] of [
      ['200 OK', [['X-A', 'a'.repeat(most + 1)]]],
      ['200 OK', Array(70_000).fill(['A', ''])],
      [`200 ${'a'.repeat(64 * 1024)}`, []],
    ] as const) {
      expect(() => get(status, headers)).toThrow('characters: at most 65536')
    }
  })

  test('W23: a control character cannot forge a line of the log', () => {
    expect(() => get('200 OK', [['X-A', 'a\n2026 error: forged']])).toThrow(/a\\n2026/)
  })

  test('W23 W11: latin-1 text, tabs and an empty value are values', () => {
    const head = get('200 OK', [
      ['X-A', 'caf\xe9'],
      ['X-B', ''],
      ['X-C', 'a\tb'],
    ])
    expect(head.lines).toBe('X-A: caf\xe9\r\nX-B: \r\nX-C: a\tb\r\n')
  })

  test('W43: order and spelling are kept, repeated names stay apart', () => {
    const head = get('200 OK', [
      ['set-COOKIE', 'a=1'],
      ['X-A', '1'],
      ['Set-Cookie', 'b=2'],
    ])
    expect(head.lines).toBe('set-COOKIE: a=1\r\nX-A: 1\r\nSet-Cookie: b=2\r\n')
  })

  test('W44: the engine learns whether Date and Server are there already', () => {
    expect(get('200 OK', [['DATE', 'x']]).flags).toBe(HEAD_HAS_DATE)
    expect(
      get('200 OK', [
        ['Date', 'x'],
        ['server', 'mine'],
      ]).flags,
    ).toBe(HEAD_HAS_DATE | HEAD_HAS_SERVER)
  })

  test.each([
    'Connection',
    'Keep-Alive',
    'Proxy-Authenticate',
    'Proxy-Authorization',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'Proxy-Connection',
    'tRANSFER-eNCODING',
  ])('W42: %s is dropped, and said once', (name) => {
    const dropped: string[] = []
    const cache = new HeadCache((one) => dropped.push(one))
    for (const value of ['1', '2', '2']) {
      expect(
        get(
          '200 OK',
          [
            ['X-A', value],
            [name, 'x'],
          ],
          cache,
        ).lines,
      ).toBe(`X-A: ${value}\r\n`)
    }
    expect(dropped).toEqual([name.toLowerCase()])
  })
})

describe('Content-Length', () => {
  test('W36: it is no part of the head', () => {
    const cache = new HeadCache()
    const head = get(
      '200 OK',
      [
        ['X-A', '1'],
        ['CONTENT-length', '5'],
      ],
      cache,
    )
    expect(head.lines).toBe('X-A: 1\r\n')
    expect(facts.contentLength).toBe(5)
    get('200 OK', [['X-A', '1']], cache)
    expect(facts.contentLength).toBe(-1)
  })

  test('W36: heads that differ in nothing else are one', () => {
    const cache = new HeadCache()
    const first = get(
      '200 OK',
      [
        ['Content-Length', '5'],
        ['X-A', '1'],
      ],
      cache,
    )
    const again = get(
      '200 OK',
      [
        ['Content-Length', '07'],
        ['X-A', '1'],
      ],
      cache,
    )
    expect(again).toBe(first)
    expect(first.uses).toBe(1)
    expect(facts.contentLength).toBe(7)
  })

  test.each([
    ['-1'],
    ['+1'],
    ['1.0'],
    ['1e3'],
    ['0x10'],
    [''],
    [' 1'],
    ['1,1'],
    ['1\r\n'],
    ['9'.repeat(16)],
    [5],
    [null],
  ])('W38: %j is none, the first time or later', (length) => {
    const cache = new HeadCache()
    for (let i = 0; i < 2; i++) {
      expect(() => get('200 OK', [['Content-Length', length]], cache)).toThrow(
        expect.objectContaining({ code: 'ERR_BAD_HEADER' }),
      )
      get('200 OK', [['Content-Length', '1']], cache)
    }
  })

  test('W38: there is one at most', () => {
    for (const second of ['3', '5']) {
      const headers = [
        ['Content-Length', '3'],
        ['content-length', second],
      ]
      expect(() => get('200 OK', headers)).toThrow('Content-Length twice')
    }
  })
})

describe('the memory of heads', () => {
  test('W24: a list that changes after the call does not change what is remembered', () => {
    const cache = new HeadCache()
    const list: [string, string][] = [['X-A', '1']]
    const first = get('200 OK', list, cache)
    list[0][1] = '2'
    expect(get('200 OK', list, cache).lines).toBe('X-A: 2\r\n')
    expect(get('200 OK', [['X-A', '1']], cache)).toBe(first)
  })

  test('W24: only the same status, names, values and order are the same head', () => {
    const cache = new HeadCache()
    const heads = [
      get(
        '200 OK',
        [
          ['X-A', '1'],
          ['X-B', '2'],
        ],
        cache,
      ),
      get(
        '200 OK',
        [
          ['X-B', '2'],
          ['X-A', '1'],
        ],
        cache,
      ),
      get(
        '200 OK',
        [
          ['x-a', '1'],
          ['X-B', '2'],
        ],
        cache,
      ),
      get('200 OK', [['X-A', '1']], cache),
      get('200 Fine', [['X-A', '1']], cache),
      get(
        '200 OK',
        [
          ['X-A', '1'],
          ['Content-Length', '1'],
        ],
        cache,
      ),
    ]
    expect(new Set(heads).size).toBe(heads.length)
  })

  test('W24: it forgets, and what it forgot is built anew', () => {
    const cache = new HeadCache()
    const first = get('200 OK', [['X-A', '0']], cache)
    for (let i = 1; i <= 16; i++) get('200 OK', [['X-A', String(i)]], cache)
    const again = get('200 OK', [['X-A', '0']], cache)
    expect(again).not.toBe(first)
    expect(again.lines).toBe(first.lines)
  })

  const name = fc.oneof(
    fc.constantFrom('X-A', 'x-a', 'Content-Length', 'Connection', 'Date', '__proto__'),
    fc.string({ maxLength: 3 }),
  )
  const value = fc.oneof(
    fc.constantFrom('1', '2', '', 'a\r\n'),
    fc.string({ maxLength: 3, unit: 'binary' }),
  )
  const call = fc.record({
    status: fc.constantFrom('200 OK', '200', '204 No Content', '20', '103 x'),
    headers: fc.array(fc.tuple(name, value), { maxLength: 3 }),
  })

  test('W24 W23: it answers as if it remembered nothing, whatever came before', () => {
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 40 }), (calls) => {
        const cache = new HeadCache()
        for (const { status, headers } of calls) {
          expect(attempt(cache, status, headers)).toEqual(attempt(new HeadCache(), status, headers))
        }
      }),
      { numRuns: 300 },
    )
  })

  test('W23: nothing that is accepted adds a line of its own', () => {
    fc.assert(
      fc.property(call, ({ status, headers }) => {
        const { head } = attempt(new HeadCache(), status, headers)
        if (head === undefined) return
        const lines = head.lines.split('\r\n')
        expect(lines.pop()).toBe('')
        expect(lines.length).toBeLessThanOrEqual(headers.length)
        for (const line of lines) expect(line).toMatch(/^[!-~]+: [^\r\n\0]*$/)
      }),
    )
  })

  function attempt(cache: HeadCache, status: string, headers: HeaderPair[]) {
    const found: HeadFacts = { contentLength: -1 }
    try {
      const { status: text, code, lines, flags } = cache.get(status, headers, found)
      return { head: { text, code, lines, flags }, length: found.contentLength }
    } catch (error) {
      return { code: (error as { code: string }).code }
    }
  }
})
