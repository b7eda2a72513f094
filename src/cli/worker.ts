// What a worker process runs: hears from its master what to serve, serves it, ends when the master
// says so or is gone. Environment and working directory are those of the master.
import { closeSync } from 'node:fs'
import { EXIT, StartError } from '../errors.js'
import { receiveLogs } from '../manager/log-channel.js'
import {
  isMessage,
  type ServeMessage,
  type StopMessage,
  type ToMaster,
  type ToWorker,
} from '../manager/messages.js'
import { watchTiredness } from '../manager/tiredness.js'
import { loadAddon } from '../native/addon.js'
import { loadApp } from '../server/load-app.js'
import { Log } from '../server/log.js'
import { Server } from '../server/server.js'
import { Lifetime, type Role } from './lifetime.js'
import { nameProcess } from './process-title.js'
import { Threads } from './threads.js'

const ROLE: Role = {
  graceful: ['SIGTERM'],
  // Terminals send these to the whole process group; the master passes on what they mean.
  ignored: ['SIGINT', 'SIGHUP', 'SIGTTIN', 'SIGTTOU', 'SIGUSR1'],
  report: (message, exitCode) => tell({ postern: 'failed', message, exitCode }),
}

/** A server in this thread, or several in threads of their own. */
interface Serving {
  close(mercyMs?: number, idleGraceS?: number): Promise<void>
  /** After close(): fulfilled when nothing is accepted any more. */
  quiet(): Promise<void>
  closeNow(): void
  /** Fulfilled when nothing is written any more to what was there before; `fd` may be closed then. */
  logTo(fd: number): Promise<void>
  requests(): number
}

const log = new Log()
const lifetime = new Lifetime(log, ROLE)
let server: Serving | null = null
let logChannel = -1
let accessLog: number | undefined

/** Resolves when it is on its way; a master that is gone hears nothing. */
function tell(message: ToMaster): Promise<void> {
  return new Promise((done) => {
    if (process.connected) process.send?.(message, () => done())
    else done()
  })
}

/** Log files that the master has opened are from now on what is written to. */
async function takeLogs(): Promise<void> {
  if (logChannel < 0) return
  for (const [kind, fd] of receiveLogs(logChannel)) {
    if (kind === 'access') {
      if (accessLog !== undefined) closeSync(accessLog)
      accessLog = fd
    } else {
      for (const stream of [1, 2]) loadAddon().replaceDescriptor(fd, stream)
      closeSync(fd)
    }
  }
  if (accessLog !== undefined) await server?.logTo(accessLog)
}

async function serve(message: ServeMessage): Promise<void> {
  const { app, options } = message
  logChannel = message.logChannel
  await takeLogs()
  log.least = options.logLevel
  nameProcess(options, `worker ${message.worker}`, app)
  // While it loads only the application may keep the loop alive: one that waits for nothing is told.
  process.channel?.unref()
  lifetime.load(app)
  const what = await (options.threads > 1 ? serveInThreads(message) : serveInThisOne(message))
  lifetime.serve(server as unknown as Serving)
  process.channel?.ref()
  await tell({ postern: 'ready', what })
  watchTiredness(
    options,
    () => server?.requests() ?? 0,
    (why) => void tell({ postern: 'tired', why }),
  )
}

/** @returns the interface of the application, and how that was found */
async function serveInThisOne({ app, options, score, worker }: ServeMessage): Promise<string> {
  const detected = await loadApp(app, options.interface)
  const one = new Server(detected.app, options, log, { score, onHeld, accessLog, worker })
  server = {
    close: (mercyMs, idleGraceS) => one.close(mercyMs, idleGraceS),
    quiet: () => one.quiet(),
    closeNow: () => one.closeNow(),
    logTo: async (fd) => one.logTo(fd),
    requests: () => one.stats().requests,
  }
  await one.start()
  return `${detected.interface} interface (${detected.reason})`
}

async function serveInThreads(message: ServeMessage): Promise<string> {
  const threads = new Threads(message, accessLog, log, {
    lost: (why) => void tell({ postern: 'tired', why }),
    allLost: (why) => lifetime.fail(new StartError(why, EXIT.CRASHED)),
  })
  server = threads
  return threads.start()
}

/** The master replaces it, and says why. */
function onHeld(): void {
  const message = 'harakiri: the application held its thread'
  void tell({ postern: 'failed', message, exitCode: EXIT.CRASHED })
  lifetime.endHeld()
}

function stop({ mercyMs, idleGraceS }: StopMessage): void {
  void server?.close(mercyMs, idleGraceS).then(() => lifetime.leave())
  void server?.quiet().then(() => tell({ postern: 'draining' }))
}

process.on('message', (message: unknown) => {
  if (!isMessage(message)) return
  const { postern } = message as ToWorker
  if (postern === 'serve') {
    serve(message as ServeMessage).catch((error) => lifetime.fail(error))
  } else if (postern === 'stop') {
    stop(message as StopMessage)
  } else if (postern === 'logs') {
    void takeLogs().then(() => tell({ postern: 'logs-taken' }))
  }
})
process.on('disconnect', () => {
  if (server !== null) log.error('the master is gone: finishing what runs, then stopping')
  lifetime.leave()
})
if (!process.connected) {
  lifetime.fail(new StartError('worker.js is what a master starts: run postern', EXIT.PERMANENT))
}
