// Harakiri for a thread that is not given back: while(true), a regular expression without end. The
// loop cannot look at its own clock then, so another thread looks at the turns of the engine, has
// the inspector say what runs (no port is opened), and calls back on the held thread itself.
//
// Requests that merely wait are not its business: those have deadlines in the engine.
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

/** What the thread gets to know. */
export interface Watched {
  /** Descriptor and size of the scoreboard. */
  readonly fd: number
  readonly slots: number
  readonly slot: number
  readonly addon: string | undefined
  /** How long the loop may stand still, in seconds. */
  readonly seconds: number
}

/** By that name the thread finds `onHeld` on the thread that it watches. */
export const HELD: unique symbol = Symbol.for('postern.held') as never

const THREAD = fileURLToPath(new URL('./watchdog-thread.js', import.meta.url))

/**
 * Watches this thread from now on.
 *
 * @param onHeld called on this thread, in the middle of what holds it, with the stack of that: one
 *   frame a line. Nothing else of this thread will ever run if it ends the process.
 */
export function watchThread(watched: Watched, onHeld: (stack: string) => void): void {
  ;(globalThis as Record<symbol, unknown>)[HELD] = onHeld
  // It says nothing: what it wrote would have to go through the thread that is held.
  const thread = new Worker(THREAD, { workerData: watched, execArgv: [], env: {} })
  thread.unref()
}
