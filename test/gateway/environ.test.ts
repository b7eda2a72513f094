// The environ: made of numbers in shared memory, and not to be told from an object literal.
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { GatewayInput } from '../../src/gateway/input.js'
import type { Environ } from '../../src/gateway/types.js'
import { FACTS, LISTENER, PEER, type Variable, VariableWriter } from '../support/variables.js'

const REQUEST: Variable[] = [
  { name: 'REQUEST_METHOD', value: 'GET', interned: true },
  { name: 'QUERY_STRING', value: '' },
  { name: 'REQUEST_URI', value: '/caf%C3%A9' },
  { name: 'SERVER_PROTOCOL', value: 'HTTP/1.1', interned: true },
  { name: 'PATH_INFO', value: '/caf\xc3\xa9' },
  { name: 'HTTP_HOST', value: 'localhost' },
]
const ADDED = {
  SCRIPT_NAME: '',
  SERVER_NAME: LISTENER.serverName,
  SERVER_PORT: LISTENER.serverPort,
  REMOTE_ADDR: PEER.address,
  REMOTE_PORT: PEER.port,
  SERVER_SOFTWARE: FACTS.software,
  GATEWAY_INTERFACE: 'CGI/1.1',
  'wsgi.version': [1, 0],
  'wsgi.url_scheme': 'http',
  'wsgi.input': expect.any(GatewayInput),
  'wsgi.errors': FACTS.errors,
  'wsgi.multithread': false,
  'wsgi.multiprocess': true,
  'wsgi.run_once': false,
  'wsgi.input_terminated': true,
  'wsgi.file_wrapper': FACTS.fileWrapper,
}
const EXPECTED = {
  ...Object.fromEntries(REQUEST.map(({ name, value }) => [name, value])),
  RAW_URI: '/caf%C3%A9',
  ...ADDED,
}

/** The two ways in which an environ is made, and both again where no code may be generated. */
const PATHS: [string, (variables: Variable[]) => Environ][] = [
  ['by shape', (variables) => new VariableWriter().environ(variables)],
  [
    'by shape, the second time',
    (variables) => {
      const writer = new VariableWriter(['PATH_INFO', 'X', 'HTTP_HOST'])
      writer.environ(variables)
      return writer.environ(variables)
    },
  ],
  ['by name', (variables) => new VariableWriter().environ(byName(variables))],
  [
    'by shape without generated code',
    (variables) => {
      forbidCode()
      return new VariableWriter().environ(variables)
    },
  ],
  [
    'by name without generated code',
    (variables) => {
      forbidCode()
      return new VariableWriter().environ(byName(variables))
    },
  ],
]

function byName(variables: Variable[]): Variable[] {
  return variables.map((variable, i) => ({ ...variable, keyed: i > 1 }))
}

/** As under --disallow-code-generation-from-strings. */
function forbidCode(): void {
  vi.stubGlobal('Function', function refused() {
    throw new EvalError('Code generation from strings disallowed for this context')
  })
}

afterEach(() => {
  vi.unstubAllGlobals()
})

