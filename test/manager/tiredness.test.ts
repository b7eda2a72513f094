// When a worker has worked enough.
import { expect, test } from 'vitest'
import { tiredOf } from '../../src/manager/tiredness.js'

const never = { maxRequests: 0, maxWorkerLifetime: 0, reloadOnRss: 0 }
const much = { requests: 1e9, ageMs: 1e12, rssBytes: 1e12 }
const fresh = { requests: 0, ageMs: 0, rssBytes: 0 }

test('without limits: never', () => {
  expect(tiredOf(never, much, 0)).toBeNull()
})

test.each([
  [0, 899, null],
  [0, 900, '900 requests (max-requests 1000)'],
  [0.5, 999, null],
  [0.5, 1000, '1000 requests (max-requests 1000)'],
  [1, 1099, null],
  [1, 1100, '1100 requests (max-requests 1000)'],
])('max-requests is jittered by 10 %%: random %d, %d requests', (random, requests, why) => {
  const limits = { ...never, maxRequests: 1000 }
  expect(tiredOf(limits, { ...fresh, requests }, random)).toBe(why)
})

test('max-requests of one is not none', () => {
  expect(tiredOf({ ...never, maxRequests: 1 }, fresh, 0)).toBeNull()
})

test('max-worker-lifetime, in seconds', () => {
  const limits = { ...never, maxWorkerLifetime: 10 }
  expect(tiredOf(limits, { ...fresh, ageMs: 8999 }, 0)).toBeNull()
  expect(tiredOf(limits, { ...fresh, ageMs: 9000 }, 0)).toBe('9 s of age (max-worker-lifetime 10)')
})

test('reload-on-rss, in MB', () => {
  const limits = { ...never, reloadOnRss: 100 }
  const rssBytes = 100 * 1024 * 1024
  expect(tiredOf(limits, { ...fresh, rssBytes }, 0)).toBeNull()
  expect(tiredOf(limits, { ...fresh, rssBytes: rssBytes + 1 }, 0)).toBe(
    '100 MB of memory (reload-on-rss 100)',
  )
})
