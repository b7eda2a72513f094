// argv → settings and application. Strict: what is not in the table is an error with a suggestion.
import { parseArgs } from 'node:util'
import { ConfigError } from '../errors.js'
import { ACCEPTED, acceptedReason } from './accepted.js'
import { fileKindOf } from './files/kinds.js'
import { nearestOption } from './names.js'
import { findOption, metavar, OPTIONS, type OptionSpec } from './options.js'
import type { Setting } from './settings.js'

/** A configuration file that was named, and the format that the option's name says. */
export interface NamedFile {
  /** "path", for ini also "path:section". */
  readonly path: string
  /** "ini" of "--ini path"; undefined: its extension says it. */
  readonly kind: string | undefined
}

export interface CommandLine {
  readonly settings: readonly Setting[]
  /** "path/app.ts" or "path/app.ts:export"; undefined: none was given. */
  readonly app: string | undefined
  /** In the order given. */
  readonly files: readonly NamedFile[]
  /** Whether a postern.config file may be looked for. */
  readonly lookForConfig: boolean
  /** Options of uWSGI that mean nothing here. */
  readonly accepted: readonly string[]
}

type Draft = {
  -readonly [K in keyof CommandLine]: CommandLine[K] extends readonly (infer E)[]
    ? E[]
    : CommandLine[K]
}

type Token = ReturnType<typeof tokensOf>[number]

const SPECS: readonly OptionSpec[] = OPTIONS

/**
 * @param argv without the interpreter and the script
 * @throws {ConfigError} an unknown option, a value that is missing, two applications
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const draft: Draft = {
    settings: [],
    app: undefined,
    files: [],
    lookForConfig: true,
    accepted: [],
  }
  for (const token of tokensOf(argv)) {
    if (token.kind === 'positional') takePositional(draft, token.value)
    else if (token.kind === 'option') takeOption(draft, token)
  }
  return draft
}

function tokensOf(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    options: argumentSpecs(),
    allowPositionals: true,
    strict: false,
    tokens: true,
  }).tokens
}

function argumentSpecs(): Record<
  string,
  { type: 'string' | 'boolean'; short?: string; multiple: true }
> {
  const specs: ReturnType<typeof argumentSpecs> = {}
  for (const [name, accepted] of Object.entries(ACCEPTED)) {
    specs[name] = { type: accepted.value === true ? 'string' : 'boolean', multiple: true }
  }
  for (const spec of SPECS) {
    const type = spec.type === 'boolean' ? 'boolean' : 'string'
    for (const name of [spec.name, ...(spec.aliases ?? [])]) {
      specs[name] = { type, multiple: true }
    }
    if (spec.short !== undefined) specs[spec.name].short = spec.short
  }
  return specs
}

function takePositional(draft: Draft, value: string): void {
  if (fileKindOf(value) !== undefined) {
    draft.files.push({ path: value, kind: undefined })
  } else if (draft.app === undefined) {
    draft.app = value
  } else {
    throw new ConfigError(`one application at a time: ${draft.app}, ${value}`)
  }
}

function takeOption(draft: Draft, token: Extract<Token, { kind: 'option' }>): void {
  const { name, rawName, value } = token
  checkDash(token)
  if (name === 'no-config' && value === undefined) {
    draft.lookForConfig = false
    return
  }
  const negated = name.startsWith('no-') ? findOption(name.slice(3)) : undefined
  if (negated?.type === 'boolean' && value === undefined) {
    draft.settings.push({ name: negated.name, value: 'false', layer: 'command line', place: '' })
    return
  }
  const spec = findOption(name)
  if (spec === undefined) {
    if (acceptedReason(name) === undefined) throw unknown(rawName, name, value)
    draft.accepted.push(name)
    return
  }
  if (value === undefined && spec.type !== 'boolean') {
    throw new ConfigError(`--${spec.name} needs a value: --${spec.name} ${metavar(spec)}`)
  }
  if (spec.name === 'config') draft.files.push({ path: value as string, kind: name })
  draft.settings.push({ name: spec.name, value: value ?? '', layer: 'command line', place: '' })
}

/** parseArgs takes what follows for a value, the next option too; nobody means that. */
function checkDash(token: { rawName: string; value?: string; inlineValue?: boolean }): void {
  const { rawName, value, inlineValue } = token
  if (inlineValue === true || value === undefined || !/^-[^\d]/.test(value)) return
  throw new ConfigError(
    `${rawName} needs a value, and ${value} is an option (write ${rawName}=${value} if it is not)`,
  )
}

function unknown(rawName: string, name: string, value: string | undefined): ConfigError {
  const near = nearestOption(name)
  const hint = near === undefined ? 'see postern --help' : `did you mean --${near}?`
  const port = name === 'p' || name === 'port' || name === 'bind'
  if (port) {
    const address = value === undefined ? ':8000' : `:${value.replace(/^.*:/, '')}`
    return new ConfigError(`unknown option ${rawName}: a port is --http-socket ${address}`)
  }
  return new ConfigError(`unknown option ${rawName}: ${hint}`)
}
