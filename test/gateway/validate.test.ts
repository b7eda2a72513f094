// The validator: every rule broken once, by the application or by the server, and a conforming pair
// that passes through it untouched.
import { Readable } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test, vi } from 'vitest'
import { GatewayInput } from '../../src/gateway/input.js'
import type { Environ, GatewayApp, HeaderPair, StartResponse } from '../../src/gateway/types.js'
import { validate } from '../../src/gateway/validate.js'
import { MemoryHost, outcomeOf, start, turn } from '../support/memory-host.js'
import { answer, Counted, CountedAsync, CountedIterable, TEXT } from '../support/results.js'

function makeEnviron(changes: Record<string, unknown> = {}): Environ {
  const environ = Object.assign(Object.create(null), {
    REQUEST_METHOD: 'GET',
    SCRIPT_NAME: '',
    PATH_INFO: '/',
    QUERY_STRING: '',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    'wsgi.version': [1, 0],
    'wsgi.url_scheme': 'http',
    'wsgi.input': new GatewayInput({ readBody: () => null }),
    'wsgi.errors': { write() {}, writelines() {}, flush() {} },
    'wsgi.multithread': false,
    'wsgi.multiprocess': false,
    'wsgi.run_once': false,
    ...changes,
  })
  for (const [key, value] of Object.entries(changes)) if (value === undefined) delete environ[key]
  return environ
}

const write = () => true
const startResponse: StartResponse = () => write
const fine: GatewayApp = (_, sr) => {
  sr('200 OK', TEXT)
  return 'x'
}
const broken = (rule: string) =>
  expect.objectContaining({ code: 'ERR_VALIDATE', message: expect.stringContaining(rule) })

/** The memory host gives an object literal; a real environ inherits nothing. */
function bare(app: GatewayApp): GatewayApp {
  return (environ, sr) => app(Object.assign(Object.create(null), environ), sr)
}

