// What an engine must bear: crowds, large bodies both ways, clients that are slow, gone or lost,
// too few descriptors, and being told to stop in the middle of it all.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fixture, type Postern, type StartOptions, start, temporaryDirectory } from './postern.js'
import { exchange, fieldOf, nextTurn, RawClient, type Where } from './raw-client.js'
import { uwsgiRequest } from './uwsgi-packet.js'

const MIB = 1024 * 1024

async function serve(args: readonly string[], options?: StartOptions): Promise<Postern> {
  const postern = await start([fixture('engine.mjs'), ...args], options)
  onTestFinished(() => postern.kill())
  return postern
}

function serveTcp(...args: string[]): Promise<Postern> {
  return serve(['--http-socket', '127.0.0.1:0', ...args])
}

async function open(where: Where): Promise<RawClient> {
  const client = await RawClient.connect(where)
  onTestFinished(() => client.destroy())
  return client
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
}

async function ask(where: Where, path: string): Promise<string> {
  return (await exchange(where, get(path))).body.toString()
}

/** Bytes that are not all the same. */
function bytes(size: number): Buffer {
  const block = Buffer.from(Array.from({ length: 65_521 }, (_, i) => (i * 7) % 256))
  return Buffer.alloc(size, block)
}

function sum(body: Uint8Array): string {
  return `${body.length} ${createHash('sha256').update(body).digest('hex')}`
}

function chunked(body: Buffer, chunk: number): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < body.length; at += chunk) {
    const piece = body.subarray(at, at + chunk)
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

/** Head and body of an upload, in both framings. */
function uploads(path: string, body: Buffer): Record<string, Buffer> {
  const head = (field: string) =>
    Buffer.from(`POST ${path} HTTP/1.1\r\nHost: a\r\n${field}\r\n\r\n`)
  return {
    length: Buffer.concat([head(`Content-Length: ${body.length}`), body]),
    chunked: Buffer.concat([head('Transfer-Encoding: chunked'), chunked(body, 50_000)]),
  }
}

/** Resident memory of a process in bytes. */
function residentBytes(pid: number): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  return Number(kib) * 1024
}

/** CPU time of a process, user and system, in seconds. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Asks until the answer stays the same for a while: what was in motion has come to rest. */
async function settled(question: () => Promise<string>): Promise<string> {
  let last = await question()
  for (let same = 0; same < 50; ) {
    const now = await question()
    same = now === last ? same + 1 : 0
    last = now
  }
  return last
}

describe('many connections', () => {
  test('64 keep-alive connections at once each get their own answers', async () => {
    const postern = await serveTcp()
    const where = postern.where()
    const clients = await Promise.all(Array.from({ length: 64 }, () => open(where)))
    await Promise.all(
      clients.map(async (client) => {
        for (let i = 0; i < 30; i++) {
          await client.send(get('/port'))
          const response = await client.response()
          expect(response.body.toString()).toBe(String(client.localPort))
          expect(response.closes).toBe(false)
        }
      }),
    )
    await postern.stop()
  })

  test('pipelined requests of many connections are answered in order', async () => {
    const postern = await serveTcp()
    const where = postern.where()
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        const client = await open(where)
        await client.send(`${get('/port')}${get('/nowhere')}`.repeat(50))
        for (let i = 0; i < 50; i++) {
          expect((await client.response()).body.toString()).toBe(String(client.localPort))
          expect((await client.response()).status).toBe(404)
        }
      }),
    )
    await postern.stop()
  })
})

describe('large request bodies', () => {
  const body = bytes(10 * MIB)

  for (const [framing, request] of Object.entries(uploads('/read', body))) {
    test(`10 MiB by ${framing} arrive as they were sent, and the connection goes on`, async () => {
      const postern = await serveTcp()
      const client = await open(postern.where())
      const sending = client.send(request)
      expect((await client.response()).body.toString()).toBe(sum(body))
      await sending
      await client.send(get('/port'))
      expect((await client.response()).status).toBe(200)
      await postern.stop()
    })
  }

  for (const [framing, request] of Object.entries(uploads('/ignore', body))) {
    test(`the answer arrives although nobody reads the 10 MiB sent by ${framing}`, async () => {
      const postern = await serveTcp()
      const client = await open(postern.where())
      const sending = client.send(request)
      const response = await client.response()
      expect(response.body.toString()).toBe('not read')
      if (framing === 'length') expect(response.closes).toBe(true)
      await sending
      await client.rest()
      client.destroy()
      await postern.stop()
    })
  }

  test('an application that does not read yet stops the client, not the memory', async () => {
    const large = bytes(48 * MIB)
    const postern = await serve(['--http-socket', './postern.sock'])
    const where = { path: `${postern.dir}/postern.sock` }
    await ask(where, '/port')
    const before = residentBytes(postern.pid)
    const client = await open(where)
    let sent = false
    const sending = client.send(uploads('/late', large).length).then(() => {
      sent = true
    })
    await settled(async () =>
      String(client.socket.bytesWritten + (await ask(where, '/port')).length),
    )
    expect(sent).toBe(false)
    expect(residentBytes(postern.pid) - before).toBeLessThan(16 * MIB)
    expect(await ask(where, '/go')).toBe('1')
    await sending
    expect((await client.response()).body.toString()).toBe(sum(large))
    await postern.stop()
  })
})

