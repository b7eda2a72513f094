// A master on the command line: its start, its banner, and the signals that are not about the end.
import { watchFile } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { listenOnFifos } from '../manager/fifo.js'
import { Master } from '../manager/master.js'
import { Pidfile } from '../manager/pidfile.js'
import { statsLine } from '../manager/stats.js'
import { serveStats } from '../manager/stats-server.js'
import type { Log } from '../server/log.js'
import type { LogFiles } from '../server/log-files.js'
import { banner } from './banner.js'
import { readIdentity, takeIdentity } from './identity.js'
import { initSystem } from './init-system.js'
import type { Lifetime } from './lifetime.js'
import { Notifier } from './notifier.js'
import { type Plan, readPlan } from './plan.js'
import { nameProcess } from './process-title.js'

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url))
/** How often files of --touch-reload are looked at. */
const TOUCH_INTERVAL_MS = 1000

export async function runMaster(
  plan: Plan,
  argv: readonly string[],
  lifetime: Lifetime,
  log: Log,
  logFiles: LogFiles,
): Promise<void> {
  const identity = readIdentity(plan.options)
  const pidfile = new Pidfile(plan.options.pidfile, plan.options.vacuum)
  nameProcess(plan.options, 'master', plan.app)
  const master = new Master(plan, WORKER, log, logFiles)
  const notifier = new Notifier(initSystem, log)
  lifetime.serve(notifier.announcing(master))
  // A signal that comes early must not end the process, as it would by default.
  let started = false
  const whenStarted = (then: () => void) => () => {
    if (started) then()
  }
  const said = new Set(plan.notes)
  const readAgain = async () => {
    const next = await readPlan(argv)
    for (const note of next.notes) if (!said.has(note)) log.info(note)
    for (const note of next.notes) said.add(note)
    return next
  }
  const reload = (why: string, chain = false) => {
    log.info(`${why}: reloading${chain ? ' one worker after the other' : ''}`)
    notifier.reloading()
    void master.reload({ read: readAgain, chain }).then((failure) => {
      if (failure === null) notifier.ready(serving(master))
      else notifier.ready(`the last reload failed: ${failure.message}`)
    })
  }
  process.on(
    'SIGHUP',
    whenStarted(() => reload('SIGHUP')),
  )
  process.on(
    'SIGTTIN',
    whenStarted(() => master.scale(1)),
  )
  process.on(
    'SIGTTOU',
    whenStarted(() => master.scale(-1)),
  )
  const reopenLogs = () => {
    log.info('master-fifo: log files are opened again')
    void logFiles.reopen()
  }
  const { options } = plan
  watchTouches(options.touchReload, (file) => whenStarted(() => reload(`${file} was touched`))())
  watchTouches(options.touchChainReload, (file) =>
    whenStarted(() => reload(`${file} was touched`, true))(),
  )
  const stats = await serveStats(plan.options, () => master.facts())
  await master.start(() => {
    if (identity === null) return
    pidfile.open()
    takeIdentity(identity)
  })
  started = true
  pidfile.write()
  notifier.ready(serving(master))
  notifier.watch(() => master.pids.length > 0)
  const letters = {
    r: () => reload('master-fifo'),
    w: () => reload('master-fifo'),
    c: () => reload('master-fifo', true),
    '+': () => master.scale(1),
    '-': () => master.scale(-1),
    l: () => reopenLogs(),
    L: () => reopenLogs(),
    P: () => pidfile.write(),
    s: () => log.info(statsLine(master.facts())),
    q: () => {
      log.info('master-fifo: finishing what runs, then stopping')
      lifetime.leave()
    },
    Q: () => lifetime.stopNow('master-fifo'),
  }
  listenOnFifos(options.masterFifo, letters, log)
  process.stdout.write(
    banner(
      plan.app,
      `${master.interface}, master ${process.pid}, ${countWorkers(master)}`,
      master.sockets,
      stats,
    ),
  )
}

function countWorkers({ pids }: Master): string {
  return `${pids.length} ${pids.length === 1 ? 'worker' : 'workers'}`
}

function serving(master: Master): string {
  return `${master.plan.app}, ${countWorkers(master)}`
}

function watchTouches(files: readonly string[], touched: (file: string) => void): void {
  for (const file of files) {
    watchFile(file, { interval: TOUCH_INTERVAL_MS }, (now, before) => {
      if (now.mtimeMs !== before.mtimeMs && now.mtimeMs !== 0) touched(file)
    })
  }
}
