// wsgi.input through real sockets: bodies that come late, in parts, not whole, or too much of, and
// what becomes of an application that reads at the wrong time.
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { GatewayInput } from '../../src/gateway/input.js'
import type { Environ, GatewayApp } from '../../src/gateway/types.js'
import { type RunningServer, type ServeOptions, serve } from '../../src/server/serve.js'
import { Client } from '../contract/client.js'
import { turn } from '../support/memory-host.js'
import { withResolvers } from '../support/results.js'

const CHUNKED = 'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n'
const post = (length: number) =>
  `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

let server: RunningServer | undefined
const lines: string[] = []

afterEach(async () => {
  await server?.close(0)
  server = undefined
  lines.length = 0
})

async function connectTo(app: GatewayApp, options: ServeOptions = {}): Promise<Client> {
  const log = (line: string) => void lines.push(line)
  server = await serve(app, { httpSocket: '127.0.0.1:0', log, ...options })
  return Client.open({ port: Number(new URL(server.url ?? '').port) })
}

/** Sends the start of a request and waits until the application has been called. */
async function begin(client: Client, start: string): Promise<void> {
  client.send(start)
  await vi.waitFor(() => expect(server?.stats().requests).toBe(1), { interval: 5 })
}

/** An application that answers with what `use` makes of its input. */
const using =
  (use: (input: GatewayInput, environ: Environ) => unknown): GatewayApp =>
  async (environ, startResponse) => {
    const body = await use(environ['wsgi.input'], environ)
    startResponse('200 OK', [['Content-Type', 'text/plain']])
    return body as string
  }

describe('a body that does not come whole', () => {
  const all = using((input) => input.read())

  test('W15: too long: the read fails, and let through it is 413', async () => {
    const client = await connectTo(all, { limitPost: 10 })
    await begin(client, CHUNKED + chunk('123456'))
    client.send(chunk('789012'))
    expect(await client.response('POST')).toMatchObject({ status: 413, complete: true })
    await client.finish()
    expect(lines).toEqual([])
  })

  test('W15: too slow: 408', async () => {
    const client = await connectTo(all, { socketTimeout: 1 })
    client.send(`${post(10)}12345`)
    expect(await client.response('POST')).toMatchObject({ status: 408, complete: true })
    await client.finish()
    expect(lines).toEqual([])
  })

  test.each([
    ['a chunk size that is none', `${chunk('12345')}x\r\n`],
    ['a chunk without its end', '3\r\nabcd\r\n'],
  ])('W15: %s: 400', async (_name, body) => {
    const client = await connectTo(all)
    await begin(client, CHUNKED)
    client.send(body)
    expect(await client.response('POST')).toMatchObject({ status: 400, complete: true })
    await client.finish()
    expect(lines).toEqual([])
  })

  test('W15: the application may answer it another way; the connection ends all the same', async () => {
    const client = await connectTo(
      using((input) => input.read().catch((error) => `${error.code} ${error.status}`)),
      { limitPost: 4 },
    )
    await begin(client, CHUNKED)
    client.send(chunk('12345'))
    expect((await client.response('POST'))?.body.toString()).toBe('ERR_BODY 413')
    await client.finish()
  })

  test('W15 W34: the client closes in the middle: the read says so', async () => {
    const told: unknown[] = []
    const client = await connectTo(
      using(async (input) => {
        told.push(String(await input.read(3)))
        await input.read().catch((error) => told.push(error.message))
        return ''
      }),
    )
    client.send(`${post(10)}12345`)
    await vi.waitFor(() => expect(told).toEqual(['123']))
    client.reset()
    await vi.waitFor(() => expect(told).toHaveLength(2))
    expect(told[1]).toMatch(/^wsgi\.input: the (client closed|request is over)/)
  })
})

describe('reads', () => {
  test('W15: at once, of what is still coming, are served in their order', async () => {
    const client = await connectTo(
      using(async (input) => {
        const stream = input.stream.getReader()
        const parts = await Promise.all([
          input.read(2),
          input.readline(),
          input.read(0),
          stream.read().then(({ value }) => Buffer.from(value ?? [])),
          input.read(),
          input.read(),
        ])
        return parts.map(String).join('|')
      }),
    )
    client.send(CHUNKED)
    for (const part of ['a', 'bc', 'd\n', 'ef', 'g']) {
      client.send(chunk(part))
      await turn()
    }
    client.send('0\r\n\r\n')
    const [first, second, third, ...rest] = String((await client.response())?.body).split('|')
    expect([first, second, third]).toEqual(['ab', 'cd\n', ''])
    expect(rest).toHaveLength(3)
    expect(rest.join('')).toBe('efg')
    client.close()
  })

  test('W14 W16: over the borders of what arrives, with every method', async () => {
    const line = `${'x'.repeat(70_000)}\n`
    const client = await connectTo(
      using(async (input) => {
        const sizes = [
          await input.read(100_000),
          await input.readline(10),
          await input.readline(),
          Buffer.concat(await input.readlines(1)),
        ].map((part) => part.length)
        for await (const rest of input) sizes.push(rest.length)
        return sizes.join()
      }),
    )
    client.send(post(line.length * 5) + line.repeat(5))
    expect(String((await client.response())?.body)).toBe(
      [100_000, 10, 2 * 70_001 - 100_010, 70_001, 70_001, 70_001].join(),
    )
    client.close()
  })

  test('W15: readline(size) is a bound for lines without an end', async () => {
    const client = await connectTo(
      using(async (input) => {
        const longest = []
        for (let i = 0; i < 4; i++) longest.push((await input.readline(1000)).length)
        return longest.join()
      }),
    )
    client.send(`${post(50_000)}${'x'.repeat(50_000)}`)
    expect(String((await client.response())?.body)).toBe('1000,1000,1000,1000')
    client.close()
  })

  test('W51 W53: what is left unread is not taken for the next request', async () => {
    const client = await connectTo(
      using(async (input, environ) =>
        environ.REQUEST_METHOD === 'GET' ? 'next' : String(await input.read(2)),
      ),
    )
    const body = 'GET /inside HTTP/1.1\r\nHost: a\r\n\r\n'
    for (const request of [post(body.length) + body, `${CHUNKED + chunk(body)}0\r\n\r\n`]) {
      client.send(`${request}GET / HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      expect(String((await client.response())?.body)).toBe('GE')
      expect(String((await client.response())?.body)).toBe('next')
    }
    client.close()
  })

  test('J01: fetch’s own classes can read it', async () => {
    const client = await connectTo(
      using(async (input) => JSON.stringify(await new Response(input.stream).json())),
    )
    client.send(CHUNKED + chunk('{"a":') + chunk('[1]}'))
    await turn()
    client.send('0\r\n\r\n')
    expect(String((await client.response())?.body)).toBe('{"a":[1]}')
    client.close()
  })
})

