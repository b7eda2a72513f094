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
import type { Lifetime } from './lifetime.js'
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
  lifetime.serve(master)
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
    void master.reload({ read: readAgain, chain })
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
  const workers = `${master.pids.length} ${master.pids.length === 1 ? 'worker' : 'workers'}`
  process.stdout.write(
    banner(
      plan.app,
      `${master.interface}, master ${process.pid}, ${workers}`,
      master.sockets,
      stats,
    ),
  )
}

function watchTouches(files: readonly string[], touched: (file: string) => void): void {
  for (const file of files) {
    watchFile(file, { interval: TOUCH_INTERVAL_MS }, (now, before) => {
      if (now.mtimeMs !== before.mtimeMs && now.mtimeMs !== 0) touched(file)
    })
  }
}
