// What the command line, the environment and configuration files have in common: settings, each with
// the place that it comes from; and how the options are made of them. Of an option that may be given
// once the last setting counts, those of one that may be repeated are gathered.
import { ConfigError } from '../errors.js'
import { camelCase, defaultOptions, findOption, type OptionSpec, type Options } from './options.js'
import { checkValue, parseValue } from './values.js'

/** Where settings come from, from the weakest to the strongest. */
export type Layer = 'file' | 'environment' | 'command line'

export interface Setting {
  /** Name of the option in the table, not an alias. */
  readonly name: string
  /** Text that is to be parsed, or what a data format or a program has made of it. */
  readonly value: unknown
  readonly layer: Layer
  /** For messages: "app.ini:3", "POSTERN_LISTEN"; empty on the command line, which everybody sees. */
  readonly place: string
}

/** What only asks something of the command line, and configures nothing. */
export const QUESTIONS: ReadonlySet<string> = new Set([
  'help',
  'help-all',
  'show-config',
  'version',
])

/**
 * @param settings from the weakest to the strongest
 * @throws {ConfigError} a value that its option cannot have, with its place
 */
export function resolveSettings(settings: readonly Setting[]): Options {
  const options = defaultOptions() as Record<string, unknown>
  for (const setting of settings) {
    const spec = findOption(setting.name) as OptionSpec
    const value = checkedValue(spec, setting)
    const key = camelCase(spec.name)
    if (spec.many === true) (options[key] as unknown[]).push(value)
    else options[key] = value
  }
  return options as Options
}

function checkedValue(
  spec: OptionSpec,
  { value, layer, place }: Setting,
): string | number | boolean {
  if (layer === 'command line') return parseValue(spec, String(value))
  try {
    // uWSGI's YAML and JSON say 1 for true.
    const flag = spec.type === 'boolean' && (value === 0 || value === 1)
    return typeof value === 'string' || flag
      ? parseValue(spec, String(value))
      : checkValue(spec, value)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw misplaced(place, error.message.replace(/^--/, '') + remark(value))
  }
}

/** The commonest slip in an ini file: there, a comment has a line of its own. */
function remark(value: unknown): string {
  return typeof value === 'string' && /\s[#;]/.test(value)
    ? ' (a comment needs a line to itself)'
    : ''
}

/** An error of a line of a file or of a variable. */
export function misplaced(place: string, message: string): ConfigError {
  return new ConfigError(place === '' ? message : `${place}: ${message}`)
}
