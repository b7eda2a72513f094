// "Did you mean": slips of the fingers, and nothing far-fetched.
import { describe, expect, test } from 'vitest'
import { suggest } from '../../src/config/suggest.js'

const NAMES = ['http-socket', 'socket', 'chdir', 'env', 'dev', 'forwarded-allow-ips']

describe('the nearest name', () => {
  test.each([
    ['http-sockt', 'http-socket'],
    ['htp-socket', 'http-socket'],
    ['sokcet', 'socket'],
    ['sockets', 'socket'],
    ['chdri', 'chdir'],
    ['httpsocket', 'http-socket'],
    ['forward-allow-ip', 'forwarded-allow-ips'],
  ])('for %s is %s', (text, name) => {
    expect(suggest(text, NAMES)).toBe(name)
  })

  test.each(['', 'x', 'zzz', 'workers', 'completely-different'])('for %j is none', (text) => {
    expect(suggest(text, NAMES)).toBeUndefined()
  })

  test('is the first of those that are equally near', () => {
    expect(suggest('dnv', NAMES)).toBe('env')
    expect(suggest('dnv', [...NAMES].reverse())).toBe('dev')
  })

  test('is none where there are no names', () => {
    expect(suggest('socket', [])).toBeUndefined()
  })
})
