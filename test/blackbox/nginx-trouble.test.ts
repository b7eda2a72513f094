// Crowds in front of nginx/nginx.conf, and clients that leave: each gets its own answer, the
// application is told, the logs stay clean and the next request is served.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Edit } from './nginx.js'
import { ask, MIB, open, request, Stack, startStack, told, WAYS } from './nginx-stack.js'
import type { RawClient } from './raw-client.js'

/** Half of an upload of 1 MiB. */
async function sendHalf(client: RawClient): Promise<void> {
  const head = request('/upload', 'POST', [`Content-Length: ${MIB}`])
  await client.send(Buffer.concat([Buffer.from(head), Buffer.alloc(MIB / 2)]))
}

describe.each(WAYS)('%s', (way) => {
  let stack: Stack
  beforeAll(async () => {
    stack = await Stack.start()
  })
  afterAll(() => stack.stop())

  test('64 clients at once are in the application at once', async () => {
    const clients = await Promise.all(Array.from({ length: 64 }, () => open(stack, way)))
    await Promise.all(clients.map((client) => client.send(request('/together'))))
    for (const client of clients) {
      expect((await client.response()).body.toString()).toBe('together')
    }
  })

  test('64 clients at once each get their own answers', async () => {
    const clients = await Promise.all(Array.from({ length: 64 }, () => open(stack, way)))
    await Promise.all(
      clients.map(async (client, number) => {
        for (let i = 0; i < 20; i++) {
          await client.send(request(`/${number}?${i}`))
          const { env } = told(await client.response())
          expect(env).toMatchObject({ PATH_INFO: `/${number}`, QUERY_STRING: String(i) })
        }
      }),
    )
  })

  test('a client that leaves in mid-reply ends the generator', async () => {
    const closed = () => stack.postern.output.split('endless was closed\n').length
    const before = closed()
    const client = await open(stack, way)
    await client.send(request('/endless'))
    await client.has(MIB)
    client.destroy()
    await stack.postern.until(() => closed() > before, 'the finally block')
    expect(await ask(stack, way, '/no-such')).toContain('"PATH_INFO":"/no-such"')
  })

  test('a client that leaves in mid-upload never reaches the application', async () => {
    const before = Number(await ask(stack, way, '/count'))
    const client = await open(stack, way)
    await sendHalf(client)
    client.destroy()
    let asked = 0
    while (!stack.nginx.requests.some((line) => line.includes('POST /upload'))) {
      expect(Number(await ask(stack, way, '/count'))).toBe(before + ++asked)
      expect(asked).toBeLessThan(1000)
    }
    expect(Number(await ask(stack, way, '/count'))).toBe(before + asked + 1)
    expect(stack.postern.output).not.toContain('upload of ')
  })

  test('a body that the application does not read is no error', async () => {
    const body = Buffer.alloc(4 * MIB)
    const head = request('/ignore', 'POST', [`Content-Length: ${body.length}`])
    const client = await open(stack, way)
    for (let i = 0; i < 3; i++) {
      await client.send(Buffer.concat([Buffer.from(head), body]))
      expect((await client.response()).body.toString()).toBe('not read')
    }
  })
})

/** The application has read the first of an upload with this CONTENT_LENGTH. */
function begun({ postern }: Stack, length: string): Promise<void> {
  return postern.until(() => postern.output.includes(`upload of ${length}\n`), 'the upload')
}

const UNBUFFERED: readonly Edit[] = [
  ['uwsgi_request_buffering on', 'uwsgi_request_buffering off'],
  ['proxy_request_buffering on', 'proxy_request_buffering off'],
]

describe('with request buffering off', () => {
  test.each(WAYS)('%s: an upload is read as it arrives', async (way) => {
    const stack = await startStack({ edits: UNBUFFERED })
    const client = await open(stack, way)
    await sendHalf(client)
    await begun(stack, String(MIB))
    await client.send(Buffer.alloc(MIB / 2))
    expect((await client.response()).body.toString()).toMatch(`${MIB} `)
    await stack.stop()
  })

  test.each(WAYS)('%s: a client that leaves in mid-upload fails the read', async (way) => {
    const stack = await startStack({ edits: UNBUFFERED })
    const client = await open(stack, way)
    await sendHalf(client)
    await begun(stack, String(MIB))
    client.destroy()
    await stack.postern.until(() => /^upload failed: /m.test(stack.postern.output), 'the failure')
    expect(await ask(stack, way, '/count')).toBe('2')
    await stack.stop()
  })

  test('HTTP: chunks are passed on as chunks, without a length', async () => {
    const stack = await startStack({ edits: UNBUFFERED })
    const client = await open(stack, 'HTTP with keep-alive')
    await client.send(request('/upload', 'POST', ['Transfer-Encoding: chunked']))
    await client.send('3\r\nabc\r\n')
    await begun(stack, 'undefined')
    await client.send('2\r\nde\r\n0\r\n\r\n')
    expect((await client.response()).body.toString()).toMatch(/^5 /)
    await stack.stop()
  })
})
