// What an application sees of the addon that no pure test can show: when bytes leave, what becomes
// of blocks that wait, and that nothing an application does takes the process down.
import { AsyncLocalStorage } from 'node:async_hooks'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { GatewayApp, Write } from '../../src/gateway/types.js'
import { Client } from '../contract/client.js'
import { gatewayRow, type RunningRow } from '../contract/row.js'
import { turn } from '../support/memory-host.js'
import { answer, TEXT } from '../support/results.js'
import { fixture, ROOT } from './postern.js'

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

let running: RunningRow | undefined

afterEach(async () => {
  await running?.close(0)
  running = undefined
})

const ADDON = resolve(ROOT, process.env.POSTERN_ADDON ?? 'build/Debug/postern.node')

async function serving(app: GatewayApp): Promise<RunningRow> {
  running = await gatewayRow('http').start(app)
  return running
}

describe('the end of a response', () => {
  test.each<[string, () => unknown]>([
    [
      'of an async generator',
      async function* () {
        yield 'a'
        await turn()
      },
    ],
    [
      'of a stream',
      () =>
        ReadableStream.from(
          (async function* () {
            yield 'a'
            await turn()
          })(),
        ),
    ],
  ])('W32: %s goes out at once, not with the next tick of a second', async (_name, result) => {
    const { target } = await serving(answer(result))
    const client = await Client.open(target)
    const started = performance.now()
    for (let i = 0; i < 6; i++) {
      client.send(GET)
      expect(await client.response()).toMatchObject({ complete: true, framing: 'chunked' })
    }
    client.close()
    expect(performance.now() - started).toBeLessThan(3000)
  })
})

describe('blocks that wait for a slow client', () => {
  const BLOCK = 64 * 1024
  const BLOCKS = 400

  /** Asks, and reads only when the application has stopped making blocks. */
  async function slowly(app: GatewayApp, stopped: Promise<void>): Promise<Buffer> {
    const { target } = await serving(app)
    const client = await Client.open(target, false)
    client.send(GET)
    await stopped
    client.resume()
    const response = await client.response()
    client.close()
    expect(response).toMatchObject({ complete: true })
    return response?.body ?? Buffer.alloc(0)
  }

  /** Block after block has only its own number in it. */
  function countBad(body: Buffer): number {
    let bad = 0
    for (let i = 0; i < BLOCKS; i++) {
      const block = body.subarray(i * BLOCK, (i + 1) * BLOCK)
      if (!block.equals(Buffer.alloc(BLOCK, i % 251))) bad++
    }
    return bad
  }

  /** Resolves when the server has let the loop run without asking for a block. */
  function untilQuiet(made: () => number): Promise<void> {
    return new Promise((done) => {
      const look = (before: number, calm: number) => {
        const now = made()
        if (calm === 20) done()
        else setImmediate(() => look(now, now === before && now > 0 ? calm + 1 : 0))
      }
      look(0, 0)
    })
  }

  test('W32: a generator may use one buffer again and again', async () => {
    let made = 0
    const buffer = Buffer.alloc(BLOCK)
    const app = answer(function* () {
      for (; made < BLOCKS; made++) yield buffer.fill(made % 251)
    })
    const body = await slowly(
      app,
      untilQuiet(() => made),
    )
    expect(body.length).toBe(BLOCKS * BLOCK)
    expect(countBad(body)).toBe(0)
  })

  test('W31: what was given to write() may be changed, transferred and collected', async () => {
    let made = 0
    const app: GatewayApp = (_, startResponse) => {
      const write: Write = startResponse('200 OK', TEXT)
      for (; made < BLOCKS; made++) {
        const bytes = new Uint8Array(BLOCK).fill(made % 251)
        write(bytes)
        bytes.fill(255)
        if (made % 2 === 0) structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
      }
      return []
    }
    const body = await slowly(
      app,
      untilQuiet(() => made),
    )
    expect(body.length).toBe(BLOCKS * BLOCK)
    expect(countBad(body)).toBe(0)
  })

  test('J05: a long body that is returned is not copied for a client that does not read', async () => {
    const CLIENTS = 8
    const bytes = Buffer.alloc(BLOCKS * BLOCK, 7)
    let calls = 0
    let all = () => {}
    const called = new Promise<void>((done) => {
      all = done
    })
    const { target } = await serving((_, startResponse) => {
      if (++calls === CLIENTS) all()
      startResponse('200 OK', TEXT)
      return bytes
    })
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => Client.open(target, false)),
    )
    const before = process.memoryUsage().rss
    for (const client of clients) client.send(GET)
    await called
    for (let i = 0; i < 10; i++) await turn()
    expect(process.memoryUsage().rss - before).toBeLessThan(3 * bytes.length)
    for (const client of clients) client.close()
  })
})

