#!/usr/bin/env node
// The command line: parse, load, serve, stop. The only file that ends the process.
import { parseCommandLine } from '../config/command-line.js'
import type { Options } from '../config/options.js'
import { EXIT, StartError } from '../errors.js'
import { loadApp } from '../server/load-app.js'
import { Log } from '../server/log.js'
import { Server } from '../server/server.js'
import { VERSION } from '../version.js'
import { banner } from './banner.js'
import { usage } from './usage.js'

async function main(argv: readonly string[]): Promise<void> {
  const { options, app } = parseCommandLine(argv)
  if (options.help) return void process.stdout.write(usage())
  if (options.version) return void process.stdout.write(`postern ${VERSION}\n`)
  if (app === undefined) {
    throw new StartError('no application: postern [options] APP[:export], see postern --help')
  }
  prepareProcess(options)
  addDefaultSocket(options)
  const detected = await loadApp(app, options.interface)
  const log = new Log()
  const server = new Server(detected.app, options, log)
  await server.start()
  stopOnSignals(server, log)
  process.stdout.write(
    banner(app, `${detected.interface} interface (${detected.reason})`, server.listeners),
  )
}

/** Before the application is loaded: it may look at both. */
function prepareProcess(options: Options): void {
  for (const pair of options.env) {
    const at = pair.indexOf('=')
    process.env[pair.slice(0, at)] = pair.slice(at + 1)
  }
  if (options.chdir === undefined) return
  try {
    process.chdir(options.chdir)
  } catch (cause) {
    throw new StartError(`--chdir ${options.chdir}: ${(cause as Error).message}`, EXIT.PERMANENT, {
      cause,
    })
  }
}

/** No socket given: HTTP where platforms and people expect it. */
function addDefaultSocket(options: Options): void {
  if (options.httpSocket.length + options.socket.length > 0) return
  const host = process.env.HOST || '127.0.0.1'
  const port = process.env.PORT || '8000'
  options.httpSocket.push(`${host.includes(':') ? `[${host}]` : host}:${port}`)
}

/** TERM and INT drain; a second one does not wait. */
function stopOnSignals(server: Server, log: Log): void {
  let stopping = false
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) {
      log.warning(`${signal} again: stopping at once`)
      process.exit(EXIT.OK)
    }
    stopping = true
    log.info(`${signal}: finishing what runs, then stopping`)
    void server.close().then(() => process.exit(EXIT.OK))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

function die(error: unknown): void {
  const known = error instanceof StartError
  const text = known ? error.message : ((error as Error)?.stack ?? String(error))
  process.stderr.write(`postern: ${text}\n`)
  process.exit(known ? error.exitCode : EXIT.PERMANENT)
}

main(process.argv.slice(2)).catch(die)
