// Names of options in every spelling, and what an unknown one was meant to be.
import { describe, expect, test } from 'vitest'
import { dashed, nearestOption, optionNamed } from '../../src/config/names.js'

describe('an option', () => {
  test.each(['http-socket', 'httpSocket', 'http_socket'])('is found as %s', (key) => {
    expect(optionNamed(key)?.name).toBe('http-socket')
  })

  test('is found by its aliases, and by nothing else', () => {
    expect(optionNamed('uwsgiSocket')?.name).toBe('socket')
    expect(optionNamed('workers')?.name).toBe('processes')
    for (const key of ['HTTP-SOCKET', 'httpsocket', 'constructor', '__proto__', '']) {
      expect(optionNamed(key)).toBeUndefined()
    }
  })
})

describe('an unknown name', () => {
  test.each([
    ['proceses', 'processes'],
    ['httpSockt', 'http-socket'],
    ['worker_reload_mercey', 'worker-reload-mercy'],
    ['http', 'http-socket'],
    ['module', 'app'],
    ['completely-different', undefined],
  ])('%s was meant to be %s', (key, meant) => {
    expect(nearestOption(key)).toBe(meant)
  })
})

test('names have one form with dashes', () => {
  expect(['httpSocket', 'http_socket', 'http-socket'].map(dashed)).toEqual(
    Array(3).fill('http-socket'),
  )
})
