// When a worker that has ended is started again.
import { expect, test } from 'vitest'
import { Backoff } from '../../src/manager/backoff.js'

test('a good life is followed by the next one at once', () => {
  const backoff = new Backoff()
  expect(backoff.after(5000, true)).toBe(0)
  expect(backoff.after(10, true)).toBe(0)
  expect(backoff.after(10, true)).toBe(100)
  expect(backoff.after(60_000, true)).toBe(0)
  expect(backoff.after(10, true)).toBe(0)
})

test('short lives: twice as long each time, up to 30 s', () => {
  const backoff = new Backoff()
  const delays = Array.from({ length: 12 }, () => backoff.after(10, false))
  expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
})

test('short lives that have served: up to 1 s', () => {
  const backoff = new Backoff()
  const delays = Array.from({ length: 7 }, () => backoff.after(10, true))
  expect(delays).toEqual([0, 100, 200, 400, 800, 1000, 1000])
})