describe('memory of every kind', () => {
  test.each<[string, () => Uint8Array]>([
    ['shared memory', () => new Uint8Array(new SharedArrayBuffer(30_000))],
    ['a view of a part', () => new Uint8Array(new ArrayBuffer(50_000), 20, 30_000)],
    ['a resizable buffer', () => resizable(30_000)],
  ])('J01: bytes of %s are sent, whole and as blocks', async (_name, make) => {
    for (const result of [(bytes: Uint8Array) => bytes, (bytes: Uint8Array) => [bytes].values()]) {
      const { target } = await serving(answer(() => result(make().fill(65))))
      const response = await Client.ask(target, GET)
      expect(response?.body.equals(Buffer.alloc(30_000, 65))).toBe(true)
      await running?.close(0)
    }
  })

  test('J01 W32: very many very small blocks come whole and in order', async () => {
    const COUNT = 20_000
    const app = answer(function* () {
      for (let i = 0; i < COUNT; i++) yield i % 3 === 0 ? '' : String(i % 10)
    })
    const { target } = await serving(app)
    const expected = Array.from({ length: COUNT }, (_, i) => (i % 3 === 0 ? '' : i % 10)).join('')
    expect((await Client.ask(target, GET))?.body.toString()).toBe(expected)
  })
})

/** TypeScript's library does not know them yet. */
function resizable(bytes: number): Uint8Array {
  const Resizable = ArrayBuffer as unknown as new (size: number, options: object) => ArrayBuffer
  return new Uint8Array(new Resizable(bytes, { maxByteLength: 2 * bytes }))
}

test('W58: what close() of one result stores, that of another does not find', async () => {
  const storage = new AsyncLocalStorage<string>()
  const found: unknown[] = []
  let waiting = 0
  const { target } = await serving((environ, startResponse) => {
    startResponse('200 OK', TEXT)
    waiting++
    const close = () => {
      found.push(storage.getStore())
      storage.enterWith(environ.PATH_INFO)
    }
    return { next: () => new Promise<never>(() => {}), close } as never
  })
  const clients = await Promise.all(Array.from({ length: 6 }, () => Client.open(target)))
  for (const client of clients) client.send(GET)
  await vi.waitFor(() => expect(waiting).toBe(clients.length))
  for (const client of clients) client.reset() // all of them before the server looks again
  await vi.waitFor(() => expect(found).toHaveLength(clients.length))
  expect(found).toEqual(clients.map(() => undefined))
})

describe('the process survives, or ends as it was told', () => {
  async function live(scenario: string) {
    const directory = mkdtempSync(join(tmpdir(), 'postern-'))
    const child = spawn(process.execPath, ['--expose-gc', fixture('gateway-life.mjs'), scenario], {
      env: { ...process.env, NODE_OPTIONS: '', POSTERN_ADDON: ADDON, TMPDIR: directory },
    })
    let output = ''
    let errors = ''
    child.stdout.on('data', (text) => {
      output += text
    })
    child.stderr.on('data', (text) => {
      errors += text
    })
    const [code, signal] = await once(child, 'close')
    rmSync(directory, { recursive: true })
    return { code: code ?? signal, lines: output.split('\n').filter((line) => line), errors }
  }

  test.each<[string, number, string[]]>([
    ['exit in the application', 3, []],
    ['exit in a generator', 3, []],
    ['exit in close() of a result', 3, []],
    ['exit in the log', 3, []],
    ['exit with a server that was never closed', 3, []],
    ['close in the application', 0, ['true', 'closed']],
    ['close in the log of the native side', 0, ['HTTP/1.1 400', 'closed']],
    ['collect garbage under requests that run', 0, ['1']],
    ['engines that come and go', 0, ['done']],
    ['two copies of the addon', 0, ['0,0']],
    ['main and two workers serve', 0, ['main', 'a worker', 'a worker', '0,0', 'main']],
    ['terminate workers in a request', 0, ['/spin 1', '/wait 1', '/stream 1']],
    ['exit in a worker', 0, ['4']],
  ])('W56 W57: %s', async (scenario, code, lines) => {
    expect(await live(scenario)).toEqual({ code, lines, errors: '' })
  })

  test('W34 W59: close() tells every request that still runs, and nothing is left unhandled', async () => {
    const { code, lines, errors } = await live('close under requests that run')
    expect({ code, errors }).toEqual({ code: 0, errors: '' })
    expect(lines.sort()).toEqual([
      'cancel',
      'close',
      'closed',
      'read: wsgi.input: the server has stopped',
      'return',
    ])
  })
})
