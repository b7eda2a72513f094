// The environ through real sockets: whatever comes in, however often and in whatever company, an
// application cannot tell it from an object literal with exactly these values.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, test } from 'vitest'
import { GatewayInput } from '../../src/gateway/input.js'
import type { Environ, GatewayApp } from '../../src/gateway/types.js'
import { serve } from '../../src/server/serve.js'
import { Client, type Target } from '../contract/client.js'
import { gatewayRow, type RunningRow } from '../contract/row.js'
import { uwsgiRequest } from './uwsgi-packet.js'

let running: RunningRow | undefined

afterEach(async () => {
  await running?.close(0)
  running = undefined
})

/** A server that keeps the environ of every request, under the number in its query. */
async function keeping(protocol: 'http' | 'uwsgi'): Promise<[Target, Environ[]]> {
  const environs: Environ[] = []
  const app: GatewayApp = (environ, startResponse) => {
    environs[Number(environ.QUERY_STRING)] = environ
    startResponse('200 OK', [])
    return environ.QUERY_STRING
  }
  running = await gatewayRow(protocol).start(app)
  return [running.target, environs]
}

const PROTO = '__proto__'

type Fields = readonly (readonly [name: string, value: string])[]

function get(number: number, fields: Fields): string {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `GET /caf%C3%A9?${number} HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n`
}

/** Sends all requests on one connection, `batch` of them in a packet, and reads all answers. */
async function askAll(target: Target, requests: readonly string[], batch = 40): Promise<void> {
  const client = await Client.open(target)
  for (let at = 0; at < requests.length; at += batch) {
    const some = requests.slice(at, at + batch)
    client.send(some.join(''))
    for (let i = 0; i < some.length; i++) {
      expect((await client.response())?.body.toString()).toBe(String(at + i))
    }
  }
  client.close()
}

/** Bytes that are still used when all garbage is gone. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** What the fields of a request become. */
function variablesOf(fields: Fields): Record<string, string> {
  return Object.fromEntries(
    fields.map(([name, value]) => [`HTTP_${name.toUpperCase().replaceAll('-', '_')}`, value]),
  )
}

/** The values of HTTP_X… variables, in their order; HTTP_HOST left out. */
function fieldsOf(environ: Environ): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environ).filter(([name]) => /^HTTP_(?!HOST$)/.test(name)),
  )
}

const FIELDS: Fields = [
  ['User-Agent', 'test'],
  ['X-Own', 'first'],
  ['constructor', 'second'],
  ['toString', 'third'],
  ['hasOwnProperty', 'fourth'],
  ['--proto--', 'fifth'],
  ['X-Latin', 'caf\xe9'],
  ['X-Empty', ''],
]