describe('slow and lost clients', () => {
  test('a client that does not read stops the application, not the memory', async () => {
    const postern = await serve(['--http-socket', './postern.sock'])
    const where = { path: `${postern.dir}/postern.sock` }
    await ask(where, '/made')
    const before = residentBytes(postern.pid)
    const client = await open(where)
    client.pause()
    await client.send(get('/stream'))
    const made = Number(await settled(() => ask(where, '/made')))
    expect(made).toBeGreaterThan(0)
    expect(made).toBeLessThan(32)
    expect(residentBytes(postern.pid) - before).toBeLessThan(8 * MIB)
    client.resume()
    const { body } = await client.response()
    expect(body.length).toBe(20 * MIB)
    expect(body.every((byte, at) => byte === Math.floor(at / 65_536) % 251)).toBe(true)
    await postern.stop()
  })

  const requests: Record<string, string | Buffer> = {
    http: get('/endless'),
    uwsgi: uwsgiRequest('GET', '/endless'),
  }
  for (const [protocol, request] of Object.entries(requests)) {
    test(`${protocol}: a client that goes away in mid-reply ends the generator`, async () => {
      const option = protocol === 'http' ? '--http-socket' : '--socket'
      const postern = await serve([option, '127.0.0.1:0'])
      const client = await open(postern.where(protocol))
      await client.send(request)
      await client.has(1_000_000)
      client.destroy()
      await postern.until(
        () => postern.output.includes('endless was closed\n'),
        'the finally block',
      )
      await postern.stop()
    })
  }

  test('a client that goes away in mid-request does not disturb the others', async () => {
    const postern = await serveTcp()
    const where = postern.where()
    for (const part of [
      'GET /po',
      'POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc',
    ]) {
      const client = await open(where)
      await client.send(part)
      await ask(where, '/port')
      client.socket.resetAndDestroy()
    }
    expect(Number(await ask(where, '/port'))).toBeGreaterThan(0)
    await postern.stop()
  })
})

describe('other protocols on the uwsgi socket are answered at once and explained once', () => {
  const hello = Buffer.from(
    '16030100310100002d030311111111111111111111111111111111111111111111111111111111111111110000' +
      '0600ff13011302010000000000',
    'hex',
  )
  const strangers: Record<string, { bytes: Buffer | string; says: RegExp }> = {
    HTTP: { bytes: get('/'), says: / warning: HTTP spoken to a uwsgi socket: use http-socket/ },
    TLS: { bytes: hello, says: / warning: TLS spoken to a uwsgi socket: .*https-socket/ },
  }
  for (const [name, stranger] of Object.entries(strangers)) {
    test(name, async () => {
      const postern = await serve(['--socket', '127.0.0.1:0'])
      for (let i = 0; i < 3; i++) {
        const client = await open(postern.where('uwsgi'))
        await client.send(stranger.bytes)
        const response = await client.responseOrEnd()
        expect(response?.status ?? 400).toBe(400)
        await client.end()
        client.destroy()
      }
      expect(postern.log.filter((line) => stranger.says.test(line))).toHaveLength(1)
      expect(postern.log).toHaveLength(1)
      await postern.stop({ expect: [stranger.says] })
    })
  }
})

describe('too few descriptors', () => {
  test('the server does not spin, and serves those who wait when others leave', async () => {
    const postern = await serve(['--http-socket', '127.0.0.1:0'], {
      under: ['prlimit', '--nofile=64'],
    })
    const clients = await Promise.all(Array.from({ length: 100 }, () => open(postern.where())))
    await postern.logs(/ error: out of file descriptors/)
    // A second of standing still has to be measured.
    const before = cpuSeconds(postern.pid)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(cpuSeconds(postern.pid) - before).toBeLessThan(0.2)

    const answered = new Set<RawClient>()
    const answers = clients.map(async (client) => {
      await client.send(get('/port'))
      const response = await client.response()
      expect(response.body.toString()).toBe(String(client.localPort))
      answered.add(client)
      client.destroy()
    })
    await Promise.all(answers)
    expect(answered.size).toBe(100)
    await postern.stop({ expect: [/ error: out of file descriptors.*ulimit -n/] })
  })

  test('max-connections: more than that wait in the listen queue', async () => {
    const postern = await serveTcp('--max-connections', '4')
    const clients = await Promise.all(Array.from({ length: 12 }, () => open(postern.where())))
    let busy = 0
    let most = 0
    await Promise.all(
      clients.map(async (client) => {
        await client.send(get('/port'))
        await client.has(1)
        most = Math.max(most, ++busy)
        await nextTurn()
        expect((await client.response()).status).toBe(200)
        busy--
        client.destroy()
      }),
    )
    expect(most).toBeLessThanOrEqual(4)
    await postern.stop()
  })
})

