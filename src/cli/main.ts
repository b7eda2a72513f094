#!/usr/bin/env node
// The command line: read what to run, then one process that serves, or a master with its workers.
// When and how the process ends is in lifetime.ts, what to run in plan.ts.
import { hasMaster, type Options } from '../config/options.js'
import { ConfigError } from '../errors.js'
import { Log } from '../server/log.js'
import { LogFiles } from '../server/log-files.js'
import { VERSION } from '../version.js'
import { Lifetime } from './lifetime.js'
import { readPlan } from './plan.js'
import { runAlone } from './run-alone.js'
import { runMaster } from './run-master.js'
import { showConfig } from './show-config.js'
import { usage } from './usage.js'

async function main(argv: readonly string[], lifetime: Lifetime, log: Log): Promise<void> {
  const plan = await readPlan(argv)
  const { options } = plan
  if (options.help || options.helpAll) {
    return void process.stdout.write(usage(options.helpAll))
  }
  if (options.version) return void process.stdout.write(`postern ${VERSION}\n`)
  if (options.showConfig) {
    return void process.stdout.write(showConfig(options, plan.settings, plan.app))
  }
  checkMaster(options)
  log.least = options.logLevel
  const logFiles = new LogFiles(options, log)
  // Node's own handler would open the inspector's port.
  process.on('SIGUSR1', () => {
    log.info('SIGUSR1: log files are opened again')
    void logFiles.reopen()
  })
  for (const note of plan.notes) log.info(note)
  if (hasMaster(options)) await runMaster(plan, argv, lifetime, log, logFiles)
  else await runAlone(plan, lifetime, log, logFiles)
}

/** Somebody has to start the next worker. */
function checkMaster(options: Options): void {
  if (hasMaster(options)) return
  const { maxRequests, maxWorkerLifetime, reloadOnRss, touchReload, touchChainReload, masterFifo } =
    options
  const given = [
    maxRequests > 0 && 'max-requests',
    maxWorkerLifetime > 0 && 'max-worker-lifetime',
    reloadOnRss > 0 && 'reload-on-rss',
    touchReload.length > 0 && 'touch-reload',
    touchChainReload.length > 0 && 'touch-chain-reload',
    masterFifo.length > 0 && 'master-fifo',
  ].find((name) => name !== false)
  if (given !== undefined) throw new ConfigError(`--${given} needs --master or several --processes`)
}

const log = new Log()
const lifetime = new Lifetime(log)
main(process.argv.slice(2), lifetime, log).catch((error) => lifetime.fail(error))