describe('over HTTP', () => {
  async function seen(times: number): Promise<Environ[]> {
    const [target, environs] = await keeping('http')
    await askAll(
      target,
      Array.from({ length: times }, (_, i) => get(i, FIELDS)),
      1,
    )
    return environs
  }

  test('W02 J02: it is the same object literal at its first and at its fifth sighting', async () => {
    const environs = await seen(5)
    const port = environs[0].REMOTE_PORT
    expect(port).toMatch(/^\d+$/)
    environs.forEach((environ, i) => {
      expect({ ...environ }).toEqual({
        REQUEST_METHOD: 'GET',
        QUERY_STRING: String(i),
        REQUEST_URI: `/caf%C3%A9?${i}`,
        RAW_URI: `/caf%C3%A9?${i}`,
        SERVER_PROTOCOL: 'HTTP/1.1',
        SCRIPT_NAME: '',
        PATH_INFO: '/caf\xc3\xa9',
        SERVER_NAME: '127.0.0.1',
        SERVER_PORT: expect.stringMatching(/^\d+$/),
        SERVER_SOFTWARE: expect.stringMatching(/^postern\//),
        GATEWAY_INTERFACE: 'CGI/1.1',
        REMOTE_ADDR: '127.0.0.1',
        REMOTE_PORT: port,
        HTTP_HOST: 'localhost',
        HTTP_USER_AGENT: 'test',
        HTTP_X_OWN: 'first',
        HTTP_CONSTRUCTOR: 'second',
        HTTP_TOSTRING: 'third',
        HTTP_HASOWNPROPERTY: 'fourth',
        HTTP___PROTO__: 'fifth',
        HTTP_X_LATIN: 'caf\xe9',
        HTTP_X_EMPTY: '',
        'wsgi.version': [1, 0],
        'wsgi.url_scheme': 'http',
        'wsgi.input': expect.any(GatewayInput),
        'wsgi.errors': expect.any(Object),
        'wsgi.multithread': false,
        'wsgi.multiprocess': false,
        'wsgi.run_once': false,
        'wsgi.input_terminated': true,
        'wsgi.file_wrapper': expect.any(Function),
      })
    })
  })

  test('J02: its keys have one order, that of the request, however they were made', async () => {
    const orders = (await seen(4)).map((environ) => Object.keys(environ).join())
    expect(new Set(orders).size).toBe(1)
    for (const order of orders) {
      const names = order.split(',').filter((name) => /^HTTP_/.test(name))
      expect(names).toEqual(['HTTP_HOST', ...Object.keys(variablesOf(FIELDS))])
    }
  })

  test('J02: every operation on it is that on an object literal', async () => {
    for (const environ of await seen(4)) {
      const plain: Record<string, unknown> = Object.assign(Object.create(null), environ)
      const keys = Object.keys(plain)
      const walked: string[] = []
      for (const key in environ) walked.push(key)
      expect(walked).toEqual(keys)
      expect(Reflect.ownKeys(environ)).toEqual(keys)
      expect(Object.entries(environ)).toEqual(Object.entries(plain))
      expect(JSON.stringify(environ)).toBe(JSON.stringify(plain))
      expect(Object.getOwnPropertyDescriptors(environ)).toEqual(
        Object.getOwnPropertyDescriptors(plain),
      )
      for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
        expect([name in environ, Object.hasOwn(environ, name), environ[name]]).toEqual([
          false,
          false,
          undefined,
        ])
      }
      const texts = Object.entries(environ).filter(([, value]) => typeof value === 'string')
      expect(structuredClone(Object.fromEntries(texts))).toEqual(Object.fromEntries(texts))
    }
  })

  test('W02 W58: it may be changed in every way, and the next request does not see it', async () => {
    const environs: Environ[] = []
    running = await gatewayRow('http').start((environ, startResponse) => {
      environs.push({ ...environ })
      environ.REQUEST_METHOD = 'CHANGED'
      environ[PROTO] = 'own' // on an object that inherits nothing it is a name like any other
      environ['new.key'] = {}
      delete environ.HTTP_X_OWN
      Object.defineProperty(environ, 'PATH_INFO', { get: () => '/changed' })
      Object.freeze(environ)
      startResponse('200 OK', [])
      return String(environs.length - 1)
    })
    await askAll(
      running.target,
      Array.from({ length: 5 }, (_, i) => get(0, FIELDS.slice(0, 3 + (i % 2)))),
      1,
    )
    environs.forEach((environ, i) => {
      expect(environ).toMatchObject({
        REQUEST_METHOD: 'GET',
        PATH_INFO: '/caf\xc3\xa9',
        HTTP_X_OWN: 'first',
      })
      expect(fieldsOf(environ)).toEqual(variablesOf(FIELDS.slice(0, 3 + (i % 2))))
      expect(['new.key' in environ, Object.hasOwn(environ, PROTO)]).toEqual([false, false])
    })
    expect(({} as Record<string, unknown>).own).toBeUndefined()
  })

  test('W10 W11: more different values than have numbers, each seen three times', async () => {
    const [target, environs] = await keeping('http')
    const values = Array.from({ length: 6000 }, (_, i) => `value ${i}`)
    // Three sightings, the last one much later: numbers are given, used, and taken away again.
    const sightings = [...values.flatMap((value) => [value, value]), ...values.slice(0, 2000)]
    const requests = sightings.map((value, i) =>
      get(i, [
        ['X-Value', value],
        ['X-Other', sightings[(i * 7) % sightings.length]],
      ]),
    )
    await askAll(target, requests)
    sightings.forEach((value, i) => {
      expect([environs[i].HTTP_X_VALUE, environs[i].HTTP_X_OTHER]).toEqual([
        value,
        sightings[(i * 7) % sightings.length],
      ])
    })
  })

  test('W10 J02: more different names than have numbers, each seen twice', async () => {
    const [target, environs] = await keeping('http')
    const names = Array.from({ length: 1600 }, (_, i) => `X-Name-${i}`)
    const sent = names.flatMap((name, i) => {
      const fields: Fields = [
        [name, `value of ${name}`],
        ['X-Constant', 'always'],
        [names[(i * 3) % names.length].replace('X-', 'Y-'), String(i)],
      ]
      return [fields, fields]
    })
    await askAll(
      target,
      sent.map((fields, i) => get(i, fields)),
    )
    sent.forEach((fields, i) => {
      expect(fieldsOf(environs[i])).toEqual(variablesOf(fields))
    })
  })

  test('W10 J02: more different sequences of names than have constructors', async () => {
    const [target, environs] = await keeping('http')
    const names = ['A', 'B', 'C', 'D', 'E', 'F'].map((letter) => `X-Field-${letter}`)
    const sequences = permutations(names).slice(0, 700)
    // The names first, so that all of them have numbers.
    const sent: Fields[] = [...[names, names], ...sequences, ...sequences].map((sequence, i) =>
      sequence.map((name, j) => [name, `${i} ${j}`] as const),
    )
    await askAll(
      target,
      sent.map((fields, i) => get(i, fields)),
    )
    sent.forEach((fields, i) => {
      expect(Object.entries(fieldsOf(environs[i]))).toEqual(Object.entries(variablesOf(fields)))
    })
  })

  test('W11: values as long as they may be', async () => {
    const [target, environs] = await keeping('http')
    const long = (letter: string) => letter.repeat(8190 - 'X-Long: \r\n'.length)
    const requests = ['a', 'b', 'a', 'b', '\xe9'].map((letter, i) =>
      get(i, [['X-Long', long(letter)]]),
    )
    await askAll(target, requests, 3)
    expect(environs.map((environ) => environ.HTTP_X_LONG[0])).toEqual(['a', 'b', 'a', 'b', '\xe9'])
    for (const { HTTP_X_LONG: value } of environs) expect(value).toBe(long(value[0]))
  })

  test('W58: requests of one round share nothing, whichever way they came', async () => {
    const [target, environs] = await keeping('http')
    const clients = await Promise.all(Array.from({ length: 30 }, () => Client.open(target)))
    const fields = (number: number): Fields => [
      ['X-Id', `id ${number}`],
      [`X-Only-${number}`, `only ${number}`],
      ['X-Same', 'same'],
    ]
    const PIPELINED = 4
    clients.forEach((client, i) => {
      const numbers = Array.from({ length: PIPELINED }, (_, j) => i * PIPELINED + j)
      client.send(numbers.map((number) => get(number, fields(number))).join(''))
    })
    for (const client of clients) {
      for (let j = 0; j < PIPELINED; j++) expect((await client.response())?.status).toBe(200)
      client.close()
    }
    expect(environs).toHaveLength(clients.length * PIPELINED)
    environs.forEach((environ, number) => {
      expect(fieldsOf(environ)).toEqual(variablesOf(fields(number)))
    })
    expect(new Set(environs).size).toBe(environs.length)
    expect(new Set(environs.map((environ) => environ['wsgi.input'])).size).toBe(environs.length)
    expect(new Set(environs.map((environ) => environ.REMOTE_PORT)).size).toBe(clients.length)
  })

  test('W58: a value that is kept does not keep the memory of its request', async () => {
    const kept: string[] = []
    running = await gatewayRow('http').start((environ, startResponse) => {
      kept.push(environ.HTTP_X_TOKEN)
      startResponse('200 OK', [])
      return String(kept.length - 1)
    })
    const COUNT = 4000
    const padding = 'p'.repeat(8000)
    const requests = Array.from({ length: COUNT }, (_, i) =>
      get(i, [
        ['X-Token', `a token that is long enough to be cut ${i}`],
        ['X-Padding', `${i}${padding}`],
      ]),
    )
    const before = heapUsed()
    await askAll(running.target, requests, 4)
    expect(new Set(kept).size).toBe(COUNT)
    // The heads were 32 MB.
    expect(heapUsed() - before).toBeLessThan(16e6)
  })
})