describe('the server', () => {
  const call = (environ: unknown, sr: unknown = startResponse) =>
    validate(fine)(environ as Environ, sr as StartResponse)

  test('W02: a conforming environ passes', () => {
    expect(call(makeEnviron())).toBe('x')
    expect(call({ ...makeEnviron(), __proto__: null })).toBe('x')
  })

  test('W01: it calls an application with two arguments', () => {
    const app = validate(fine) as (...values: unknown[]) => unknown
    expect(() => app(makeEnviron())).toThrow(broken('called with two arguments'))
    expect(() => app(makeEnviron(), startResponse, 1)).toThrow(broken('called with two arguments'))
    expect(() => call(makeEnviron(), 'no')).toThrow(broken('startResponse is a function'))
  })

  test.each([[null], [undefined], ['environ'], [5]])('W02: %j is no environ', (environ) => {
    expect(() => call(environ)).toThrow(broken('environ is an object'))
  })

  test('J02: an environ that inherits is none', () => {
    expect(() => call({ ...makeEnviron() })).toThrow(broken('inherited keys'))
    expect(() => call(Object.create(makeEnviron()))).toThrow(
      broken('environ has no REQUEST_METHOD'),
    )
  })

  test.each([
    'REQUEST_METHOD',
    'SERVER_NAME',
    'SERVER_PORT',
    'SERVER_PROTOCOL',
    'wsgi.version',
    'wsgi.url_scheme',
    'wsgi.input',
    'wsgi.errors',
    'wsgi.multithread',
    'wsgi.multiprocess',
    'wsgi.run_once',
  ])('W02: an environ without %s is none', (key) => {
    expect(() => call(makeEnviron({ [key]: undefined }))).toThrow(broken(`environ has no ${key}`))
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['W03: REQUEST_METHOD', { REQUEST_METHOD: '' }, 'REQUEST_METHOD is a token'],
    ['W03: REQUEST_METHOD', { REQUEST_METHOD: 'GE T' }, 'REQUEST_METHOD is a token'],
    ['W04: SCRIPT_NAME', { SCRIPT_NAME: '/app/' }, 'does not end with'],
    ['W04: SCRIPT_NAME', { SCRIPT_NAME: 'app' }, 'SCRIPT_NAME starts with'],
    ['W04: PATH_INFO', { PATH_INFO: 'a' }, 'PATH_INFO starts with'],
    ['W04: both', { SCRIPT_NAME: '', PATH_INFO: '' }, 'SCRIPT_NAME or PATH_INFO is not empty'],
    ['W07: HTTP_CONTENT_TYPE', { HTTP_CONTENT_TYPE: 'a/b' }, 'the name is CONTENT_TYPE'],
    ['W07: HTTP_CONTENT_LENGTH', { HTTP_CONTENT_LENGTH: '1' }, 'the name is CONTENT_LENGTH'],
    ['W07: CONTENT_LENGTH', { CONTENT_LENGTH: '-1' }, 'CONTENT_LENGTH is digits'],
    ['W08: SERVER_NAME', { SERVER_NAME: '' }, 'are not empty'],
    ['W08: SERVER_PORT', { SERVER_PORT: '' }, 'are not empty'],
    ['W08: SERVER_PORT', { SERVER_PORT: 80 }, 'environ.SERVER_PORT is number, not a string'],
    ['W11: a variable', { HTTP_X: null }, 'environ.HTTP_X is null, not a string'],
    ['W11: a variable', { HTTP_X: ['a'] }, 'environ.HTTP_X is an array'],
    ['W11: a variable', { HTTP_X: Buffer.from('a') }, 'environ.HTTP_X is bytes'],
    ['W11: a variable', { HTTP_X: '\u20ac' }, 'characters above U+00FF'],
    ['W12: wsgi.version', { 'wsgi.version': [1, 1] }, 'wsgi.version'],
    ['W12: wsgi.version', { 'wsgi.version': '1.0' }, 'wsgi.version'],
    ['W13: wsgi.url_scheme', { 'wsgi.url_scheme': 'ftp' }, 'is http or https'],
    ['W14: wsgi.input', { 'wsgi.input': null }, 'wsgi.input is an object'],
    ['W14: wsgi.input', { 'wsgi.input': {} }, 'wsgi.input has read()'],
    [
      'W14: wsgi.input',
      { 'wsgi.input': { read() {}, readline() {}, readlines() {} } },
      'can be iterated',
    ],
    ['W17: wsgi.errors', { 'wsgi.errors': null }, 'wsgi.errors is an object'],
    ['W17: wsgi.errors', { 'wsgi.errors': { write() {} } }, 'wsgi.errors has writelines()'],
    ['W18: wsgi.multithread', { 'wsgi.multithread': 1 }, 'wsgi.multithread"] is a boolean'],
    ['W19: wsgi.multiprocess', { 'wsgi.multiprocess': 'no' }, 'wsgi.multiprocess"] is a boolean'],
    ['W20: wsgi.run_once', { 'wsgi.run_once': null }, 'wsgi.run_once"] is a boolean'],
  ])('%s that is wrong is told', (_name, changes, rule) => {
    expect(() => call(makeEnviron(changes))).toThrow(broken(rule))
  })

  test.each<[string, Record<string, unknown>]>([
    ['W04: under a mount point', { SCRIPT_NAME: '/app', PATH_INFO: '' }],
    ['W04: OPTIONS *', { PATH_INFO: '*', REQUEST_METHOD: 'OPTIONS' }],
    ['W06: without a query', { QUERY_STRING: undefined }],
    ['W07: with an empty CONTENT_LENGTH', { CONTENT_LENGTH: '', CONTENT_TYPE: '' }],
    ['W11: with latin-1', { HTTP_X: 'caf\xe9' }],
    ['W13: over TLS', { 'wsgi.url_scheme': 'https' }],
    ['W02: with keys of middleware', { 'my.session': { any: 1 } }],
  ])('%s an environ is fine', (_name, changes) => {
    expect(call(makeEnviron(changes))).toBe('x')
  })

  test('W21: startResponse returns write', () => {
    expect(() => call(makeEnviron(), () => undefined)).toThrow(broken('returns write'))
  })

  test('W34: it reads a result to the end and not behind, and closes it once', () => {
    const result = validate(answer(() => ['a'][Symbol.iterator]()))(makeEnviron(), startResponse)
    const iterator = result as unknown as Iterator<string> & { close(): void }
    expect(iterator.next()).toEqual({ done: false, value: 'a' })
    expect(iterator.next().done).toBe(true)
    expect(() => iterator.next()).toThrow(broken('behind the end'))
    iterator.return?.()
    expect(() => iterator.return?.()).toThrow(broken('closes a result twice'))
    expect(() => iterator.next()).toThrow(broken('that it has closed'))
  })
})

