// argv → options and application. Strict: what is not in the table is an error with a suggestion.
import { parseArgs } from 'node:util'
import { ConfigError } from '../errors.js'
import {
  camelCase,
  defaultOptions,
  findOption,
  metavar,
  OPTIONS,
  type OptionSpec,
  type Options,
} from './options.js'
import { suggest } from './suggest.js'
import { parseValue } from './values.js'

export interface CommandLine {
  readonly options: Options
  /** "path/app.ts" or "path/app.ts:export"; undefined: none was given. */
  readonly app: string | undefined
}

const SPECS: readonly OptionSpec[] = OPTIONS

/**
 * @param argv without the interpreter and the script
 * @throws {ConfigError} an unknown option, a value that is missing or malformed, two applications
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const options = defaultOptions() as Record<string, unknown>
  const { tokens } = parseArgs({
    args: [...argv],
    options: argumentSpecs(),
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  let app: string | undefined
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (app !== undefined)
        throw new ConfigError(`one application at a time: ${app}, ${token.value}`)
      app = token.value
    } else if (token.kind === 'option') {
      checkDash(token)
      takeOption(options, token.name, token.rawName, token.value)
    }
  }
  return { options: options as Options, app }
}

/** parseArgs takes what follows for a value, the next option too; nobody means that. */
function checkDash(token: { rawName: string; value?: string; inlineValue?: boolean }): void {
  const { rawName, value, inlineValue } = token
  if (inlineValue === true || value === undefined || !/^-[^\d]/.test(value)) return
  throw new ConfigError(
    `${rawName} needs a value, and ${value} is an option (write ${rawName}=${value} if it is not)`,
  )
}

function argumentSpecs(): Record<
  string,
  { type: 'string' | 'boolean'; short?: string; multiple: true }
> {
  const specs: ReturnType<typeof argumentSpecs> = {}
  for (const spec of SPECS) {
    const type = spec.type === 'boolean' ? 'boolean' : 'string'
    for (const name of [spec.name, ...(spec.aliases ?? [])]) {
      specs[name] = { type, multiple: true }
    }
    if (spec.short !== undefined) specs[spec.name].short = spec.short
  }
  return specs
}

function takeOption(
  options: Record<string, unknown>,
  name: string,
  rawName: string,
  value: string | undefined,
): void {
  const negated = name.startsWith('no-') ? findOption(name.slice(3)) : undefined
  if (negated?.type === 'boolean' && value === undefined) {
    options[camelCase(negated.name)] = false
    return
  }
  const spec = findOption(name)
  if (spec === undefined) throw unknown(rawName, name, value)
  if (value === undefined && spec.type !== 'boolean') {
    throw new ConfigError(`--${spec.name} needs a value: --${spec.name} ${metavar(spec)}`)
  }
  const parsed = parseValue(spec, value ?? '')
  const key = camelCase(spec.name)
  if (spec.many === true) (options[key] as unknown[]).push(parsed)
  else options[key] = parsed
}

function unknown(rawName: string, name: string, value: string | undefined): ConfigError {
  const names = SPECS.flatMap((spec) => [spec.name, ...(spec.aliases ?? [])])
  const near = suggest(name, names)
  const hint = near === undefined ? 'see postern --help' : `did you mean --${near}?`
  const port = name === 'p' || name === 'port' || name === 'bind'
  if (port) {
    const address = value === undefined ? ':8000' : `:${value.replace(/^.*:/, '')}`
    return new ConfigError(`unknown option ${rawName}: a port is --http-socket ${address}`)
  }
  return new ConfigError(`unknown option ${rawName}: ${hint}`)
}
