// wsgi.file_wrapper: untouched, read by hand, and behind middleware.
import { Readable } from 'node:stream'
import { describe, expect, test, vi } from 'vitest'
import { createFileWrapper } from '../../src/gateway/file-wrapper.js'
import type { GatewayApp, WrappableFile } from '../../src/gateway/types.js'
import { FLAG_HEAD } from '../../src/native/layout.js'
import { MemoryHost, start, turn } from '../support/memory-host.js'
import { TEXT } from '../support/results.js'

describe('the class', () => {
  const FileWrapper = createFileWrapper((fd, size) => Buffer.from(`${fd}:${size}`))

  test.each<[unknown, string]>([
    [null, 'not null'],
    [undefined, 'not undefined'],
    ['path', 'not a string'],
    [3, 'not a number'],
    [{}, 'not an object'],
    [{ fd: '3' }, 'not an object'],
    [{ read: 5 }, 'not an object'],
    [() => 'x', 'not a function'],
    [{ fd: -1, read() {} }, 'not a descriptor -1: the file is closed'],
    [{ fd: Number.NaN }, 'not a descriptor NaN'],
    [new Blob(['x']), 'not a Blob: give it its stream()'],
  ])('W47: %j is no file: the application learns it when it makes the wrapper', (file, what) => {
    const make = () => new FileWrapper(file as never)
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_BAD_FILE' }))
    expect(make).toThrow(what)
  })

  test.each([[0], [-1], [1.5], [Number.NaN], ['8192'], [null]])(
    'W47: %j is no block size',
    (size) => {
      expect(() => new FileWrapper({ fd: 0 }, size as never)).toThrow(
        expect.objectContaining({ code: 'ERR_BAD_FILE' }),
      )
    },
  )

  test.each<[string, () => object]>([
    ['a stream of Node', () => Readable.from(['a', 'b'])],
    ['one that has a descriptor too', () => Object.assign(Readable.from(['a', 'b']), { fd: 0 })],
    ['a web stream', () => ReadableStream.from(['a', 'b'])],
    [
      'an async generator',
      async function* () {
        yield 'a'
        yield 'b'
      },
    ],
  ])('W47: %s gives its own blocks', async (_name, make) => {
    const wrapped = new FileWrapper(make() as never)
    expect(wrapped.descriptor).toBeUndefined()
    const seen: unknown[] = []
    for await (const block of wrapped) seen.push(block)
    expect(seen).toEqual(['a', 'b'])
  })

  test('W47: close() ends a stream that was not read', async () => {
    const stream = new Readable({ read() {} })
    new FileWrapper(stream as never).close()
    expect(stream.destroyed).toBe(true)
    const cancel = vi.fn()
    await new FileWrapper(new ReadableStream({ cancel }) as never).close()
    expect(cancel).toHaveBeenCalledTimes(1)
  })

  test('W47: close() waits for the read that is under way', async () => {
    let finish: (bytes: Uint8Array) => void = () => {}
    const Slow = createFileWrapper(
      () =>
        new Promise((resolve) => {
          finish = resolve
        }),
    )
    const close = vi.fn()
    const wrapped = new Slow({ fd: 0, close })
    const step = wrapped[Symbol.asyncIterator]().next()
    const closed = wrapped.close()
    await turn()
    expect(close).not.toHaveBeenCalled()
    finish(Buffer.from('x'))
    await closed
    expect(close).toHaveBeenCalledTimes(1)
    expect(await step).toEqual({ done: false, value: Buffer.from('x') })
  })

  test('W47: an object with only read() is read in blocks of the size asked for', async () => {
    const sizes: number[] = []
    const blocks = ['abc', Buffer.from('de'), '']
    const read = (size: number) => {
      sizes.push(size)
      return blocks.shift()
    }
    const seen: unknown[] = []
    for await (const block of new FileWrapper({ read }, 3)) seen.push(block)
    expect(seen).toEqual(['abc', Buffer.from('de')])
    expect(sizes).toEqual([3, 3, 3])
  })

  test.each([[null], [undefined], [''], [Buffer.alloc(0)], [Promise.resolve(null)]])(
    'W47: read() that gives %j is at its end',
    async (end) => {
      const seen: unknown[] = []
      for await (const block of new FileWrapper({ read: () => end as never })) seen.push(block)
      expect(seen).toEqual([])
    },
  )

  test('W47: read() is called on its file and may be asynchronous', async () => {
    const file = {
      left: 2,
      async read() {
        return this.left-- > 0 ? 'x' : null
      },
    }
    const seen: unknown[] = []
    for await (const block of new FileWrapper(file)) seen.push(block)
    expect(seen).toEqual(['x', 'x'])
  })

  test('W47: blocks are of 8192 bytes unless it is said otherwise', () => {
    expect(new FileWrapper({ fd: 0 }).blockSize).toBe(8192)
    expect(new FileWrapper({ fd: 0 }, 10).blockSize).toBe(10)
  })

  test('W47: a descriptor wins over read(), which may be one of another kind (FileHandle)', async () => {
    const read = vi.fn()
    const iterator = new FileWrapper({ fd: 5, read }, 10)[Symbol.asyncIterator]()
    expect(await iterator.next()).toEqual({ done: false, value: Buffer.from('5:10') })
    expect(read).not.toHaveBeenCalled()
  })

  test('W47: close() closes the file, if it can be closed', () => {
    const close = vi.fn(() => 'closed')
    expect(new FileWrapper({ fd: 0, close }).close()).toBe('closed')
    expect(new FileWrapper({ fd: 0 }).close()).toBeUndefined()
    expect(close).toHaveBeenCalledTimes(1)
  })
})

