// Through nginx, in each of the three ways of nginx/nginx.conf: what the client sends is what the
// application reads, and what the application answers is what the client gets.
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, MIB, open, request, Stack, settled, told, WAYS } from './nginx-stack.js'
import { exchange, fieldOf } from './raw-client.js'

let stack: Stack

beforeAll(async () => {
  stack = await Stack.start()
})
afterAll(() => stack.stop())

/** Bytes that are not all the same, as the application makes them. */
function bytes(size: number): Buffer {
  return Buffer.alloc(size, Buffer.from(Array.from({ length: 65_521 }, (_, i) => (i * 7) % 256)))
}

/** A block of /stream. */
function block(index: number): Buffer {
  return Buffer.alloc(65_536, index % 251)
}

function sum(body: Uint8Array): string {
  return `${body.length} ${createHash('sha256').update(body).digest('hex')}`
}

function withLength(method: string, target: string, body: Buffer): Buffer {
  const head = request(target, method, [`Content-Length: ${body.length}`])
  return Buffer.concat([Buffer.from(head), body])
}

function inChunks(method: string, target: string, body: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from(request(target, method, ['Transfer-Encoding: chunked']))]
  for (let at = 0; at < body.length; at += 50_000) {
    const piece = body.subarray(at, at + 50_000)
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

describe.each(WAYS)('%s', (way) => {
  test.each(['GET', 'DELETE', 'OPTIONS', 'PROPFIND', 'M-SEARCH', 'BREW'])(
    '%s without a body arrives as it was sent',
    async (method) => {
      const response = await exchange(stack.where(way), request('/a', method))
      expect(response.status).toBe(200)
      const { env, body } = told(response)
      expect(env).toMatchObject({ REQUEST_METHOD: method, PATH_INFO: '/a' })
      expect(env.CONTENT_LENGTH ?? '').toBe('')
      expect(body).toBe(sum(Buffer.alloc(0)))
    },
  )

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'BREW'])(
    '%s with a body arrives as it was sent',
    async (method) => {
      const content = bytes(1000)
      const response = await exchange(stack.where(way), withLength(method, '/a', content))
      const { env, body } = told(response)
      expect(env).toMatchObject({ REQUEST_METHOD: method, CONTENT_LENGTH: '1000' })
      expect(body).toBe(sum(content))
    },
  )

  test.each([
    ['length', withLength],
    ['chunks', inChunks],
  ])('an upload of 10 MiB with its %s arrives with its length', async (_, make) => {
    const content = bytes(10 * MIB)
    const client = await open(stack, way)
    await client.send(make('PUT', '/a', content))
    const { env, body } = told(await client.response())
    expect(body).toBe(sum(content))
    expect(env.CONTENT_LENGTH).toBe(String(content.length))
    await client.send(request('/a'))
    expect((await client.response()).status).toBe(200)
  })

  test('HEAD: the fields of GET, no body, and the connection goes on', async () => {
    const client = await open(stack, way)
    await client.send(request('/mib', 'HEAD'))
    const response = await client.response('HEAD')
    expect(response.status).toBe(200)
    expect(fieldOf(response, 'content-length')).toBe(String(MIB))
    await client.send(request('/count'))
    expect(Number((await client.response()).body)).toBeGreaterThan(0)
  })

  test('304 keeps its fields and has no body', async () => {
    const client = await open(stack, way)
    await client.send(request('/not-modified', 'GET', ['If-None-Match: "v1"']))
    const response = await client.response()
    expect(response.status).toBe(304)
    expect(fieldOf(response, 'etag')).toBe('"v1"')
    expect(fieldOf(response, 'cache-control')).toBe('max-age=60')
    expect(fieldOf(response, 'last-modified')).toBe('Sat, 01 Jan 2000 00:00:00 GMT')
    await client.send(request('/count'))
    expect((await client.response()).status).toBe(200)
  })

  test('204 keeps its fields and has no body', async () => {
    const client = await open(stack, way)
    await client.send(request('/no-content', 'DELETE'))
    const response = await client.response()
    expect(response.status).toBe(204)
    expect(fieldOf(response, 'x-kept')).toBe('yes')
    await client.send(request('/count'))
    expect((await client.response()).status).toBe(200)
  })

  test('a reply of 1 MiB arrives whole, with its length', async () => {
    const response = await exchange(stack.where(way), request('/mib'))
    expect(fieldOf(response, 'content-length')).toBe(String(MIB))
    expect(sum(response.body)).toBe(sum(bytes(MIB)))
  })

  test('X-Accel-Buffering: no: a block arrives before the next one is made', async () => {
    const { host, port } = stack.where(way)
    const signal = AbortSignal.timeout(15_000)
    const { body } = await fetch(`http://${host}:${port}/turns`, { signal })
    const reader = body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    for (let i = 1; i <= 3; i++) {
      while (!text.endsWith(`data: ${i}\n\n`)) text += (await reader.read()).value
      expect(await ask(stack, way, '/turn')).toBe('1')
    }
    expect((await reader.read()).done).toBe(true)
    expect(text).toBe('data: 1\n\ndata: 2\n\ndata: 3\n\n')
  })

  test('a client that does not read stops the application, and gets all of it later', async () => {
    const client = await open(stack, way)
    const before = Number(await ask(stack, way, '/made'))
    client.pause()
    await client.send(request('/stream'))
    const made = await settled(async () => Number(await ask(stack, way, '/made')))
    expect(made - before).toBeGreaterThan(0)
    // What the sockets of three processes hold is much, and not 64 MiB.
    expect(made - before).toBeLessThan(700)
    client.resume()
    const { body } = await client.response()
    expect(sum(body)).toBe(sum(Buffer.concat(Array.from({ length: 1024 }, (_, i) => block(i)))))
  })

  test('each Set-Cookie is a field of its own, in a head of 12 KiB', async () => {
    const response = await exchange(stack.where(way), request('/cookies'))
    const cookies = response.headers.filter(([name]) => name === 'set-cookie')
    expect(cookies.map(([, value]) => value)).toEqual([
      `a=${'1'.repeat(6000)}; Path=/`,
      `b=${'2'.repeat(6000)}; HttpOnly`,
    ])
  })
})
