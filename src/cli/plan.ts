// What to run, read from the command line, the environment and configuration files, and the process
// made as they say: variables, working directory and umask. Can be read again for a reload, from the same
// starting point.
//
// What an init system has put into the environment is gone before it is copied here.
import './init-system.js'
import { parseAddress } from '../config/address.js'
import { readConfiguration } from '../config/configuration.js'
import type { Options } from '../config/options.js'
import type { Setting } from '../config/settings.js'
import { EXIT, StartError } from '../errors.js'
import type { MasterPlan } from '../manager/master-plan.js'
import { importModule } from '../server/import-module.js'

export interface Plan extends MasterPlan {
  /** What the options are made of, from the weakest to the strongest. */
  readonly settings: readonly Setting[]
  /** What is worth a line in the log, once. */
  readonly notes: readonly string[]
}

const home = process.cwd()
const usualMask = process.umask()
const environment = { ...process.env }

/**
 * @throws {StartError} an option that is wrong, no application
 */
export async function readPlan(argv: readonly string[]): Promise<Plan> {
  restoreProcess()
  const configuration = await readConfiguration(argv, environment, importAnew)
  const { options, app = '', env, settings, notes } = configuration
  const question = options.help || options.helpAll || options.showConfig || options.version
  if (question) return { ...here(), options, app, settings, notes }
  if (app === '') {
    throw new StartError('no application: postern [options] APP[:export], see postern --help')
  }
  prepareProcess(options, env)
  addDefaultSocket(options)
  return { ...here(), options, app, settings, notes }
}

function importAnew(file: string, path: string) {
  return importModule(file, path, { anew: true })
}

function here(): Pick<MasterPlan, 'cwd' | 'env'> {
  return { cwd: process.cwd(), env: { ...process.env } }
}

/** A relative path means the same, and a variable that is no longer set is gone. */
function restoreProcess(): void {
  process.chdir(home)
  process.umask(usualMask)
  for (const name of Object.keys(process.env)) {
    if (!(name in environment)) delete process.env[name]
  }
  Object.assign(process.env, environment)
}

/** Before the application is loaded: it may look at both. */
function prepareProcess(options: Options, env: NodeJS.ProcessEnv): void {
  Object.assign(process.env, env)
  for (const pair of options.env) {
    const at = pair.indexOf('=')
    process.env[pair.slice(0, at)] = pair.slice(at + 1)
  }
  if (options.umask !== undefined) process.umask(options.umask)
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
