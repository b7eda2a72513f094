// The engine object itself, called as src/server never would: it throws, or does nothing, and the
// process lives.
import { afterEach, describe, expect, test } from 'vitest'
import {
  loadAddon,
  type NativeCallbacks,
  type NativeEngine,
  type NativeOptions,
} from '../../src/native/addon.js'
import * as L from '../../src/native/layout.js'
import { Client } from '../contract/client.js'
import { turn } from '../support/memory-host.js'

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
const addon = loadAddon()

interface Rig {
  readonly engine: NativeEngine
  readonly port: number
  readonly logged: string[]
  rounds: number
}

const rigs: Rig[] = []

afterEach(() => {
  for (const { engine } of rigs.splice(0)) {
    try {
      engine.close()
    } catch {
      // The test has closed it.
    }
  }
})

/** An engine that listens; `onRequest` is called for each request. */
function makeRig(onRequest: (rig: Rig, connection: number, generation: number) => void, how = {}) {
  const logged: string[] = []
  const callbacks: NativeCallbacks = {
    onRound: () => {
      rig.rounds++
      const { control, events } = rig.engine
      for (let i = 0, at = 0; i < control[L.CONTROL_EVENTS]; i++, at += L.EVENT_INTS) {
        if (events[at + L.EVENT_TYPE] !== L.TYPE_REQUEST) continue
        onRequest(rig, events[at + L.EVENT_CONNECTION], events[at + L.EVENT_GENERATION])
      }
    },
    onDrained: () => logged.push('drained'),
    onLog: (_level, text) => logged.push(text),
    resource: {},
    ...how,
  }
  const engine = addon.createEngine({} as NativeOptions, callbacks)
  const { port } = engine.listen(listening({}))
  const rig: Rig = { engine, port, logged, rounds: 0 }
  rigs.push(rig)
  engine.start()
  return rig
}

function listening(how: object) {
  const plain = { kind: 0, host: '127.0.0.1', port: 0, fd: -1, mode: -1, protocol: 0, backlog: 0 }
  return { ...plain, reusePort: false, ...how }
}

type Functions = Record<string, (...values: unknown[]) => unknown>

describe('arguments', () => {
  const junk: [string, unknown[]][] = [
    ['none', []],
    ['NaN', Array(6).fill(Number.NaN)],
    ['infinity', Array(6).fill(Number.POSITIVE_INFINITY)],
    ['fractions', Array(6).fill(0.5)],
    ['numbers out of range', Array(6).fill(2 ** 53)],
    ['negative ones', Array(6).fill(-(2 ** 31) - 1)],
    ['text', Array(6).fill('0')],
    ['null', Array(6).fill(null)],
    ['objects', Array(6).fill({ valueOf: () => 0 })],
    ['a BigInt', Array(6).fill(1n)],
    ['a symbol', Array(6).fill(Symbol('0'))],
  ]
  const taking = [
    ...['registerHead', 'startResponse', 'write', 'writeFile', 'fileExtent', 'end', 'abort'],
    ...['interim', 'queued', 'readBody', 'trailers', 'listen'],
  ]

  test.each(junk)('W59: %s in the place of numbers are a TypeError', (_name, values) => {
    const { engine } = makeRig(() => {})
    for (const name of taking) {
      // A description of a socket is an object: to this one of them, nothing but its values is bad.
      if (name === 'listen' && typeof values[0] === 'object' && values[0] !== null) continue
      expect(() => (engine as unknown as Functions)[name](...values), name).toThrow(TypeError)
    }
  })

  test('W59: numbers as they stand in the events are taken, negative ones too', () => {
    const { engine } = makeRig(() => {})
    for (const id of [0, -1, -(2 ** 31), 2 ** 32 - 1]) {
      expect(engine.queued(id, id, true)).toBe(2 ** 64)
      expect(engine.write(id, id, new Uint8Array(20_000))).toBe(2 ** 64)
      expect(engine.readBody(id, id)).toEqual([400, 'the request is over'])
      expect(() => engine.end(id, id)).not.toThrow()
    }
  })

  test.each([
    ['something that is no bytes', new Uint16Array(4).buffer],
    ['text', 'abc'],
    ['an array', [1, 2]],
  ])('W30: write with %s is a TypeError', (_name, bytes) => {
    const { engine } = makeRig(() => {})
    expect(() => engine.write(0, 1, bytes as never)).toThrow(TypeError)
  })

  test.each([
    [{ kind: 7 }],
    [{ port: 70_000 }],
    [{ port: -1 }],
    [{ port: '80' }],
    [{ protocol: 9 }],
    [{ backlog: 0.5 }],
    [{ kind: 1, host: '/tmp/postern\0.sock' }],
  ])('W08: listen with %j opens nothing', (how) => {
    const { engine } = makeRig(() => {})
    expect(() => engine.listen(listening(how) as never)).toThrow(
      expect.objectContaining({ code: 'ERR_POSTERN_ARGUMENT' }),
    )
  })

  test('W59: every function knows its own engine, and whether it is closed', () => {
    const { engine } = makeRig(() => {})
    const functions = Object.entries(engine).filter(([, value]) => typeof value === 'function')
    expect(functions.length).toBeGreaterThan(15)
    for (const [name, one] of functions) {
      for (const receiver of [undefined, {}, Object.create(engine), new Proxy(engine, {})]) {
        expect(() => one.call(receiver), name).toThrow('not a Postern engine')
      }
    }
    engine.close()
    for (const [name, one] of functions) {
      expect(() => one.call(engine), name).toThrow('the engine is closed')
    }
  })
})