describe('the application', () => {
  const run = (app: GatewayApp, sr: StartResponse = startResponse) =>
    validate(app)(makeEnviron(), sr)
  const starting =
    (...values: unknown[]): GatewayApp =>
    (_, sr) => {
      ;(sr as (...all: unknown[]) => unknown)(...values)
      return 'x'
    }

  test.each([[null], [undefined], [{}], ['app']])('W54: %j is no application', (app) => {
    expect(() => validate(app as never)).toThrow(broken('an application is a function'))
  })

  test.each<[string, unknown[]]>([
    ['one argument', ['200 OK']],
    ['four arguments', ['200 OK', TEXT, null, 4]],
  ])('W21: startResponse with %s', (_name, values) => {
    expect(() => run(starting(...values))).toThrow(broken('two or three arguments'))
  })

  test.each([['200'], ['2000 OK'], ['20 OK'], ['200 OK\r\n'], ['200 \u20ac'], [200], [null]])(
    'W22: %j is no status',
    (status) => {
      expect(() => run(starting(status, TEXT))).toThrow(broken('a status is "NNN reason"'))
    },
  )

  test.each<[string, unknown, string]>([
    ['no array', 'X-A: 1', 'an array of pairs, not string'],
    ['null', null, 'an array of pairs, not null'],
    ['an object', { 'X-A': '1' }, 'an array of pairs, not object'],
    ['no pair', [['X-A']], 'a pair [name, value]'],
    ['three parts', [['X-A', '1', '2']], 'a pair [name, value]'],
    ['a bad name', [['X A', '1']], 'a header name is a token, not "X A"'],
    ['a name that is no text', [[5, '1']], 'a header name is a token, not 5'],
    ['a name with a hyphen at its end', [['X-A-', '1']], 'X-A- ends with "-" or "_"'],
    ['a name with an underscore at its end', [['X_', '1']], 'X_ ends with "-" or "_"'],
    ['a line end', [['X-A', 'a\r\nb']], 'the value of X-A'],
    ['a number', [['X-A', 5]], 'the value of X-A'],
    ['a euro sign', [['X-A', '\u20ac']], 'the value of X-A'],
    ['Status', [...TEXT, ['Status', '200']], 'the status is the first argument'],
    ['Connection', [...TEXT, ['Connection', 'close']], 'hop-by-hop'],
    ['Transfer-Encoding', [...TEXT, ['Transfer-Encoding', 'chunked']], 'hop-by-hop'],
    ['no Content-Type', [['X-A', '1']], 'has a Content-Type'],
  ])('W23 W42: headers with %s', (_name, headers, rule) => {
    expect(() => run(starting('200 OK', headers))).toThrow(broken(rule))
  })

  test('W41: a Content-Type of nothing', () => {
    for (const status of ['204 No Content', '304 Not Modified']) {
      expect(() => run(starting(status, TEXT))).toThrow(broken('which has no body'))
      expect(run(starting(status, []))).toBe('x')
    }
  })

  test.each([['text'], [5], [{}], [[TypeError, 'value', 'traceback']]])(
    'W26: %j is no error for startResponse',
    (error) => {
      expect(() => run(starting('500 Oops', TEXT, error))).toThrow(broken('is an Error'))
    },
  )

  test('W25: startResponse twice without an error', () => {
    const app: GatewayApp = (_, sr) => {
      sr('200 OK', TEXT)
      sr('200 OK', TEXT)
      return 'x'
    }
    expect(() => run(app)).toThrow(broken('twice without an error'))
  })

  test('W26: startResponse twice with one is fine', () => {
    const seen: unknown[][] = []
    const error = new Error('caught')
    run(
      (_, sr) => {
        sr('200 OK', TEXT)
        sr('500 Oops', TEXT, error)
        return 'x'
      },
      (...values) => {
        seen.push(values)
        return write
      },
    )
    expect(seen).toEqual([
      ['200 OK', TEXT, undefined],
      ['500 Oops', TEXT, error],
    ])
  })

  test.each<[string, unknown[], string]>([
    ['no argument', [], 'write takes one argument'],
    ['two arguments', ['a', 'b'], 'write takes one argument'],
    ['a number', [5], 'a block of write is text or bytes, not number'],
    ['null', [null], 'a block of write is text or bytes, not null'],
  ])('W30: write() with %s', (_name, values, rule) => {
    const app: GatewayApp = (_, sr) => {
      ;(sr('200 OK', TEXT) as (...all: unknown[]) => unknown)(...values)
      return 'x'
    }
    expect(() => run(app)).toThrow(broken(rule))
  })

  test.each<[string, unknown]>([
    ['text', 'x'],
    ['bytes', Buffer.from('x')],
  ])('W29: %s without startResponse', (_name, body) => {
    expect(() => run(() => body as string)).toThrow(broken('without startResponse'))
  })

  test.each<[string, () => unknown]>([
    [
      'a generator',
      function* () {
        yield 'x'
      },
    ],
    [
      'an async generator',
      async function* () {
        yield 'x'
      },
    ],
    ['an array', () => ['x']],
  ])('W29: a block of %s without startResponse', async (_name, result) => {
    const { host } = start(bare(validate(result as GatewayApp)))
    await host.outcome()
    expect(host.errors[0].error).toEqual(broken('a block before startResponse'))
  })

  test.each([[undefined], [null], [5], [true], [() => 'x'], [{}]])(
    'W55: %j is no result',
    (result) => {
      expect(() => run(answer(() => result))).toThrow(broken('an application returns'))
    },
  )

  test.each<[string, () => unknown]>([
    [
      'a generator',
      function* () {
        yield 5
      },
    ],
    [
      'an async generator',
      async function* () {
        yield null
      },
    ],
    ['an array', () => [['x']]],
  ])('W30: a block of %s that is neither text nor bytes', async (_name, result) => {
    const { host } = start(bare(validate(answer(result))))
    await host.outcome()
    expect(host.errors[0].error).toEqual(broken('a block of the result is text or bytes'))
  })

  test('W55: next() that gives no object', async () => {
    const { host } = start(bare(validate(answer(() => ({ next: () => 5 })))))
    await host.outcome()
    expect(host.errors[0].error).toEqual(broken('next() returns an object'))
  })

  test.each(['read', 'readline', 'readlines'] as const)(
    'W14: %s() with two arguments',
    (method) => {
      const app: GatewayApp = (environ) => {
        ;(environ['wsgi.input'][method] as (...all: unknown[]) => unknown)(1, 2)
        return 'x'
      }
      expect(() => run(app)).toThrow(broken('takes one argument at most'))
    },
  )

  test.each<[string, string, unknown]>([
    ['read', 'string', 'text'],
    ['readline', 'undefined', undefined],
    ['readlines', 'bytes', Buffer.from('x')],
    ['readlines', 'an array', ['text']],
  ])('W14: %s() of middleware that gives %s is no input', async (method, kind, got) => {
    const methods = ['read', 'readline', 'readlines'].map((name) => [name, async () => got])
    const input = { ...Object.fromEntries(methods), [Symbol.asyncIterator]() {} }
    const environ = makeEnviron({ 'wsgi.input': input })
    const app: GatewayApp = (checked) => checked['wsgi.input'][method as 'read']()
    await expect(validate(app)(environ, startResponse)).rejects.toEqual(
      broken(`wsgi.input.${method}() gives bytes, not ${kind}`),
    )
  })

  test.each<[string, unknown[], string]>([
    ['bytes', [Buffer.from('x')], 'wsgi.errors takes text, not bytes'],
    ['two arguments', ['a', 'b'], 'write() takes one argument'],
  ])('W17: wsgi.errors.write with %s', (_name, values, rule) => {
    const app: GatewayApp = (environ) => {
      ;(environ['wsgi.errors'].write as (...all: unknown[]) => unknown)(...values)
      return 'x'
    }
    expect(() => run(app)).toThrow(broken(rule))
  })

  test('W17: wsgi.errors.writelines with what is no text', () => {
    const app: GatewayApp = (environ) => {
      environ['wsgi.errors'].writelines(['a', 5 as never])
      return 'x'
    }
    expect(() => run(app)).toThrow(broken('takes text, not number'))
  })

  test('W34: a result that nobody closes is told of when it is forgotten', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    // Nothing may hold the result, a variable of this frame neither.
    ;(() => run(answer(() => ['a'])))()
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    for (const done = warned.then(() => true); !(await Promise.race([done, turn()])); ) collect()
    expect(await warned).toMatchObject({ code: 'POSTERN_VALIDATE' })
  })
})

