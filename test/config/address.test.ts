// Socket addresses as people write them, and what is none.
import { describe, expect, test } from 'vitest'
import { type Address, formatAddress, parseAddress } from '../../src/config/address.js'
import { ConfigError } from '../../src/errors.js'

const tcp = (host: string, port: number): Address => ({ kind: 'tcp', host, port })
const unix = (path: string): Address => ({ kind: 'unix', path })

const GOOD: [text: string, address: Address, formatted?: string][] = [
  ['127.0.0.1:8000', tcp('127.0.0.1', 8000)],
  ['localhost:0', tcp('localhost', 0)],
  ['app.example.org:65535', tcp('app.example.org', 65535)],
  [':80', tcp('0.0.0.0', 80), '0.0.0.0:80'],
  ['*:80', tcp('0.0.0.0', 80), '0.0.0.0:80'],
  ['[::1]:8000', tcp('::1', 8000)],
  ['[::]:0', tcp('::', 0)],
  ['[fe80::1]:80', tcp('fe80::1', 80)],
  ['/run/app.sock', unix('/run/app.sock')],
  ['./app.sock', unix('./app.sock')],
  ['run/app.sock', unix('run/app.sock')],
  ['/run/app:8000', unix('/run/app:8000')],
  ['unix:/run/app.sock', unix('/run/app.sock'), '/run/app.sock'],
  ['unix:///run/app.sock', unix('///run/app.sock'), '///run/app.sock'],
  ['unix:app.sock', unix('./app.sock'), './app.sock'],
  ['@app', { kind: 'abstract', name: 'app' }],
  ['@/run/app:80', { kind: 'abstract', name: '/run/app:80' }],
  ['fd://3', { kind: 'fd', fd: 3 }],
  ['fd:12', { kind: 'fd', fd: 12 }, 'fd://12'],
]

describe('an address', () => {
  test.each(GOOD)('%s is understood', (text, address) => {
    expect(parseAddress(text, 'socket')).toEqual(address)
  })

  test.each(GOOD)(
    '%s comes out again as it was, or in its plain form',
    (text, address, formatted) => {
      expect(formatAddress(address)).toBe(formatted ?? text)
      expect(parseAddress(formatAddress(address), 'socket')).toEqual(address)
    },
  )

  test.each([
    ['', 'HOST:PORT'],
    ['8000', 'write ":8000" for a port'],
    ['localhost', 'HOST:PORT'],
    ['localhost:', 'HOST:PORT'],
    ['localhost:http', 'HOST:PORT'],
    ['localhost:-1', 'HOST:PORT'],
    ['localhost:65536', 'a port is at most 65535'],
    ['localhost:123456', 'HOST:PORT'],
    ['::1:8000', '[V6]:PORT'],
    ['[::1]', '[V6]:PORT'],
    ['[localhost]:80', '[V6]:PORT'],
    ['user@host:80', 'HOST:PORT'],
    ['@', '@NAME'],
    ['unix:', 'HOST:PORT'],
    ['fd://', 'fd://N'],
    ['fd://x', 'fd://N'],
    ['http://127.0.0.1:8000', 'leave "http://" out'],
    ['tcp://[::1]:8000', 'leave "tcp://" out'],
  ])('%j is refused, with the option and with what would be right', (text, advice) => {
    const parse = () => parseAddress(text, 'http-socket')
    expect(parse).toThrow(ConfigError)
    expect(parse).toThrow(`--http-socket ${JSON.stringify(text)} is not a socket address: `)
    expect(parse).toThrow(advice)
  })
})
