// How a server in this process ends: in good order, in time, and leaving nothing behind.
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { GatewayApp } from '../../src/gateway/types.js'
import { serve } from '../../src/server/serve.js'
import { nextTurn, type Where } from '../blackbox/raw-client.js'
import { ownDirectory } from '../support/directories.js'
import { answer, CountedIterable, withResolvers } from '../support/results.js'
import { ask, connectTo, get, serveHere, whereOf } from '../support/serving.js'

const hello = answer(() => 'hello')

/** Answers "/" at once; anything else when `finish` is called, and tells when that was asked for. */
function slow() {
  const asked = withResolvers()
  const finished = withResolvers()
  const app: GatewayApp = async (environ, startResponse) => {
    if (environ.PATH_INFO !== '/') {
      asked.resolve()
      await finished.promise
    }
    startResponse('200 OK', [])
    return 'done'
  }
  return { app, asked: asked.promise, finish: finished.resolve }
}

/** Two turns of the timers: what was due in a millisecond has run. */
async function timersTurn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2))
  await new Promise((resolve) => setTimeout(resolve, 2))
}

/** Resolves when nobody listens there any more; a connection that came just in time is closed. */
async function refused(where: Where): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const error = await ask(where).catch((reason: Error) => reason)
    if (String(error).includes('ECONNREFUSED')) return
  }
  throw new Error('somebody listens still')
}

describe('close()', () => {
  test('resolves when nothing listens any more, and the address can be had again', async () => {
    const { close, where, listeners } = await serveHere(hello)
    await ask(where)
    await close()
    await expect(ask(where)).rejects.toThrow('ECONNREFUSED')
    const again = await serveHere(hello, { httpSocket: listeners[0].address })
    expect(await ask(again.where)).toBe('hello')
  })

  test('closes idle connections at once', async () => {
    const { close, where } = await serveHere(hello)
    const client = await connectTo(where)
    await client.send(get())
    expect((await client.response()).closes).toBe(false)
    const silent = await connectTo(where)
    await ask(where)
    await close()
    await Promise.all([client.end(), silent.end()])
  })

  test('twice is once: the same promise, also when it is over', async () => {
    const { close } = await serveHere(hello)
    const first = close()
    expect(close()).toBe(first)
    await first
    expect(close()).toBe(first)
    await close(0)
  })

  test('lets a running request finish, says that the connection ends, and takes no new one', async () => {
    const { app, asked, finish } = slow()
    const { close, where, log } = await serveHere(app)
    const client = await connectTo(where)
    await client.send(get('/slow'))
    await asked
    let closed = false
    const closing = close().then(() => {
      closed = true
    })
    await refused(where)
    expect(closed).toBe(false)
    finish()
    const response = await client.response()
    expect(response.body.toString()).toBe('done')
    expect(response.closes).toBe(true)
    await client.end()
    await closing
    expect(log).toEqual([])
  })

  test('resolves with the end of the last request, not with a tick of the clock behind it', async () => {
    const { app, asked, finish } = slow()
    const { close, where } = await serveHere(app)
    const client = await connectTo(where)
    await client.send(get('/slow'))
    await asked
    let closed = false
    void close().then(() => {
      closed = true
    })
    await refused(where)
    finish()
    await client.response()
    client.destroy()
    for (let i = 0; i < 50; i++) await nextTurn()
    expect(closed).toBe(true)
  })

  test('lets a response that is being streamed finish', async () => {
    const { close, where } = await serveHere(async function* (_, startResponse) {
      startResponse('200 OK', [])
      yield 'first'
      void close()
      await timersTurn()
      yield 'last'
    })
    expect(await ask(where)).toBe('firstlast')
    await close()
  })

  test('can be called by a request, which is answered', async () => {
    let closing: Promise<void> | undefined
    const { close, where } = await serveHere((_, startResponse) => {
      closing = close()
      startResponse('200 OK', [])
      return 'bye'
    })
    expect(await ask(where)).toBe('bye')
    await closing
  })

  test('leaves nothing to count', async () => {
    const { close, stats, where } = await serveHere(hello)
    await ask(where)
    await close()
    expect(stats()).toEqual({ connections: 0, requests: 0 })
  })
})

