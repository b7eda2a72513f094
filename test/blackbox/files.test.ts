// Files as bodies, through real sockets: what people hand to wsgi.file_wrapper, and what can happen
// to a file while it is sent.
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  createReadStream,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Environ, GatewayApp, StartResponse, WrappableFile } from '../../src/gateway/types.js'
import { Client } from '../contract/client.js'
import { splitRequests } from '../contract/requests.js'
import { type Response, valuesOf } from '../contract/response.js'
import { gatewayRow, type Row, type RunningRow } from '../contract/row.js'
import { turn } from '../support/memory-host.js'
import { TEXT } from '../support/results.js'

const SIZE = 100_000
const ROWS = [gatewayRow('http'), gatewayRow('uwsgi')]

let directory: string
let path: string
let running: RunningRow | undefined

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'postern-files-'))
  path = join(directory, 'file')
  writeFileSync(path, Buffer.alloc(SIZE, '0123456789'))
})

afterAll(() => rmSync(directory, { recursive: true }))

afterEach(async () => {
  await running?.close(0)
  running = undefined
})

/** Files that were given to the server. */
let handedOver = 0

type Make = () => unknown
const wrapping =
  (make: Make, headers = TEXT): GatewayApp =>
  async (environ: Environ, startResponse) => {
    startResponse('200 OK', headers)
    const file = new environ['wsgi.file_wrapper']((await make()) as WrappableFile)
    handedOver++
    return file
  }

/** Asks without reading; resolves when the server has begun to send. */
async function askWithoutReading(row: Row, app: GatewayApp): Promise<Client> {
  running = await row.start(app)
  const client = await Client.open(running.target, false)
  const before = handedOver
  client.send(row.encode(request()))
  await vi.waitFor(() => expect(handedOver).toBe(before + 1), { interval: 5 })
  await turn()
  return client
}

const request = (method = 'GET') =>
  splitRequests(Buffer.from(`${method} / HTTP/1.1\r\nHost: localhost\r\n\r\n`))[0]

async function ask(row: Row, app: GatewayApp, method = 'GET'): Promise<Response> {
  running = await row.start(app)
  const client = await Client.open(running.target)
  client.send(row.encode(request(method)))
  const response = await client.response(method)
  client.close()
  if (response === null) throw new Error('no response')
  return response
}

/** What this process has open of the test's own directory, pipes and sockets left out. */
function openFiles(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory)
    } catch {
      return false // it was the one that lists them
    }
  }).length
}

function descriptor(skip = 0, name = path, flags = 'r') {
  const fd = openSync(name, flags)
  if (skip > 0) readSync(fd, Buffer.alloc(skip))
  return { fd, close: vi.fn(() => closeSync(fd)) }
}

for (const row of ROWS) {
  describe(`a file over ${row.protocol}`, () => {
    const streamed = row.protocol === 'http' ? 'chunked' : 'close'

    test.each<[string, Make, string]>([
      ['a FileHandle', () => open(path), 'length'],
      ['an object with a descriptor', () => descriptor(), 'length'],
      ['a ReadStream', () => createReadStream(path), streamed],
      [
        'a ReadStream of a descriptor',
        () => createReadStream('', { fd: descriptor().fd }),
        streamed,
      ],
      ['a web stream of a FileHandle', () => bytesOf(path), streamed],
    ])('W47: %s is sent whole, and closed', async (_name, make, framing) => {
      const response = await ask(row, wrapping(make))
      expect(response).toMatchObject({ status: 200, framing, complete: true })
      expect(response.body.equals(Buffer.alloc(SIZE, '0123456789'))).toBe(true)
      await vi.waitFor(() => expect(openFiles()).toBe(0))
    })

    test('W48: from its position', async () => {
      const response = await ask(
        row,
        wrapping(() => descriptor(99_995)),
      )
      expect([response.body.toString(), valuesOf(response, 'content-length')]).toEqual([
        '56789',
        ['5'],
      ])
    })

    test('W48: a part of it, as an answer to a range', async () => {
      const headers: [string, string][] = [
        ['Content-Range', `bytes 12-21/${SIZE}`],
        ['Content-Length', '10'],
      ]
      const response = await ask(
        row,
        wrapping(() => descriptor(12), headers),
      )
      expect(response).toMatchObject({ complete: true, framing: 'length' })
      expect(response.body.toString()).toBe('2345678901')
      expect(running?.lines).toEqual([])
    })

    test('W48: a part of a ReadStream', async () => {
      const response = await ask(
        row,
        wrapping(() => createReadStream(path, { start: 5, end: 9 })),
      )
      expect(response.body.toString()).toBe('56789')
    })

    test('W36 W47: an empty one has a length', async () => {
      const empty = join(directory, 'empty')
      writeFileSync(empty, '')
      const response = await ask(
        row,
        wrapping(() => open(empty)),
      )
      expect(response).toMatchObject({ framing: 'length', complete: true })
      expect(response.body.length).toBe(0)
    })

    test('W40: HEAD gets its length and none of it', async () => {
      const file = descriptor()
      const response = await ask(
        row,
        wrapping(() => file),
        'HEAD',
      )
      expect(valuesOf(response, 'content-length')).toEqual([String(SIZE)])
      expect(response.body.length).toBe(0)
      expect(file.close).toHaveBeenCalledTimes(1)
    })

    test('W47 W45: one that cannot be read is 500', async () => {
      for (const make of [
        () => descriptor(0, join(directory, 'new'), 'w'),
        () => descriptor(0, directory),
        () => {
          const { fd, close } = descriptor()
          close()
          return { fd }
        },
        () => createReadStream(join(directory, 'none')),
      ]) {
        const response = await ask(row, wrapping(make))
        expect(response.status).toBe(500)
        expect(running?.lines.join('')).toMatch(/EBADF|EISDIR|ENOENT/)
        await running?.close(0)
      }
    })

    test('W39: one that becomes shorter while it is sent is cut, and the log says so', async () => {
      const large = join(directory, 'large')
      writeFileSync(large, Buffer.alloc(20_000_000))
      const client = await askWithoutReading(
        row,
        wrapping(() => open(large)),
      )
      truncateSync(large, 10)
      client.resume()
      const response = await client.response()
      client.close()
      expect(response?.complete).toBe(false)
      await vi.waitFor(() =>
        expect(running?.lines.join('')).toContain('a file became shorter while it was sent'),
      )
    })

    test('W34: the client goes in the middle: it is closed', async () => {
      const large = join(directory, 'large')
      writeFileSync(large, Buffer.alloc(20_000_000))
      for (const make of [() => open(large), () => createReadStream(large)]) {
        running = await row.start(wrapping(make))
        const client = await Client.open(running.target)
        client.send(row.encode(request()))
        await client.gather(1000)
        expect(openFiles()).toBeGreaterThan(0)
        client.reset()
        await vi.waitFor(() => expect(openFiles()).toBe(0), { timeout: 5000 })
        await running.close(0)
      }
    })
  })
}