describe('a conforming pair', () => {
  const apps: [string, () => unknown][] = [
    ['text', () => 'abc'],
    ['bytes', () => Buffer.from('abc')],
    ['an array', () => ['a', 'bc']],
    [
      'a generator',
      function* () {
        yield 'a'
        yield 'bc'
      },
    ],
    [
      'an async generator',
      async function* () {
        yield 'abc'
      },
    ],
    ['a promise', async () => ['abc']],
    ['a web stream', () => new Blob(['abc']).stream()],
  ]

  test.each(apps)('J01: %s passes, behind one validator and behind two', async (_name, result) => {
    const app = answer(result)
    for (const wrapped of [validate(inherited(app)), validate(validate(inherited(app)))]) {
      const outcome = await outcomeOf(bare(wrapped))
      expect(outcome).toMatchObject({ status: '200 OK', body: 'abc', end: 'whole' })
    }
  })

  test('W34: close() and return() of the result run once each', async () => {
    for (const result of [new CountedIterable('a'), new CountedAsync('a'), new Counted('a')]) {
      const outcome = await outcomeOf(bare(validate(answer(() => result))))
      expect(outcome).toMatchObject({ body: 'a', end: 'whole' })
      expect([result.returned, result.closed]).toEqual([1, 1])
    }
  })

  test('W34: streams that wait are ended through it, too', async () => {
    const cancel = vi.fn()
    const web = new ReadableStream({ start: (c) => c.enqueue('a'), cancel })
    const node = new Readable({ read() {} })
    for (const body of [web, node]) {
      const { exchange, host } = start(bare(validate(answer(() => body))))
      await turn()
      exchange.aborted()
      await turn()
      expect(host.errors).toEqual([])
    }
    expect(cancel).toHaveBeenCalledTimes(1)
    expect(node.destroyed).toBe(true)
  })

  test('W29 W47: a file without startResponse is an error', () => {
    const app: GatewayApp = () => ({ file: {}, blockSize: 1 }) as never
    expect(() => validate(app)(makeEnviron(), startResponse)).toThrow(broken('a file without'))
  })

  test('W47: a file goes through as it is', async () => {
    const host = new MemoryHost()
    host.files.set(7, { bytes: Buffer.from('file'), at: 0, regular: true })
    const app: GatewayApp = (environ, sr) => {
      sr('200 OK', TEXT)
      return new environ['wsgi.file_wrapper']({ fd: 7 })
    }
    start(bare(validate(app)), {}, host)
    expect(await host.outcome()).toMatchObject({ body: 'file', length: 4 })
  })

  test('W14 W17: the input and the error stream work through it', async () => {
    const said: string[] = []
    const app: GatewayApp = async (environ, sr) => {
      environ['wsgi.errors'].write('one\n')
      environ['wsgi.errors'].writelines(['two\n'])
      environ['wsgi.errors'].flush()
      sr('200 OK', TEXT)
      const input = environ['wsgi.input']
      const rest: string[] = [String(await input.readline())]
      for await (const line of input) rest.push(String(line))
      return rest
    }
    const logging: GatewayApp = (environ, sr) => {
      environ['wsgi.errors'] = {
        write: (text) => said.push(text),
        writelines() {},
        flush: () => said.push('flushed'),
      }
      return validate(app)(Object.assign(Object.create(null), environ), sr)
    }
    const outcome = await outcomeOf(logging, { body: [Buffer.from('a\nb\nc'), null] })
    expect(outcome.body).toBe('a\nb\nc')
    expect(said).toEqual(['one\n', 'two\n', 'flushed'])
  })

  function inherited(app: GatewayApp): GatewayApp {
    return (environ, sr) => {
      const headers: readonly HeaderPair[] = TEXT
      return app(environ, (status, _, error) => sr(status, headers, error))
    }
  }
})
