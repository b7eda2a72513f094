// All that configures a start, from the weakest to the strongest: defaults, configuration files in the
// order given, environment (POSTERN_ before UWSGI_), command line. Read again for each reload; keeps
// nothing, and changes nothing of the process.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { ConfigError } from '../errors.js'
import { describeAccepted } from './accepted.js'
import { type CommandLine, parseCommandLine } from './command-line.js'
import { readEnvFile } from './env-file.js'
import { readEnvironment } from './environment.js'
import { USUAL_MODULES } from './files/kinds.js'
import { ConfigReader, describeUnknown, type Surroundings } from './files/reader.js'
import type { Options } from './options.js'
import { resolveSettings, type Setting } from './settings.js'

export interface Configuration {
  readonly options: Options
  readonly app: string | undefined
  /** What the options are made of, from the weakest to the strongest. */
  readonly settings: readonly Setting[]
  /** The environment, with what environment files add to it. */
  readonly env: NodeJS.ProcessEnv
  /** What is worth a line in the log, once. */
  readonly notes: readonly string[]
}

/** Answered without a look at files, which may be what somebody needs help with. */
const ALWAYS_ANSWERED: ReadonlySet<string> = new Set(['help', 'help-all', 'version'])

type ImportModule = Surroundings['importModule']

/**
 * @param argv without the interpreter and the script
 * @throws {ConfigError} with file and line, or the variable, where there is one
 */
export async function readConfiguration(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  importModule: ImportModule,
): Promise<Configuration> {
  const line = parseCommandLine(argv)
  if (line.settings.some(({ name }) => ALWAYS_ANSWERED.has(name))) {
    const { settings } = line
    return { options: resolveSettings(settings), app: line.app, settings, env, notes: [] }
  }
  const variables = { ...env }
  addEnvFiles(variables, [...readEnvironment(env).settings, ...line.settings])
  const reader = await readFiles(line, variables, importModule)
  addEnvFiles(variables, reader.settings)
  const environment = readEnvironment(variables)
  const settings = [...reader.settings, ...environment.settings, ...line.settings]
  const options = resolveSettings(settings)
  if (options.strict && reader.unknown.length > 0) throw describeUnknown(reader.unknown[0])
  const app = appOf(line.app, settings, options)
  const notes = notesOf(reader, environment.unknown, [...environment.accepted, ...line.accepted])
  return { options, app, settings, env: variables, notes }
}

/** What is set already stays as it is; of two files the later one counts, as with Node's --env-file. */
function addEnvFiles(env: NodeJS.ProcessEnv, settings: readonly Setting[]): void {
  const added: Record<string, string> = {}
  for (const { name, value, place } of settings) {
    if (name === 'env-file') Object.assign(added, readEnvFile(String(value), place))
  }
  for (const [name, value] of Object.entries(added)) env[name] ??= value
}

async function readFiles(
  line: CommandLine,
  env: NodeJS.ProcessEnv,
  importModule: ImportModule,
): Promise<ConfigReader> {
  const placeholders = line.settings
    .filter(({ name }) => name === 'set-placeholder')
    .map(({ value }) => String(value))
  const reader = new ConfigReader({ env, placeholders, importModule })
  const named = [...readEnvironment(env).files, ...line.files]
  if (named.length === 0 && line.lookForConfig) {
    const usual = USUAL_MODULES.find((name) => existsSync(name))
    if (usual !== undefined) named.push({ path: usual, kind: undefined })
  }
  for (const { path, kind } of named) await reader.read(path, kind, '')
  return reader
}

/** The one that is named as a word must not be another than that of --app or of a file. */
function appOf(
  positional: string | undefined,
  settings: readonly Setting[],
  { app }: Options,
): string | undefined {
  if (positional === undefined || app === undefined) return positional ?? app
  if (resolve(positional) === resolve(app)) return positional
  const { place } = settings.findLast(({ name }) => name === 'app') as Setting
  const where = place === '' ? '' : ` (${place})`
  throw new ConfigError(
    `two applications: ${positional}, and app = ${app}${where}: name one, --app ${positional} is stronger than files`,
  )
}

function notesOf(
  reader: ConfigReader,
  variables: readonly string[],
  accepted: readonly string[],
): string[] {
  const notes: string[] = []
  const useless = describeAccepted([...reader.accepted, ...accepted])
  if (useless !== '') notes.push(`options of uWSGI that are accepted and do nothing: ${useless}`)
  if (reader.unknown.length > 0) {
    const keys = reader.unknown.map(({ key, place }) => `${key} (${place})`)
    notes.push(`options that are unknown and ignored, for strict is off: ${keys.join(', ')}`)
  }
  if (variables.length > 0) {
    notes.push(`variables of the environment that are no options: ${variables.join(', ')}`)
  }
  return notes
}
