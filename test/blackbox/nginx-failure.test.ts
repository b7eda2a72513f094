// What nginx/nginx.conf makes of an application that fails, a server that is down, heads that are too
// big; and that what the file promises about connections and users is so.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ask, MIB, open, request, type Stack, startStack, told, WAYS } from './nginx-stack.js'
import { exchange, fieldOf, type RawResponse } from './raw-client.js'

const FAILED = / error: the application failed: Error: thrown (late )?on purpose$/
const STACK_LINE = /^ {8}at /
const CUT = / upstream prematurely closed connection while reading upstream/
const RESET = / (readv|recv)\(\) failed \(104: Connection reset by peer\) while reading upstream/

/** Connections to a TCP address so far, those included that are just over (TIME_WAIT). */
function connectionsTo(address: string): number {
  const [host, port] = address.split(':')
  const hex = (value: string, digits: number) =>
    Number(value).toString(16).toUpperCase().padStart(digits, '0')
  const bytes = host.split('.').reverse()
  const wanted = `${bytes.map((byte) => hex(byte, 2)).join('')}:${hex(port, 4)}`
  const others = new Set<string>()
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1)) {
    const [, local, remote] = line.trim().split(/\s+/)
    if (local === wanted && !remote.endsWith(':0000')) others.add(remote)
    if (remote === wanted) others.add(local)
  }
  return others.size
}

function expectDown(response: RawResponse): void {
  expect(response.status).toBe(503)
  expect(fieldOf(response, 'retry-after')).toBe('5')
  expect(fieldOf(response, 'content-type')).toBe('text/plain')
  expect(response.body.toString()).toMatch(/^The application is not running\. /)
}

describe('connections between nginx and the server', () => {
  test('over HTTP, requests one after the other share one connection', async () => {
    const stack = await startStack()
    for (let i = 0; i < 20; i++) await ask(stack, 'HTTP with keep-alive', '/count')
    expect(connectionsTo(stack.postern.address('http'))).toBe(1)
    await stack.stop()
  })

  test('over uwsgi, each has its own', async () => {
    const stack = await startStack()
    for (let i = 0; i < 20; i++) await ask(stack, 'uwsgi over TCP', '/count')
    expect(connectionsTo(stack.postern.fronts[2].address)).toBe(20)
    await stack.stop()
  })
})

describe('an application that fails', () => {
  test('before its answer: 500 without the reason, which is in the log', async () => {
    const stack = await startStack()
    for (const way of WAYS) {
      const response = await exchange(stack.where(way), request('/throw'))
      expect(response.status, way).toBe(500)
      expect(response.body.toString(), way).not.toContain('purpose')
      expect(await ask(stack, way, '/count'), way).toMatch(/^\d+$/)
    }
    await stack.stop({ postern: { expect: [FAILED], allow: [STACK_LINE] } })
  })

  test('in the middle of a reply with a length: the client sees that it is cut', async () => {
    const stack = await startStack()
    for (const way of WAYS) {
      const answer = exchange(stack.where(way), request(`/throw-late?${MIB}`))
      await expect(answer, way).rejects.toThrow(/^closed where /)
    }
    await stack.stop({
      postern: { expect: [FAILED], allow: [STACK_LINE] },
      nginx: { expect: [CUT], allow: [RESET] },
    })
  })

  test('in the middle of one without: over TCP the client sees it too', async () => {
    const stack = await startStack()
    for (const way of ['uwsgi over TCP', 'HTTP with keep-alive'] as const) {
      const answer = exchange(stack.where(way), request('/throw-late'))
      await expect(answer, way).rejects.toThrow(/^closed where /)
    }
    await stack.stop({
      postern: { expect: [FAILED], allow: [STACK_LINE] },
      nginx: { expect: [CUT, RESET] },
    })
  })
})

