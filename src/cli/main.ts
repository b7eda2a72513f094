#!/usr/bin/env node
// The command line: parse, load, serve. When and how it ends is in lifetime.ts.
import { parseAddress } from '../config/address.js'
import { parseCommandLine } from '../config/command-line.js'
import type { Options } from '../config/options.js'
import { EXIT, StartError } from '../errors.js'
import { loadApp } from '../server/load-app.js'
import { Log } from '../server/log.js'
import { Server } from '../server/server.js'
import { VERSION } from '../version.js'
import { banner } from './banner.js'
import { Lifetime } from './lifetime.js'
import { usage } from './usage.js'

async function main(argv: readonly string[], lifetime: Lifetime, log: Log): Promise<void> {
  const { options, app } = parseCommandLine(argv)
  if (options.help) return void process.stdout.write(usage())
  if (options.version) return void process.stdout.write(`postern ${VERSION}\n`)
  if (app === undefined || app === '') {
    throw new StartError('no application: postern [options] APP[:export], see postern --help')
  }
  prepareProcess(options)
  addDefaultSocket(options)
  lifetime.load(app)
  const detected = await loadApp(app, options.interface)
  const server = new Server(detected.app, options, log)
  await server.start()
  lifetime.serve(server)
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
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
  if (!isTcp(address)) {
    throw new StartError(
      `HOST=${host} and PORT=${port} of the environment are not a host and a port: ` +
        'mend them, or give --http-socket',
    )
  }
  options.httpSocket.push(address)
}

function isTcp(address: string): boolean {
  try {
    return parseAddress(address, 'http-socket').kind === 'tcp'
  } catch {
    return false
  }
}

const log = new Log()
const lifetime = new Lifetime(log)
main(process.argv.slice(2), lifetime, log).catch((error) => lifetime.fail(error))