describe.each(PATHS)('%s', (_name, make) => {
  test('W02 J02: it has the variables of the request and what the server adds', () => {
    expect({ ...make(REQUEST) }).toEqual(EXPECTED)
  })

  test('J02: nothing is inherited', () => {
    const environ = make(REQUEST)
    for (const key of ['toString', 'constructor', '__proto__', 'hasOwnProperty', 'valueOf']) {
      expect(key in environ).toBe(false)
      expect(environ[key]).toBeUndefined()
    }
    const inherited: string[] = []
    for (const key in environ) if (!Object.hasOwn(environ, key)) inherited.push(key)
    expect(inherited).toEqual([])
  })

  test('J02: every property is plain data that can be changed', () => {
    const environ = make(REQUEST)
    for (const [key, value] of Object.entries(environ)) {
      expect(Object.getOwnPropertyDescriptor(environ, key)).toEqual({
        value,
        writable: true,
        enumerable: true,
        configurable: true,
      })
    }
    expect(Object.getOwnPropertySymbols(environ)).toEqual([])
    expect(Object.isExtensible(environ)).toBe(true)
  })

  test('J02: names that harm other objects are names like any other', () => {
    const names = [
      'HTTP___PROTO__',
      '__proto__',
      'constructor',
      'toString',
      'a"b',
      "a'b\\",
      '];x=1//',
      'e\xe9',
    ]
    const environ = make(names.map((name, i) => ({ name, value: `v${i}` })))
    names.forEach((name, i) => {
      expect(Object.hasOwn(environ, name)).toBe(true)
      expect(environ[name]).toBe(`v${i}`)
    })
    expect(({} as Record<string, unknown>).v1).toBeUndefined()
  })

  test('W02: it may be changed freely, and nobody else sees it', () => {
    const writer = make(REQUEST)
    for (const key of Object.keys(writer)) delete writer[key]
    expect(Object.keys(writer)).toEqual([])
    writer.REQUEST_METHOD = 'PUT'
    writer['my.key'] = { any: 'thing' }
    expect({ ...writer }).toEqual({ REQUEST_METHOD: 'PUT', 'my.key': { any: 'thing' } })
    expect(make(REQUEST).REQUEST_METHOD).toBe('GET')
  })

  test('J02: in, keys, entries, spread, assign, JSON, clone and inspect see an object literal', () => {
    const environ = make(REQUEST)
    const keys = Object.keys(EXPECTED)
    expect(Object.keys(environ)).toEqual(keys)
    for (const key of keys) expect(key in environ).toBe(true)
    expect(Object.assign({}, environ)).toEqual(EXPECTED)
    expect(Object.fromEntries(Object.entries(environ))).toEqual(EXPECTED)
    const json = JSON.parse(JSON.stringify(environ))
    expect(json).toMatchObject({
      PATH_INFO: '/caf\xc3\xa9',
      'wsgi.version': [1, 0],
      'wsgi.input': {},
    })
    const texts = Object.fromEntries(
      Object.entries(environ).filter(([, v]) => typeof v === 'string'),
    )
    expect(structuredClone(texts)).toEqual(texts)
    expect(inspect(environ)).toContain("REQUEST_METHOD: 'GET'")
    for (const key of ['wsgi.input', 'wsgi.errors', 'wsgi.file_wrapper']) delete environ[key]
    expect({ ...structuredClone(environ) }).toEqual({ ...environ })
  })

  test('W11: every variable is a string of characters up to U+00FF', () => {
    const bytes = Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1)).join('')
    expect(make([{ name: 'HTTP_X', value: bytes }]).HTTP_X).toBe(bytes)
    expect(make([{ name: 'HTTP_X', value: bytes, interned: true }]).HTTP_X).toBe(bytes)
  })

  test('W08 W04: what the request says itself is not replaced', () => {
    const own = ['SCRIPT_NAME', 'SERVER_NAME', 'SERVER_PORT', 'REMOTE_ADDR', 'RAW_URI']
    const environ = make([...own, 'REQUEST_URI'].map((name) => ({ name, value: `own ${name}` })))
    for (const name of own) expect(environ[name]).toBe(`own ${name}`)
  })

  test('W10: a name that comes twice keeps its last value', () => {
    const environ = make([
      { name: 'HTTP_X', value: '1' },
      { name: 'HTTP_Y', value: '2' },
      { name: 'HTTP_X', value: '3' },
    ])
    expect([environ.HTTP_X, environ.HTTP_Y]).toEqual(['3', '2'])
  })
})

describe('what the server adds', () => {
  const environ = new VariableWriter().environ(REQUEST)

  test('W12: wsgi.version is [1, 0] and nobody can change it for others', () => {
    expect(environ['wsgi.version']).toEqual([1, 0])
    expect(Object.isFrozen(environ['wsgi.version'])).toBe(true)
  })

  test('W13: wsgi.url_scheme follows the connection', () => {
    expect(environ['wsgi.url_scheme']).toBe('http')
    expect(new VariableWriter().environ(REQUEST, 'https')['wsgi.url_scheme']).toBe('https')
  })

  test('W18 W19 W20: the three booleans are booleans', () => {
    expect(environ['wsgi.multithread']).toBe(FACTS.multithread)
    expect(environ['wsgi.multiprocess']).toBe(FACTS.multiprocess)
    expect(environ['wsgi.run_once']).toBe(false)
  })

  test('W58: two requests of one shape share nothing that can be changed', () => {
    const writer = new VariableWriter()
    const [a, b] = [writer.environ(REQUEST), writer.environ(REQUEST)]
    expect(a).not.toBe(b)
    expect(a['wsgi.input']).not.toBe(b['wsgi.input'])
    a.PATH_INFO = '/changed'
    expect(b.PATH_INFO).toBe('/caf\xc3\xa9')
  })
})

test('W02 W11: any variables, any way they are numbered, give the same environ', () => {
  const latin = fc.string({
    unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)),
    maxLength: 8,
  })
  const variable = fc.record({
    name: fc.oneof(fc.constantFrom('PATH_INFO', 'SERVER_NAME', '__proto__', 'REQUEST_URI'), latin),
    value: latin,
    interned: fc.boolean(),
    keyed: fc.boolean(),
  })
  const requests = fc.array(fc.uniqueArray(variable, { selector: (v) => v.name, maxLength: 8 }), {
    maxLength: 6,
  })
  fc.assert(
    fc.property(requests, (all) => {
      const writer = new VariableWriter()
      for (const variables of all) {
        const known: Record<string, unknown> = Object.create(null)
        Object.assign(known, ADDED)
        for (const { name, value } of variables) known[name] = value
        if (known.REQUEST_URI !== undefined) known.RAW_URI ??= known.REQUEST_URI
        const shaped = variables.map((v) => ({ ...v, keyed: true }))
        for (const way of [variables, shaped]) {
          const environ = writer.environ(way)
          expect(Object.keys(environ).sort()).toEqual(Object.keys(known).sort())
          expect(Object.assign(Object.create(null), environ)).toEqual(known)
        }
      }
    }),
    { numRuns: 150 },
  )
})