describe('a server that is down', () => {
  test('503 with a page, at once; and everything is as before when it is back', async () => {
    const stack = await startStack()
    for (const way of WAYS) expect(await ask(stack, way, '/count')).toMatch(/^\d+$/)
    await stack.postern.stop()
    for (const way of WAYS) {
      expectDown(await exchange(stack.where(way), request('/')))
      expectDown(
        await exchange(stack.where(way), `${request('/', 'POST', ['Content-Length: 1'])}x`),
      )
    }
    await stack.restartPostern()
    for (const way of WAYS) expect(await ask(stack, way, '/count'), way).toMatch(/^\d+$/)
    await stack.stop({
      nginx: {
        expect: [
          /connect\(\) to unix:.*failed \(2: No such file or directory\) while connecting to upstream/,
          /connect\(\) failed \(111: Connection refused\) while connecting to upstream.*uwsgi:/,
          /connect\(\) failed \(111: Connection refused\) while connecting to upstream.*http:/,
        ],
      },
    })
  })

  test('a server that is stopped answers first what it has begun', async () => {
    const stack = await startStack()
    const clients = await Promise.all(WAYS.map((way) => open(stack, way)))
    for (const client of clients) await client.send(request('/until-term'))
    await stack.postern.until(
      () => stack.postern.output.split('waiting for the end\n').length > WAYS.length,
      'all of them in the application',
    )
    await stack.postern.stop()
    for (const client of clients) {
      expect((await client.response()).body.toString()).toBe('after all')
    }
    await stack.stop()
  })
})

describe('large request heads', () => {
  /** Fields with lines of `size` bytes. */
  const fields = (count: number, size: number) =>
    Array.from({ length: count }, (_, i) => `X-${i}: `.padEnd(size, 'x'))

  async function send(stack: Stack, way: (typeof WAYS)[number], bytes: string) {
    const response = await exchange(stack.where(way), bytes)
    expect(await ask(stack, way, '/count'), way).toMatch(/^\d+$/)
    return response
  }

  test.each(WAYS)('%s: a head of 56 KiB arrives', async (way) => {
    const stack = await startStack()
    const response = await send(
      stack,
      way,
      request(`/?${'q'.repeat(7900)}`, 'GET', fields(6, 8000)),
    )
    const { env } = told(response)
    expect(env.QUERY_STRING).toHaveLength(7900)
    expect(Object.keys(env).filter((key) => /^HTTP_X_\d$/.test(key))).toHaveLength(6)
    await stack.stop()
  })

  test.each(WAYS)('%s: what is larger is refused by nginx, with 400', async (way) => {
    const stack = await startStack()
    const response = await send(stack, way, request('/', 'GET', fields(8, 8000)))
    expect(response.status).toBe(400)
    expect(response.body.toString()).toContain('Request Header Or Cookie Too Large')
    await stack.stop()
  })

  test('what nginx lets through and no packet can hold is 500, over uwsgi only', async () => {
    const stack = await startStack()
    const bytes = request(`/?${'q'.repeat(8165)}`, 'GET', fields(6, 8168))
    for (const way of WAYS) {
      const response = await send(stack, way, bytes)
      expect(response.status, way).toBe(way === 'HTTP with keep-alive' ? 200 : 500)
    }
    await stack.stop({ nginx: { expect: [/ \[alert\] .* uwsgi request is too big: 6\d{4}/] } })
  })
})

test('an ordinary user can run it, uploads included', async () => {
  const nobody = 65_534
  const stack = await startStack(process.getuid?.() === 0 ? { uid: nobody } : {})
  const head = request('/', 'POST', [`Content-Length: ${MIB}`])
  for (const way of WAYS) {
    const client = await open(stack, way)
    await client.send(Buffer.concat([Buffer.from(head), Buffer.alloc(MIB)]))
    expect(told(await client.response()).body, way).toMatch(`${MIB} `)
  }
  // Each of them; what were missing here, nginx would make where only root may.
  const folders = readdirSync(`${stack.postern.dir}/nginx`)
  expect(folders.sort()).toEqual(['access.log', 'fastcgi', 'proxy', 'scgi', 'uwsgi'])
  await stack.stop()
})
