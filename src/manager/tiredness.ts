// When a worker has worked enough: requests, age, memory. Looked at once a second, in the worker, so
// that no request pays for it. What follows is the master's.
import type { Options } from '../config/options.js'

const LOOK_MS = 1000
/** Workers that were started together must not go together. */
const JITTER = 0.1
const MB = 1024 * 1024

export interface Vitals {
  /** Requests that it has taken since its start. */
  readonly requests: number
  /** Milliseconds since it accepts. */
  readonly ageMs: number
  /** Resident memory in bytes. */
  readonly rssBytes: number
}

export type Limits = Pick<Options, 'maxRequests' | 'maxWorkerLifetime' | 'reloadOnRss'>

/**
 * @param random between 0 and 1, once for a worker
 * @returns why a worker has to be replaced, null: it does not
 */
export function tiredOf(limits: Limits, vitals: Vitals, random: number): string | null {
  const factor = 1 - JITTER + 2 * JITTER * random
  const maxRequests = limits.maxRequests
  const maxWorkerLifetime = limits.maxWorkerLifetime
  const reloadOnRss = limits.reloadOnRss
  if (maxRequests > 0 && vitals.requests >= Math.max(1, maxRequests * factor)) {
    return `${vitals.requests} requests (max-requests ${maxRequests})`
  }
  if (maxWorkerLifetime > 0 && vitals.ageMs >= maxWorkerLifetime * 1000 * factor) {
    const age = Math.round(vitals.ageMs / 1000)
    return `${age} s of age (max-worker-lifetime ${maxWorkerLifetime})`
  }
  if (reloadOnRss > 0 && vitals.rssBytes > reloadOnRss * MB) {
    return `${Math.round(vitals.rssBytes / MB)} MB of memory (reload-on-rss ${reloadOnRss})`
  }
  return null
}

/** Calls `tell` once, when it is so far. */
export function watchTiredness(
  limits: Limits,
  requests: () => number,
  tell: (why: string) => void,
): void {
  if (limits.maxRequests + limits.maxWorkerLifetime + limits.reloadOnRss === 0) return
  const random = Math.random()
  const start = performance.now()
  const timer = setInterval(() => {
    const vitals = {
      requests: requests(),
      ageMs: performance.now() - start,
      rssBytes: process.memoryUsage.rss(),
    }
    const why = tiredOf(limits, vitals, random)
    if (why === null) return
    clearInterval(timer)
    tell(why)
  }, LOOK_MS)
  timer.unref()
}
