// AsyncLocalStorage: a store lives as long as its request, through whatever the request waits for,
// and no longer.
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Environ, GatewayApp } from '../../src/gateway/types.js'
import { Isolation } from '../../src/server/isolation.js'
import { ask, connectTo, get, serveHere } from '../support/serving.js'

const CROWD = 24

/** Sends `CROWD` requests in one write over each connection: they come in few batches. */
async function crowd(app: GatewayApp, connections = 1): Promise<string[]> {
  const { where, log } = await serveHere(app)
  const clients = await Promise.all(Array.from({ length: connections }, () => connectTo(where)))
  const answers = await Promise.all(
    clients.map(async (client, c) => {
      const names = Array.from({ length: CROWD }, (_, i) => `/${c}-${i}`)
      await client.send(names.map((name) => get(name)).join(''))
      const bodies: string[] = []
      for (const _ of names) bodies.push((await client.response()).body.toString())
      return bodies
    }),
  )
  expect(log).toEqual([])
  return answers.flat()
}

function expected(connections = 1): string[] {
  return Array.from({ length: connections }, (_, c) =>
    Array.from({ length: CROWD }, (_, i) => `/${c}-${i} found nothing`),
  ).flat()
}

function reply(environ: Environ, startResponse: Parameters<GatewayApp>[1], found: unknown): string {
  startResponse('200 OK', [])
  return `${environ.PATH_INFO} found ${found ?? 'nothing'}`
}

test('requests of one write do come in batches, else the tests below show nothing', async () => {
  const order: string[] = []
  await crowd((environ, startResponse) => {
    order.push('request')
    queueMicrotask(() => order.push('microtask'))
    return reply(environ, startResponse, undefined)
  })
  expect(order.slice(0, 3)).toEqual(['request', 'request', 'request'])
})

describe('what one request stores, the next does not find', () => {
  test('with enterWith', async () => {
    const storage = new AsyncLocalStorage<string>()
    const answers = await crowd((environ, startResponse) => {
      const found = storage.getStore()
      storage.enterWith(environ.PATH_INFO as string)
      return reply(environ, startResponse, found)
    })
    expect(answers).toEqual(expected())
  })

  test('with enterWith, over many connections', async () => {
    const storage = new AsyncLocalStorage<string>()
    const answers = await crowd((environ, startResponse) => {
      const found = storage.getStore()
      storage.enterWith(environ.PATH_INFO as string)
      return reply(environ, startResponse, found)
    }, 8)
    expect(answers).toEqual(expected(8))
  })

  test('with run', async () => {
    const storage = new AsyncLocalStorage<string>()
    const answers = await crowd((environ, startResponse) => {
      const found = storage.getStore()
      return storage.run(environ.PATH_INFO as string, () => reply(environ, startResponse, found))
    })
    expect(answers).toEqual(expected())
  })

  test('with enterWith behind an await', async () => {
    const storage = new AsyncLocalStorage<string>()
    const answers = await crowd(async (environ, startResponse) => {
      const before = storage.getStore()
      await null
      const found = before ?? storage.getStore()
      storage.enterWith(environ.PATH_INFO as string)
      await sleep(0)
      return reply(environ, startResponse, found)
    }, 8)
    expect(answers).toEqual(expected(8))
  })

  test('with enterWith in a request that throws', async () => {
    const storage = new AsyncLocalStorage<string>()
    const found: unknown[] = []
    const { where, log } = await serveHere(() => {
      found.push(storage.getStore())
      storage.enterWith('left')
      throw new Error('on purpose')
    })
    const client = await connectTo(where)
    await client.send(get().repeat(3))
    for (let i = 0; i < 3; i++) expect((await client.response()).status).toBe(500)
    expect(found).toEqual([undefined, undefined, undefined])
    expect(log).toHaveLength(3)
  })

  test('with enterWith while it is told of its body, or pulled for more', async () => {
    const storage = new AsyncLocalStorage<string>()
    const found: unknown[] = []
    const { where } = await serveHere(async function* (environ, startResponse) {
      found.push(storage.getStore())
      startResponse('200 OK', [])
      for await (const line of environ['wsgi.input']) {
        storage.enterWith(`${line}`)
        yield line
      }
    })
    const post = (body: string) =>
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const client = await connectTo(where)
    for (let i = 0; i < 5; i++) {
      await client.send(post('one\ntwo\n'), { everyByte: true })
      expect((await client.response()).body.toString()).toBe('one\ntwo\n')
    }
    expect(found).toEqual([undefined, undefined, undefined, undefined, undefined])
  })

  test('with enterWith while a slow client makes it go on', async () => {
    const storage = new AsyncLocalStorage<string>()
    const block = Buffer.alloc(64 * 1024)
    let pulled = 0
    const { where } = await serveHere((environ, startResponse) => {
      if (environ.PATH_INFO !== '/blocks') return reply(environ, startResponse, storage.getStore())
      startResponse('200 OK', [])
      return (function* () {
        for (; pulled < 200; pulled++) {
          storage.enterWith('left')
          yield block
        }
      })()
    })
    const slow = await connectTo(where)
    slow.pause()
    await slow.send(get('/blocks'))
    expect(await ask(where, '/first')).toBe('/first found nothing')
    expect(pulled).toBeLessThan(200)
    slow.resume()
    expect((await slow.response()).body.length).toBe(200 * block.length)
    expect(await ask(where, '/last')).toBe('/last found nothing')
  })

  test('with several storages at once', async () => {
    const storages = Array.from({ length: 3 }, () => new AsyncLocalStorage<string>())
    const answers = await crowd((environ, startResponse) => {
      const found = storages.map((storage) => storage.getStore()).join('') || undefined
      for (const storage of storages) storage.enterWith('left')
      return reply(environ, startResponse, found)
    })
    expect(answers).toEqual(expected())
  })
})

