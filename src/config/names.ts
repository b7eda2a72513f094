// Names of options as configuration files and the environment write them: as the table has them, in
// camelCase, or with underscores. What is not in the table gets a hint.
import { camelCase, OPTIONS, type OptionSpec } from './options.js'
import { suggest } from './suggest.js'

const SPECS: readonly OptionSpec[] = OPTIONS

/** "http-socket" → itself, "httpSocket", "http_socket". */
export function spellings(name: string): string[] {
  return [name, camelCase(name), name.replaceAll('-', '_')]
}

const BY_NAME: ReadonlyMap<string, OptionSpec> = new Map(
  SPECS.flatMap((spec) =>
    [spec.name, ...(spec.aliases ?? [])].flatMap(spellings).map((name) => [name, spec] as const),
  ),
)

const NAMES: readonly string[] = SPECS.flatMap(({ name, aliases }) => [name, ...(aliases ?? [])])

/** The row of an option by any of its spellings. */
export function optionNamed(key: string): OptionSpec | undefined {
  return BY_NAME.get(key)
}

/** "httpSocket", "http_socket" → "http-socket". */
export function dashed(key: string): string {
  return key.replaceAll('_', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** What other servers call it, and uWSGI where ours does not need the difference. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['bind', 'http-socket'],
  ['file', 'app'],
  ['http', 'http-socket'],
  ['module', 'app'],
  ['port', 'http-socket'],
  ['wsgi', 'app'],
  ['wsgi-file', 'app'],
])

/** The option that an unknown name was probably meant to be. */
export function nearestOption(key: string): string | undefined {
  const name = dashed(key)
  return ELSEWHERE.get(name) ?? suggest(name, NAMES)
}
