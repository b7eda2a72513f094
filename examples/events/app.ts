// Server-sent events: a reply that has no end until the client leaves. An async generator makes a block
// when the client is ready for it, and its `finally` runs when the client is gone.
//
//   npx postern examples/events/app.ts
//   curl -sN http://127.0.0.1:8000/ | head -n 1         # data: 1
import { setInterval } from 'node:timers/promises'
import type { Environ, StartResponse } from 'postern'

let watching = 0

export default async function* application(
  environ: Environ,
  startResponse: StartResponse,
): AsyncGenerator<string> {
  startResponse('200 OK', [
    ['Content-Type', 'text/event-stream'],
    ['Cache-Control', 'no-store'],
    // For nginx, which would gather a few KiB of events first.
    ['X-Accel-Buffering', 'no'],
  ])
  watching++
  try {
    let count = 0
    yield `data: ${++count}\n\n`
    for await (const _ of setInterval(1000)) yield `data: ${++count}\n\n`
  } finally {
    watching--
    environ['wsgi.errors'].write(`${environ.REMOTE_ADDR} has left, ${watching} are watching\n`)
  }
}
