// The reader that all other tests trust: what is no response must not pass for one.
import { describe, expect, test } from 'vitest'
import { type ByteSource, readResponse } from './response.js'

class Bytes implements ByteSource {
  pending: Buffer
  readonly wasReset: boolean
  constructor(text: string, wasReset = false) {
    this.pending = Buffer.from(text, 'latin1')
    this.wasReset = wasReset
  }
  take(bytes: number): Buffer {
    const taken = this.pending.subarray(0, bytes)
    this.pending = this.pending.subarray(bytes)
    return taken
  }
  async more(): Promise<boolean> {
    return false
  }
  now(): number {
    return 0
  }
}

const read = (text: string, method = 'GET', wasReset = false) =>
  readResponse(new Bytes(text, wasReset), method)
const head = (...lines: string[]) => `${['HTTP/1.1 200 OK', ...lines].join('\r\n')}\r\n\r\n`

describe('a message', () => {
  test.each([
    ['a bare LF', 'HTTP/1.1 200 OK\nA: 1\n\n'],
    ['no reason phrase and no space', 'HTTP/1.1 200\r\n\r\n'],
    ['another version', 'HTTP/2 200 OK\r\n\r\n'],
    ['a control character in the reason', 'HTTP/1.1 200 O\0K\r\n\r\n'],
    ['a space before the colon', head('A : 1')],
    ['a folded line', head('A: 1', ' 2')],
    ['a control character in a value', head('A: \x01')],
    ['half a head', 'HTTP/1.1 200 OK\r\nA: 1\r\n'],
    ['two lengths', head('Content-Length: 1', 'Content-Length: 1')],
    ['a length and a coding', head('Content-Length: 1', 'Transfer-Encoding: chunked')],
    ['another coding', head('Transfer-Encoding: gzip')],
    ['a length that is none', head('Content-Length: -1')],
    ['a length of nothing', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n'],
    ['chunks in a 304', 'HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['chunks for HTTP/1.0', 'HTTP/1.0 200 x\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['a chunk size that is none', `${head('Transfer-Encoding: chunked')}x\r\n`],
    ['a chunk without CRLF', `${head('Transfer-Encoding: chunked')}1\r\nabc`],
    ['an interim response alone', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ])('with %s is refused', async (_name, text) => {
    await expect(read(text)).rejects.toThrow()
  })

  test.each<[string, string, string, object]>([
    [
      'with a length',
      `${head('Content-Length: 3')}abc`,
      'GET',
      { framing: 'length', complete: true },
    ],
    [
      'cut in its length',
      `${head('Content-Length: 3')}ab`,
      'GET',
      { framing: 'length', complete: false },
    ],
    [
      'in chunks',
      `${head('Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\n\r\n`,
      'GET',
      { framing: 'chunked', complete: true },
    ],
    [
      'without the last chunk',
      `${head('Transfer-Encoding: chunked')}3\r\nabc\r\n`,
      'GET',
      { framing: 'chunked', complete: false },
    ],
    [
      'cut in a chunk',
      `${head('Transfer-Encoding: chunked')}3\r\nab`,
      'GET',
      { framing: 'chunked', complete: false },
    ],
    ['until the end', `${head()}abc`, 'GET', { framing: 'close', complete: true }],
    ['to HEAD', head('Content-Length: 3'), 'HEAD', { framing: 'none', complete: true }],
  ])('%s is read for what it is', async (_name, text, method, wanted) => {
    expect(await read(text, method)).toMatchObject(wanted)
  })

  test('until a reset is not whole', async () => {
    expect(await read(`${head()}abc`, 'GET', true)).toMatchObject({ complete: false })
  })

  test('has interim responses in front', async () => {
    const response = await read(`HTTP/1.1 100 Continue\r\n\r\n${head('Content-Length: 0')}`)
    expect(response?.interim.map((one) => one.status)).toEqual([100])
  })

  test('may be none at all', async () => {
    expect(await read('')).toBeNull()
  })
})