describe('createEngine', () => {
  const callbacks = { onRound() {}, onDrained() {}, onLog() {}, resource: {} }
  const thrower = {
    get maxFields() {
      throw new RangeError('from the getter')
    },
  }

  test('W59: more time and more connections than fit are as many as fit', () => {
    const huge = { keepaliveTimeoutS: 2 ** 40, maxConnections: 2 ** 50, maxVars: 2 ** 33 }
    addon.createEngine(huge as NativeOptions, callbacks).close()
  })

  test.each<[string, unknown, unknown, string]>([
    ['nothing', undefined, undefined, 'bad options'],
    ['no options', null, callbacks, 'bad options'],
    ['no callbacks', {}, undefined, 'undefined'],
    ['a callback that is missing', {}, { ...callbacks, onLog: undefined }, 'a callback or'],
    ['a callback that is none', {}, { ...callbacks, onRound: 5 }, 'a callback or the resource'],
    ['no resource', {}, { ...callbacks, resource: 5 }, 'a callback or the resource is missing'],
    ['a negative limit', { maxHeadBytes: -1 }, callbacks, 'bad maxHeadBytes'],
    ['a limit that is no number', { maxVars: '9' }, callbacks, 'bad maxVars'],
    ['more memory than there is', { maxHeadBytes: 4e9 }, callbacks, 'bad maxHeadBytes'],
    ['an unknown mode', { proxyMode: 3 }, callbacks, 'bad proxyMode'],
    ['options that throw', thrower, callbacks, 'from the getter'],
  ])('W59: with %s it throws', (_name, options, callbacks, message) => {
    expect(() => addon.createEngine(options as never, callbacks as never)).toThrow(message)
  })
})

describe('callbacks', () => {
  test('W59: nothing is called after close(), not even for what has just happened', async () => {
    let requests = 0
    const rig = makeRig(({ engine }) => {
      if (++requests === 1) engine.close()
    })
    const client = await Client.open({ port: rig.port })
    client.send(GET + GET)
    expect((await client.finish()).length).toBe(0)
    await turn()
    expect([rig.rounds, rig.logged]).toEqual([1, []])
  })

  test('W59: close() in the log of the engine', async () => {
    const rig = makeRig(() => {}, { onLog: () => rig.engine.close() })
    const { port } = rig.engine.listen(listening({ protocol: 1 }))
    rig.engine.start()
    const client = await Client.open({ port })
    client.send(GET) // HTTP spoken to uwsgi is logged
    await client.finish()
    expect(() => rig.engine.stats()).toThrow('the engine is closed')
  })

  test('W59: close() when it has drained', async () => {
    const drained = new Promise<void>((resolve) => {
      const rig = makeRig(() => {}, {
        onDrained: () => {
          rig.engine.close()
          resolve()
        },
      })
      rig.engine.drain(0)
    })
    await drained
  })
})

describe('what would run over', () => {
  test.each<[string, string, string]>([
    ['a status', `200 ${'a'.repeat(700_000)}`, ''],
    ['fields', '200 OK', `A: ${'a'.repeat(700_000)}\r\n`],
    ['both', `200 ${'a'.repeat(70_000)}`, `A: ${'a'.repeat(70_000)}\r\n`],
  ])('W22 W23: a head with too much of %s is cut and logged', async (_name, status, lines) => {
    const rig = makeRig(({ engine }, connection, generation) => {
      engine.startResponse(connection, generation, status, lines, 0, 1)
      engine.write(connection, generation, Buffer.from('x'))
      engine.end(connection, generation)
    })
    const client = await Client.open({ port: rig.port })
    client.send(GET)
    expect((await client.finish()).length).toBe(0)
    expect(rig.logged).toEqual(['a response head of more than 128 KiB cannot be sent'])
  })

  test.each<[string, Record<number, number>]>([
    ['a head without a number', { [L.RECORD_HEAD]: 5000 }],
    ['a head of a negative number', { [L.RECORD_HEAD]: -1 }],
    ['a body behind the end', { [L.RECORD_BODY]: L.OUT_BYTES, [L.RECORD_BODY_BYTES]: 1 }],
    ['a body of negative size', { [L.RECORD_BODY_BYTES]: -1 }],
    ['a head behind the end', { [L.RECORD_FLAGS]: 1, [L.RECORD_LINES_BYTES]: L.OUT_BYTES + 1 }],
    ['numbers that wrap', { [L.RECORD_BODY]: 2 ** 31 - 1, [L.RECORD_BODY_BYTES]: 2 ** 31 - 1 }],
  ])('W59: a record with %s is ignored and logged', (_name, ints) => {
    const { engine, logged } = makeRig(() => {})
    engine.registerHead('200 OK', '', 0)
    for (const [at, value] of Object.entries(ints)) engine.records[Number(at)] = value
    engine.control[L.CONTROL_RECORDS] = 1
    engine.takeRecords()
    expect(logged).toEqual(['a response record points nowhere: ignored'])
    engine.control[L.CONTROL_RECORDS] = 2 ** 31 - 1
    engine.takeRecords()
    engine.control[L.CONTROL_RECORDS] = -1
    engine.takeRecords()
    expect(engine.control[L.CONTROL_RECORDS]).toBe(0)
  })
})