async function bytesOf(name: string): Promise<ReadableStream> {
  const file = await open(name)
  const stream = file.readableWebStream({ type: 'bytes' } as object)
  const reader = stream.getReader()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read()
      if (!done) return controller.enqueue(value)
      controller.close()
      await file.close()
    },
  })
}

describe('a file', () => {
  test('W47: the application may close its descriptor when it has handed it over', async () => {
    const large = join(directory, 'large')
    const content = Buffer.alloc(20_000_000, 'abcdefghij')
    writeFileSync(large, content)
    const fd = openSync(large, 'r')
    const file = { fd, close: () => closeSync(fd) }
    const client = await askWithoutReading(
      ROWS[0],
      wrapping(() => file),
    )
    expect(() => readSync(fd, Buffer.alloc(1))).toThrow('EBADF')
    client.resume()
    const response = await client.response()
    client.close()
    expect(response?.body.equals(content)).toBe(true)
  })

  test('W47: one of 3 GiB is not read into memory', async () => {
    const sparse = join(directory, 'sparse')
    execFileSync('truncate', ['-s', '3G', sparse])
    running = await ROWS[0].start(wrapping(() => open(sparse)))
    const client = await Client.open(running.target)
    const before = process.memoryUsage().rss
    client.send(ROWS[0].encode(request()))
    await client.gather(1000)
    client.pause()
    const length = `Content-Length: ${3 * 2 ** 30}\r\n`
    expect(client.pending.toString('latin1', 0, 300)).toContain(length)
    for (let i = 0; i < 20; i++) await turn()
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20)
    client.close()
  })

  test('W47 W58: a pipe that has nothing to read yet stops nobody else', async () => {
    const fifo = join(directory, 'fifo')
    execFileSync('mkfifo', [fifo])
    const ends = openSync(fifo, 'r+') // to open it for reading only would wait for a writer
    running = await ROWS[0].start((environ, startResponse) => {
      startResponse('200 OK', TEXT)
      if (environ.PATH_INFO === '/ok') return 'ok'
      return new environ['wsgi.file_wrapper']({ fd: ends })
    })
    const client = await Client.open(running.target)
    client.send(ROWS[0].encode(request()))
    await vi.waitFor(() => expect(running?.stats().requests).toBe(1))
    const other = await Client.ask(running.target, 'GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n')
    expect(other?.body.toString()).toBe('ok')
    writeSync(ends, 'from the pipe')
    while (!client.pending.includes('\r\nfrom the pipe\r\n')) await client.more()
    client.close()
    writeSync(ends, 'wakes the last read')
    await vi.waitFor(() => expect(running?.stats().connections).toBe(0))
    closeSync(ends)
  })

  test('W49: middleware may read it in between', async () => {
    const app = async function* (environ: Environ, startResponse: StartResponse) {
      startResponse('200 OK', TEXT)
      const file = new environ['wsgi.file_wrapper'](await open(path), 60_000)
      for await (const block of file) yield Buffer.from(block).reverse()
      await (file as unknown as { close(): Promise<void> }).close()
    }
    running = await ROWS[0].start(app)
    const response = await Client.ask(running.target, ROWS[0].encode(request()))
    const forward = Buffer.alloc(SIZE, '0123456789')
    const expected = [forward.subarray(0, 60_000), forward.subarray(60_000)]
    expect(response?.body.equals(Buffer.concat(expected.map((part) => part.reverse())))).toBe(true)
    expect(openFiles()).toBe(0)
  })
})