describe('an application that reads at the wrong time', () => {
  test('W59: a read that waits when the response ends fails, and the connection lives on', async () => {
    const told = withResolvers()
    const messages: string[] = []
    const client = await connectTo((environ, startResponse) => {
      startResponse('200 OK', [])
      if (environ.REQUEST_METHOD === 'GET') return 'next'
      environ['wsgi.input'].read().catch((error) => {
        messages.push(error.message)
        told.resolve()
      })
      return 'no thanks'
    })
    client.send(`${post(10)}12345`)
    expect(String((await client.response())?.body)).toBe('no thanks')
    await told.promise
    expect(messages).toEqual(['wsgi.input: the request is over'])
    client.send('67890GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    expect(String((await client.response())?.body)).toBe('next')
    client.close()
  })

  test('W58 W59: input that is kept reads nothing of the requests that follow', async () => {
    const kept: GatewayInput[] = []
    const client = await connectTo((environ, startResponse) => {
      kept.push(environ['wsgi.input'])
      startResponse('200 OK', [])
      return 'x'
    })
    for (const body of ['first', 'second', 'third']) {
      client.send(post(body.length) + body)
      await client.response()
    }
    client.send(`${CHUNKED}${chunk('late')}`)
    await client.response()
    for (const input of kept) {
      await expect(input.read()).rejects.toMatchObject({ code: 'ERR_BODY', status: 400 })
    }
    client.close()
  })
})
