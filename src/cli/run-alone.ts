// One process without a master on the command line: the application runs in this one. The sockets
// are opened first and the application is loaded last, by the user that --uid names.
import type { GatewayApp } from '../gateway/types.js'
import { Lone } from '../manager/lone.js'
import type { MasterPlan } from '../manager/master-plan.js'
import { Pidfile } from '../manager/pidfile.js'
import { serveStats } from '../manager/stats-server.js'
import { loadApp } from '../server/load-app.js'
import type { Log } from '../server/log.js'
import type { LogFiles } from '../server/log-files.js'
import { Server } from '../server/server.js'
import { banner } from './banner.js'
import { readIdentity, takeIdentity } from './identity.js'
import { initSystem } from './init-system.js'
import type { Lifetime } from './lifetime.js'
import { Notifier } from './notifier.js'
import { nameProcess } from './process-title.js'

/** Nothing is accepted before there is one. */
const notLoaded: GatewayApp = () => {
  throw new Error('the application is not loaded')
}

export async function runAlone(
  { app, options }: MasterPlan,
  lifetime: Lifetime,
  log: Log,
  logFiles: LogFiles,
): Promise<void> {
  const identity = readIdentity(options)
  const pidfile = new Pidfile(options.pidfile, options.vacuum)
  nameProcess(options, '', app)
  const lone = new Lone()
  const server = new Server(notLoaded, options, log, {
    score: lone.place,
    onHeld: () => lifetime.endHeld(),
    accessLog: logFiles.accessLog,
  })
  // The application may end the process while it is loaded.
  process.on('exit', () => server.closeNow())
  const stats = await serveStats(options, () => lone.facts(app, server))
  let what = ''
  await server.start(async () => {
    if (identity !== null) {
      pidfile.open()
      takeIdentity(identity)
    }
    lifetime.load(app)
    const detected = await loadApp(app, options.interface)
    what = `${detected.interface} interface (${detected.reason})`
    return detected.app
  })
  logFiles.watch(async (kind, fd) => {
    if (kind === 'access') server.logTo(fd)
  })
  const notifier = new Notifier(initSystem, log)
  lifetime.serve(notifier.announcing(server))
  pidfile.write()
  notifier.ready(app)
  notifier.watch(() => true)
  process.stdout.write(banner(app, what, server.listeners, stats))
}