describe('mercy', () => {
  test('has an end: what runs then is cut, and said in the log', async () => {
    const asked = withResolvers()
    const app: GatewayApp = async (_, startResponse) => {
      startResponse('200 OK', [])('written')
      asked.resolve()
      return new Promise<string>(() => {})
    }
    const { close, where, log } = await serveHere(app)
    const client = await connectTo(where)
    await client.send(get())
    await asked.promise
    await close(1)
    await expect(client.response()).rejects.toThrow('closed where')
    expect(log).toEqual([
      expect.stringContaining('warning: 1 connections are still busy after 0.001 s: they are cut'),
    ])
  })

  test('J04: an iterator that is cut by the end of mercy is returned once', async () => {
    const asked = withResolvers()
    let returned = 0
    const endless = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          asked.resolve()
          return new Promise(() => {})
        },
        return: async () => {
          returned++
          return { done: true, value: undefined }
        },
      }),
    }
    const { close, where } = await serveHere((_, startResponse) => {
      startResponse('200 OK', [])
      return endless as never
    })
    const client = await connectTo(where)
    await client.send(get())
    await asked.promise
    await close(0)
    await timersTurn()
    expect(returned).toBe(1)
  })

  test('J04: a result that comes after the end of mercy is closed, and nobody hears of it', async () => {
    const asked = withResolvers()
    const late = withResolvers()
    const result = new CountedIterable('late')
    const { close, where, log } = await serveHere(async (_, startResponse) => {
      startResponse('200 OK', [])
      asked.resolve()
      await late.promise
      return result as never
    })
    await (await connectTo(where)).send(get())
    await asked.promise
    await close(0)
    late.resolve()
    await timersTurn()
    expect(result).toMatchObject({ pulled: 0, returned: 1, closed: 1 })
    expect(log).toHaveLength(1)
  })

  test('a read that waits for more of a request rejects when mercy ends', async () => {
    const asked = withResolvers()
    let failure: unknown
    const { close, where } = await serveHere(async (environ) => {
      asked.resolve()
      failure = await environ['wsgi.input'].read().catch((error: unknown) => error)
      return ''
    })
    const client = await connectTo(where)
    await client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12')
    await asked.promise
    await close(0)
    await timersTurn()
    expect(failure).toMatchObject({ code: 'ERR_BODY', status: 503 })
  })

  test('is worker-reload-mercy, where close() names no other', async () => {
    const { app, asked } = slow()
    const { close, where, log } = await serveHere(app, { workerReloadMercy: 0 })
    await (await connectTo(where)).send(get('/slow'))
    await asked
    await close()
    expect(log[0]).toContain('still busy after 0 s')
  })

  test.each([Number.POSITIVE_INFINITY, 2 ** 31, 365 * 86_400_000])(
    'of %d ms is long, and not what a timer makes of it',
    async (graceMs) => {
      const { app, asked, finish } = slow()
      const { close, where, log } = await serveHere(app)
      const client = await connectTo(where)
      await client.send(get('/slow'))
      await asked
      const closing = close(graceMs)
      await timersTurn()
      finish()
      expect((await client.response()).body.toString()).toBe('done')
      await closing
      expect(log).toEqual([])
    },
  )

  test('can be shortened by another call, and not lengthened', async () => {
    const { app, asked } = slow()
    const { close, where, log } = await serveHere(app)
    await (await connectTo(where)).send(get('/slow'))
    await asked
    const closing = close(60_000)
    void close(1)
    void close(30_000)
    await closing
    expect(log).toHaveLength(1)
    expect(log[0]).toContain('still busy after 0.001 s')
  })
})

describe('the file of a unix socket', () => {
  test('goes when the server stops to listen, while requests still run: a successor can come', async () => {
    const path = `${ownDirectory()}/a.sock`
    const { app, asked, finish } = slow()
    const old = await serveHere(app, { httpSocket: path })
    const client = await connectTo(old.where)
    await client.send(get('/slow'))
    await asked
    const closing = old.close()
    expect(existsSync(path)).toBe(false)
    const successor = await serveHere(hello, { httpSocket: path })
    finish()
    await client.response()
    await closing
    expect(await ask(successor.where)).toBe('hello')
  })

  test('goes with a server that is cut', async () => {
    const path = `${ownDirectory()}/a.sock`
    const server = await serve(hello, { httpSocket: path, log: () => {} })
    expect(await ask(whereOf(server.listeners[0]))).toBe('hello')
    await server.close(0)
    expect(existsSync(path)).toBe(false)
  })
})
