// Applications at random, against what must hold for all of them.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { GatewayApp, Write } from '../../src/gateway/types.js'
import { FLAG_HEAD } from '../../src/native/layout.js'
import { MemoryHost, start, turn } from '../support/memory-host.js'

type Step =
  | { do: 'start'; status: string; length: number | null; replace: boolean }
  | { do: 'write' | 'block'; size: number }
  | { do: 'wait' }
  | { do: 'throw' }
  | { do: 'bad' }

const size = fc.constantFrom(0, 1, 7, 100, 70_000, 300_000)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('block' as const), size }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('write' as const), size }) },
  { weight: 2, arbitrary: fc.constant({ do: 'wait' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'throw' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'bad' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('start' as const),
      status: fc.constantFrom('200 OK', '204 No Content', '304 Not Modified', '20'),
      length: fc.constantFrom(null, 0, 7, 8, 107, 70_000, 300_000),
      replace: fc.boolean(),
    }),
  },
)
const application = fc.record({
  kind: fc.constantFrom('array', 'promise', 'generator', 'async generator', 'iterable'),
  startsFirst: fc.boolean(),
  steps: fc.array(step, { maxLength: 8 }),
  head: fc.boolean(),
  stalled: fc.boolean(),
  /** Turns of the loop until the client goes; null: it stays. */
  leaves: fc.option(fc.integer({ min: 0, max: 3 })),
})
type Application = typeof application extends fc.Arbitrary<infer A> ? A : never

/** Runs the steps; what was given is noted, so that what was sent can be compared with it. */
class Script {
  private readonly sent: string[] = []
  private readonly returned: string[] = []
  opened = 0
  closed = 0
  private letter = 0
  private write: Write | null = null
  private readonly spec: Application

  constructor(spec: Application) {
    this.spec = spec
  }

  readonly app: GatewayApp = (_, startResponse) => {
    const perform = (step: Step): string | number | Promise<void> | undefined => {
      if (step.do === 'throw') throw new Error('thrown')
      if (step.do === 'bad') return 5
      if (step.do === 'wait') return turn()
      if (step.do === 'start') {
        const headers: [string, string][] =
          step.length === null ? [] : [['Content-Length', String(step.length)]]
        this.write = startResponse(
          step.status,
          headers,
          step.replace ? new Error('replaced') : null,
        )
        return
      }
      const text = this.text(step)
      if (step.do === 'block') return text
      this.write?.(text)
      return
    }
    if (this.spec.startsFirst) this.write = startResponse('200 OK', [])
    return this.result(perform) as never
  }

  private text(step: { do: 'write' | 'block'; size: number }): string {
    const text = String.fromCharCode(97 + (this.letter++ % 26)).repeat(step.size)
    // The blocks of an array are sent when it is returned: behind all that was written.
    const later = step.do === 'block' && /array|promise/.test(this.spec.kind)
    if (later) this.returned.push(text)
    else if (this.write !== null || step.do === 'block') this.sent.push(text)
    return text
  }

  /** Is `body` made of what was given, in its order, the last piece cut at most? */
  gave(body: string): boolean {
    let at = 0
    for (const text of [...this.sent, ...this.returned]) {
      // A piece that was written under 204 is dropped, and the response may be replaced after that.
      if (body[at] !== text[0]) continue
      if (!text.startsWith(body.slice(at, at + text.length))) return false
      at += text.length
      if (at >= body.length) return true
    }
    return at >= body.length
  }

  private result(perform: (step: Step) => unknown): unknown {
    const { steps, kind } = this.spec
    const script = this
    const blocks = (list: unknown[]) => list.filter((one) => one !== undefined)
    switch (kind) {
      case 'array':
        return blocks(steps.filter((s) => s.do !== 'wait').map(perform))
      case 'promise':
        return (async () => {
          const list: unknown[] = []
          for (const step of steps) list.push(await perform(step))
          return blocks(list)
        })()
      case 'generator':
        return (function* () {
          script.opened++
          try {
            for (const step of steps) {
              const block = step.do === 'wait' ? undefined : perform(step)
              if (block !== undefined) yield block
            }
          } finally {
            script.closed++
          }
        })()
      case 'async generator':
        return (async function* () {
          script.opened++
          try {
            for (const step of steps) {
              const block = await perform(step)
              if (block !== undefined) yield block
            }
          } finally {
            script.closed++
          }
        })()
      default: {
        this.opened++
        let at = 0
        return {
          [Symbol.iterator]() {
            return this
          },
          next() {
            while (at < steps.length) {
              const step = steps[at++]
              const block = step.do === 'wait' ? undefined : perform(step)
              if (block !== undefined) return { done: false, value: block }
            }
            return { done: true, value: undefined }
          },
          close() {
            script.closed++
          },
        }
      }
    }
  }
}

test('W28 W33 W34 W38 W46: no application makes an exchange break its contract', async () => {
  await fc.assert(
    fc.asyncProperty(application, async (spec) => {
      const script = new Script(spec)
      const host = new MemoryHost({ highWaterBytes: 1000 })
      host.stalled = spec.stalled
      const { exchange } = start(script.app, { flags: spec.head ? FLAG_HEAD : 0 }, host)
      for (let i = 0; i < 40 && !exchange.done; i++) {
        if (spec.leaves === i) exchange.aborted()
        await turn()
        if (host.isAwaited) host.catchUp()
      }
      // What waits when the client goes is closed when it has done so.
      for (let i = 0; i <= spec.steps.length; i++) await turn()
      expect(exchange.done).toBe(true)
      const outcome = host.soFar() // throws when the exchange broke the contract of its host
      expect(script.closed).toBe(script.opened)
      const own = !outcome.body.startsWith('500 Internal Server Error')
      if (own) expect(script.gave(outcome.body)).toBe(true)
      if (spec.head || /^[23]04/.test(outcome.status)) expect(own ? outcome.body : '').toBe('')
      if (outcome.length >= 0) expect(outcome.body.length).toBeLessThanOrEqual(outcome.length)
      if (outcome.end === 'cut') expect(host.errors.length).toBeGreaterThan(0)
      if (outcome.end === 'open') expect(spec.leaves).not.toBeNull()
    }),
    { numRuns: 2000 },
  )
})
