// What a thread of a worker process runs: loads the application, serves it, ends when it is told to.
// An exception that nobody caught ends the thread, and threads.ts says so.
import { parentPort, workerData } from 'node:worker_threads'
import { EXIT, StartError } from '../errors.js'
import { loadApp } from '../server/load-app.js'
import { Log } from '../server/log.js'
import { Server } from '../server/server.js'
import type { FromThread, ThreadPlan, ToThread } from './thread-messages.js'

const { app, options, score, worker, accessLog } = workerData as ThreadPlan
const log = new Log()
log.least = options.logLevel

process.on('unhandledRejection', (reason) =>
  log.error('unhandled rejection, outside of a request', reason),
)

function tell(message: FromThread): void {
  parentPort?.postMessage(message)
}

async function serve(): Promise<void> {
  // While it loads only the application may keep the thread alive.
  const detected = await loadApp(app, options.interface)
  const server = new Server(detected.app, options, log, { score, accessLog, worker })
  await server.start()
  parentPort?.on('message', (message: ToThread) => {
    if (message.tell === 'log') {
      server.logTo(message.fd)
      return tell({ tell: 'logged' })
    }
    void server.close(message.mercyMs, message.idleGraceS).then(() => tell({ tell: 'closed' }))
    void server.quiet().then(() => tell({ tell: 'quiet' }))
  })
  tell({ tell: 'ready', what: `${detected.interface} interface (${detected.reason})` })
}

serve().catch((error) => {
  const known = error instanceof StartError
  tell({
    tell: 'failed',
    text: known ? error.message : ((error as Error)?.stack ?? String(error)),
    exitCode: known ? error.exitCode : EXIT.PERMANENT,
  })
})