function permutations(names: readonly string[]): string[][] {
  if (names.length < 2) return [[...names]]
  return names.flatMap((name) =>
    permutations(names.filter((one) => one !== name)).map((rest) => [name, ...rest]),
  )
}

describe('over uwsgi', () => {
  test('J02: names that are no names of fields are names like any other', async () => {
    const [target, environs] = await keeping('uwsgi')
    const harmful = {
      constructor: '1',
      toString: '2',
      hasOwnProperty: '3',
      valueOf: '4',
      '0': '5',
      '-1': '6',
      'a"b\\': '7',
      'a`${1}b': '8',
      '\xe9': '9',
      length: '10',
      prototype: '11',
    }
    const packets = Array.from({ length: 4 }, (_, i) =>
      // `__proto__` cannot stand in the literal: there it would be the prototype.
      uwsgiRequest('GET', `/?${i}`, { ...harmful, ...JSON.parse('{"__proto__":"12"}') }),
    )
    for (const packet of packets) expect((await Client.ask(target, packet))?.status).toBe(200)
    expect(environs).toHaveLength(4)
    for (const environ of environs) {
      for (const [name, value] of [...Object.entries(harmful), ['__proto__', '12']]) {
        expect(Object.getOwnPropertyDescriptor(environ, name), name).toEqual({
          value,
          writable: true,
          enumerable: true,
          configurable: true,
        })
      }
      expect(Object.keys(Object.getPrototypeOf(environ) ?? {})).toEqual([])
    }
    expect(({} as Record<string, unknown>)['1']).toBeUndefined()
    expect(Object.prototype.toString.call({})).toBe('[object Object]')
  })

  test('W12 W14 W17: a packet cannot say what the server says', async () => {
    const [target, environs] = await keeping('uwsgi')
    const names = ['version', 'input', 'errors', 'url_scheme', 'file_wrapper', 'input_terminated']
    const own = Object.fromEntries(names.map((name) => [`wsgi.${name}`, 'from the packet']))
    for (let i = 0; i < 3; i++) await Client.ask(target, uwsgiRequest('GET', `/?${i}`, own))
    for (const environ of environs) {
      for (const name of names) expect(environ[`wsgi.${name}`]).not.toBe('from the packet')
      expect(environ['wsgi.version']).toEqual([1, 0])
    }
  })

  test('W08 W13: what the front server says of itself and its client counts', async () => {
    const [target, environs] = await keeping('uwsgi')
    const packet = uwsgiRequest('GET', '/?0', {
      SERVER_NAME: 'shop.example',
      SERVER_PORT: '443',
      HTTPS: 'on',
    })
    await Client.ask(target, packet)
    expect(environs[0]).toMatchObject({
      SERVER_NAME: 'shop.example',
      SERVER_PORT: '443',
      REMOTE_ADDR: '192.0.2.1',
      REMOTE_PORT: '50000',
      'wsgi.url_scheme': 'https',
    })
  })
})

test('W19: wsgi.multiprocess is true when others may listen on the same port', async () => {
  for (const reusePort of [false, true]) {
    let seen: unknown
    const app: GatewayApp = (environ, startResponse) => {
      seen = environ['wsgi.multiprocess']
      startResponse('200 OK', [])
      return ''
    }
    const server = await serve(app, { httpSocket: '127.0.0.1:0', reusePort, log: () => {} })
    const port = Number(new URL(server.url ?? '').port)
    await Client.ask({ port }, get(0, []))
    await server.close(0)
    expect(seen).toBe(reusePort)
  }
})