describe('file_wrapper', () => {
  function withFile(content: string, at = 0, regular = true) {
    const host = new MemoryHost()
    host.files.set(7, { bytes: Buffer.from(content), at, regular })
    const close = vi.fn()
    return { host, close, file: { fd: 7, close } }
  }
  const wrap =
    (file: object, headers = TEXT): GatewayApp =>
    (environ, startResponse) => {
      startResponse('200 OK', headers)
      return new environ['wsgi.file_wrapper'](file as WrappableFile)
    }

  test('W48: a file is sent from its position, with its length', async () => {
    const { host, close, file } = withFile('0123456789', 4)
    start(wrap(file), {}, host)
    expect(await host.outcome()).toMatchObject({ body: '456789', length: 6, end: 'whole' })
    expect(close).toHaveBeenCalledTimes(1)
  })

  test('W48: no more than Content-Length, and that is no error', async () => {
    for (const regular of [true, false]) {
      const { host, close, file } = withFile('0123456789', 0, regular)
      start(wrap(file, [['Content-Length', '3']]), {}, host)
      expect(await host.outcome()).toMatchObject({ body: '012', length: 3, end: 'whole' })
      expect(close).toHaveBeenCalledTimes(1)
      expect(host.errors).toEqual([])
    }
  })

  test('W48: a file that is too short for Content-Length cuts the response', async () => {
    for (const content of ['0123', '']) {
      const { host, file } = withFile(content)
      start(wrap(file, [['Content-Length', '10']]), {}, host)
      expect(await host.outcome()).toMatchObject({ body: content, length: 10, end: 'cut' })
      expect(host.errors).toHaveLength(1)
    }
  })

  test('W47: what is no regular file is read in blocks', async () => {
    const { host, close, file } = withFile('x'.repeat(20_000), 0, false)
    start(wrap(file), {}, host)
    const outcome = await host.outcome()
    expect(outcome.blocks.map((block) => block.length)).toEqual([8192, 8192, 3616])
    expect(close).toHaveBeenCalledTimes(1)
  })

  test('W47: write() goes before the file', async () => {
    const { host, file } = withFile('file')
    start(
      (environ, startResponse) => {
        startResponse('200 OK', TEXT)('head:')
        return new environ['wsgi.file_wrapper'](file as WrappableFile)
      },
      {},
      host,
    )
    expect(await host.outcome()).toMatchObject({ body: 'head:file', end: 'whole' })
  })

  test('W47 W40: HEAD sends its length and closes it', async () => {
    const { host, close, file } = withFile('0123456789')
    start(wrap(file), { flags: FLAG_HEAD }, host)
    expect(await host.outcome()).toMatchObject({ body: '', length: 10, end: 'whole' })
    expect(close).toHaveBeenCalledTimes(1)
  })

  test('W49: wrapped by middleware it is an ordinary iterable', async () => {
    const { host, close, file } = withFile('x'.repeat(10_000))
    start(
      async function* (environ, startResponse) {
        startResponse('200 OK', TEXT)
        const inner = new environ['wsgi.file_wrapper'](file)
        for await (const block of inner) yield Buffer.from(block).toString('latin1').toUpperCase()
        ;(inner as unknown as { close(): void }).close()
      },
      {},
      host,
    )
    expect(await host.outcome()).toMatchObject({
      body: 'X'.repeat(10_000),
      length: -1,
      end: 'whole',
    })
    expect(close).toHaveBeenCalledTimes(1)
  })

  test('W47 W34: a file is closed when the client goes away', () => {
    const host = new MemoryHost({ highWaterBytes: 1 })
    host.stalled = true
    const close = vi.fn()
    const { exchange } = start(wrap({ read: () => 'more', close }), {}, host)
    exchange.aborted()
    expect(close).toHaveBeenCalledTimes(1)
  })

  test('W47 W34: a stream of Node is destroyed when the client goes', async () => {
    for (const flags of [0, FLAG_HEAD]) {
      const stream = new Readable({ read() {} })
      const { exchange, host } = start(wrap(stream), { flags })
      await turn()
      exchange.aborted()
      await turn()
      expect(stream.destroyed).toBe(true)
      expect(host.errors).toEqual([])
    }
  })

  test('W47 W34: a web stream is cancelled when the client goes', async () => {
    const cancel = vi.fn()
    const { exchange, host } = start(wrap(new ReadableStream({ cancel })))
    await turn()
    exchange.aborted()
    await turn()
    expect(cancel).toHaveBeenCalledTimes(1)
    expect(host.errors).toEqual([])
  })

  test('W48: a stream is sent up to Content-Length, and that is no error', async () => {
    const { host } = start(wrap(Readable.from(['abc', 'def']), [['Content-Length', '4']]))
    expect(await host.outcome()).toMatchObject({ body: 'abcd', length: 4, end: 'whole' })
    expect(host.errors).toEqual([])
  })

  test('W29 W47: without startResponse: 500, and the file is closed', async () => {
    const { host, close, file } = withFile('abc')
    start((environ) => new environ['wsgi.file_wrapper'](file), {}, host)
    expect(await host.outcome()).toMatchObject({ status: '500 Internal Server Error' })
    expect(close).toHaveBeenCalledTimes(1)
  })
})