describe('what a request stores, it finds again', () => {
  const mixed = (environ: Environ) =>
    Number(/\d+$/.exec(environ.PATH_INFO as string)?.[0]) % 2 === 0

  test('behind awaits, timers, ticks, microtasks and reads, others in between', async () => {
    const storage = new AsyncLocalStorage<string>()
    const answers = await crowd(async (environ, startResponse) => {
      const own = environ.PATH_INFO as string
      if (mixed(environ)) storage.enterWith(own)
      const wanted = mixed(environ) ? own : undefined
      const wrong: string[] = []
      const look = (where: string) => {
        if (storage.getStore() !== wanted) wrong.push(where)
      }
      look('at once')
      await null
      look('await')
      await sleep(1)
      look('timer')
      await new Promise<void>((resolve) => process.nextTick(resolve))
      look('tick')
      await new Promise<void>((resolve) => setImmediate(resolve))
      look('immediate')
      await environ['wsgi.input'].read()
      look('read')
      return reply(environ, startResponse, wrong.join(', ') || undefined)
    }, 8)
    expect(answers).toEqual(expected(8))
  })

  test('inside of run, and not behind it', async () => {
    const storage = new AsyncLocalStorage<string>()
    const answers = await crowd(async (environ, startResponse) => {
      const own = environ.PATH_INFO as string
      const inside = await storage.run(own, async () => {
        await sleep(1)
        return storage.getStore()
      })
      const found = inside === own ? storage.getStore() : `${inside} inside`
      return reply(environ, startResponse, found)
    }, 4)
    expect(answers).toEqual(expected(4))
  })

  test('in the callback that it left behind, when the response has long been sent', async () => {
    const storage = new AsyncLocalStorage<string>()
    const later: Promise<boolean>[] = []
    await crowd((environ, startResponse) => {
      const own = environ.PATH_INFO as string
      storage.enterWith(own)
      later.push(sleep(1).then(() => storage.getStore() === own))
      return reply(environ, startResponse, undefined)
    })
    expect(await Promise.all(later)).toEqual(Array.from({ length: CROWD }, () => true))
  })
})

test('what the process stores outside of requests is not touched by them', async () => {
  const storage = new AsyncLocalStorage<string>()
  await storage.run('outside', async () => {
    await crowd((environ, startResponse) => {
      storage.enterWith('inside')
      return reply(environ, startResponse, undefined)
    })
    expect(storage.getStore()).toBe('outside')
  })
})

/** Where stores live in V8's context frame there is nothing to sweep. */
function expectSnapshot(isolation: Isolation): void {
  const storage = new AsyncLocalStorage<string>()
  const found: unknown[] = []
  for (let i = 0; i < 2; i++) {
    isolation.inside(() => {
      found.push(storage.getStore())
      storage.enterWith('left')
    })
  }
  expect(found).toEqual([undefined, undefined])
}

describe('an Isolation', () => {
  test('is dirty from the first store to the next sweep, which leaves nothing', () => {
    const isolation = new Isolation()
    if (isolation.wraps) return expectSnapshot(isolation)
    const resource = isolation.resource as Record<PropertyKey, unknown>
    const key = Symbol('store')
    expect(isolation.dirty).toBe(false)
    resource[key] = 'store'
    expect(isolation.dirty).toBe(true)
    expect(resource[key]).toBe('store')
    isolation.sweep()
    expect(isolation.dirty).toBe(false)
    expect(Reflect.ownKeys(resource)).toEqual([])
    Object.defineProperty(resource, key, { value: 1, configurable: true })
    expect(isolation.dirty).toBe(true)
  })

  test('runs what it is given, and passes on what that throws', () => {
    const isolation = new Isolation()
    let runs = 0
    isolation.inside(() => runs++)
    expect(runs).toBe(1)
    const fail = () => {
      throw new Error('on purpose')
    }
    expect(() => isolation.inside(fail)).toThrow('on purpose')
  })
})
