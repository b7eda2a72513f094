// The thread of watchdog.ts: looks once a second whether the engine turns. Runs nothing of the
// application, and writes nothing.
import { Session } from 'node:inspector'
import { workerData } from 'node:worker_threads'
import { loadAddon } from '../native/addon.js'
import * as L from '../native/layout.js'
import type { Watched } from './watchdog.js'

interface Frame {
  readonly functionName: string
  readonly url: string
  readonly callFrameId: string
  readonly location: {
    readonly scriptId: string
    readonly lineNumber: number
    readonly columnNumber?: number
  }
}

const LOOK_MS = 1000
/** Node may leave a message to a busy thread lying until the next one comes. */
const KICK_MS = 50

const watched = workerData as Watched
if (watched.addon !== undefined) process.env.POSTERN_ADDON = watched.addon
const board = loadAddon().openScoreboard(watched.fd, watched.slots)
const words = new BigUint64Array(board.memory, watched.slot * L.SCORE_SLOT_BYTES)

// Looks are counted, not seconds: a machine that was asleep has not turned either.
let turns = 0n
let still = 0
const timer = setInterval(() => {
  const now = words[L.SCORE_TURNS]
  still = now === turns && words[L.SCORE_CONNECTIONS] > 0n ? still + 1 : 0
  turns = now
  if (still < watched.seconds) return
  clearInterval(timer)
  interrupt()
}, LOOK_MS)

/** Stops the held thread where it is, and calls `onHeld` there. */
function interrupt(): void {
  const session = new Session()
  const urls = new Map<string, string>()
  session.connectToMainThread()
  session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url))
  session.on('Debugger.paused', ({ params }) => {
    const stack = params.callFrames.map((frame) => describe(frame, urls)).join('\n')
    const expression = `globalThis[Symbol.for('postern.held')](${JSON.stringify(stack)})`
    const { callFrameId } = params.callFrames[0]
    session.post('Debugger.evaluateOnCallFrame', { callFrameId, expression, silent: true })
  })
  session.post('Debugger.enable')
  session.post('Debugger.pause')
  setInterval(() => session.post('Debugger.setSkipAllPauses', { skip: false }), KICK_MS)
}

function describe(frame: Frame, urls: Map<string, string>): string {
  const { scriptId, lineNumber, columnNumber = 0 } = frame.location
  const url = frame.url || urls.get(scriptId) || 'unknown'
  return `at ${frame.functionName || '(anonymous)'} (${url}:${lineNumber + 1}:${columnNumber + 1})`
}
