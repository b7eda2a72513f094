// Keeps AsyncLocalStorage stores of one request out of the next.
//
// All requests of a round run in one callback scope, and an application that calls
// `storage.enterWith(x)` changes the scope, not the request: the next request would find x. Where
// stores live on the scope's resource object (Node 20 and 22), that object is ours: a proxy that
// notes when something is stored in it, so that a request which uses no storage costs one boolean,
// and one that does is swept up behind. Where stores live in V8's context frame (Node 24), every
// request runs in a snapshot of the empty context.
import { AsyncLocalStorage, executionAsyncResource } from 'node:async_hooks'

export class Isolation {
  /** For the native side: what every request of a round runs in. */
  readonly resource: object
  /** Something was stored since the last sweep. */
  dirty = false
  private readonly holder: Record<PropertyKey, unknown> = {}
  private snapshot: (<R>(run: () => R) => R) | null = null

  constructor() {
    this.resource = new Proxy(this.holder, {
      set: (target, key, value) => {
        target[key] = value
        this.dirty = true
        return true
      },
      defineProperty: (target, key, descriptor) => {
        this.dirty = true
        return Reflect.defineProperty(target, key, descriptor)
      },
    })
    if (usesContextFrames()) this.snapshot = AsyncLocalStorage.snapshot()
  }

  /** True: run requests with `inside`, not directly. */
  get wraps(): boolean {
    return this.snapshot !== null
  }

  inside(run: () => void): void {
    if (this.snapshot === null) run()
    else this.snapshot(run)
  }

  /** After a request that made `dirty` true. */
  sweep(): void {
    this.dirty = false
    for (const key of Reflect.ownKeys(this.holder)) delete this.holder[key]
  }
}

/** Do stores travel without leaving a trace on the resource object? */
function usesContextFrames(): boolean {
  const probe = new AsyncLocalStorage<boolean>()
  const marks = () => Object.getOwnPropertySymbols(executionAsyncResource()).length
  const before = marks()
  const inside = probe.run(true, marks)
  probe.disable()
  return inside === before
}