describe('stopping', () => {
  test('under load no request that was accepted before fails', async () => {
    const postern = await serveTcp()
    const where = postern.where()
    const waiters = await Promise.all(Array.from({ length: 8 }, () => open(where)))
    for (const waiter of waiters) await waiter.send(get('/until-term'))

    // Each sends one request after the other, until the server closes its connection.
    let served = 0
    let onEnough: () => void = () => {}
    const enough = new Promise<void>((resolve) => {
      onEnough = resolve
    })
    const asking = new Set<RawClient>()
    const owed = new Set<RawClient>()
    const lost: string[] = []
    const users = Array.from({ length: 32 }, async () => {
      const client = await open(where)
      for (;;) {
        asking.add(client)
        await client.send(get('/port'))
        const response = await client.responseOrEnd()
        asking.delete(client)
        if (response === null) {
          if (owed.has(client)) lost.push(`connection ${client.localPort}`)
          return
        }
        owed.delete(client)
        if (++served === 32 * 20) onEnough()
        if (response.closes) return client.end()
      }
    })
    await enough
    for (const client of asking) owed.add(client)
    postern.child.kill('SIGTERM')
    await Promise.all(users)
    expect(lost).toEqual([])
    for (const waiter of waiters) {
      const response = await waiter.response()
      expect(response.body.toString()).toBe('after all')
      await waiter.end()
    }
    await postern.stopped()
  })

  test('requests that wait in the listen queue are served too', async () => {
    const postern = await serveTcp()
    const clients = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const client = await open(postern.where())
        client.socket.write(get('/port'))
        return client
      }),
    )
    postern.child.kill('SIGTERM')
    for (const client of clients) expect((await client.response()).status).toBe(200)
    await postern.stopped()
  })

  test('idle connections are closed at once', async () => {
    const postern = await serveTcp()
    const [fresh, used] = [await open(postern.where()), await open(postern.where())]
    await used.send(get('/port'))
    await used.response()
    postern.child.kill('SIGTERM')
    await fresh.end()
    await used.end()
    await postern.stopped()
  })

  test('a request that does not end is cut after worker-reload-mercy', async () => {
    const postern = await serveTcp('--worker-reload-mercy', '1')
    const client = await open(postern.where())
    await client.send(get('/late'))
    await ask(postern.where(), '/port')
    postern.child.kill('SIGTERM')
    await client.end()
    await postern.stopped({ expect: [/ warning: 1 connections are still busy after 1 s/] })
  })
})

describe('every kind of address', () => {
  test('an abstract socket', async () => {
    const name = `postern-test-${process.pid}-${Date.now()}`
    const postern = await serve(['--http-socket', `@${name}`])
    expect(postern.address()).toBe(`@${name}`)
    // Node 20 pads abstract names with NULs, so it is what the banner advises that connects.
    const advice = / try +curl (.*)$/m.exec(postern.output)?.[1].split(' ') ?? []
    const answer = await promisify(execFile)('curl', ['-s', ...advice, '--max-time', '10'])
    expect(answer.stdout).toMatch(/^HTTP\/1\.1 404 .*no such route$/s)
    await postern.stop()
  })

  test('an IPv6 address', async () => {
    const postern = await serve(['--http-socket', '[::1]:0'])
    expect(postern.address()).toMatch(/^\[::1\]:\d+$/)
    expect(Number(await ask(postern.where(), '/port'))).toBeGreaterThan(0)
    await postern.stop()
  })

  test('a unix socket, with its mode, gone at the end', async () => {
    const dir = temporaryDirectory()
    const path = `${dir}/postern.sock`
    const postern = await serve(['--http-socket', path, '--chmod-socket', '600'], { dir })
    expect(await ask({ path }, '/port')).toBe('')
    await postern.stop()
    expect(existsSync(path)).toBe(false)
  })

  test('a descriptor that was inherited', async () => {
    const listener = createServer()
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    const { port } = listener.address() as { port: number }
    const { fd } = (listener as unknown as { _handle: { fd: number } })._handle
    const starting = serve(['--http-socket', 'fd://3'], { descriptors: [fd] })
    // The child has its own; ours would take connections away from it.
    listener.close()
    const postern = await starting
    const response = await exchange({ port }, get('/port'))
    expect(fieldOf(response, 'server')).toBe('postern')
    await postern.stop()
  })

  test('several sockets of both protocols at once', async () => {
    const postern = await serve(
      ['127.0.0.1:0', './http.sock']
        .flatMap((address) => ['--http-socket', address])
        .concat(['127.0.0.1:0', './uwsgi.sock'].flatMap((address) => ['--socket', address])),
    )
    expect(postern.fronts.map((front) => front.protocol)).toEqual([
      'http',
      'http',
      'uwsgi',
      'uwsgi',
    ])
    const answers = await Promise.all(
      postern.fronts.map(async ({ protocol, where }) => {
        const request = protocol === 'http' ? get('/ignore') : uwsgiRequest('GET', '/ignore')
        return (await exchange(where, request)).body.toString()
      }),
    )
    expect(answers).toEqual(['not read', 'not read', 'not read', 'not read'])
    await postern.stop()
  })
})
