// --show-config: the options as they have been read, and where each value comes from, in the form of
// an ini file; those that nobody has set are comments.
import { camelCase, OPTIONS, type OptionSpec, type Options } from '../config/options.js'
import { QUESTIONS, type Setting } from '../config/settings.js'
import { VERSION } from '../version.js'

const SPECS: readonly OptionSpec[] = (OPTIONS as readonly OptionSpec[]).filter(
  ({ name }) => !QUESTIONS.has(name),
)

/**
 * @param settings what the options are made of, from the weakest to the strongest
 * @param app the application, if one was named as a word of the command line
 */
export function showConfig(options: Options, settings: readonly Setting[], app: string): string {
  const set: string[] = []
  const unset: string[] = []
  for (const spec of SPECS) {
    const own = settings.filter(({ name }) => name === spec.name)
    const value = options[camelCase(spec.name) as keyof Options]
    if (spec.name === 'app' && own.length === 0 && app !== '') {
      set.push('; command line', entry(spec, app))
    } else if (own.length === 0) {
      const given = spec.many === true || value === undefined ? '' : write(spec, value)
      unset.push(`; ${spec.name} = ${given}`.trimEnd())
    } else if (spec.many === true) {
      const values = value as unknown as readonly unknown[]
      set.push(...own.flatMap((one, i) => [`; ${placeOf(one)}`, entry(spec, values[i])]))
    } else {
      set.push(`; ${origin(own)}`, entry(spec, value))
    }
  }
  const head = `; Postern ${VERSION}: each value below the place that it comes from`
  return `${[head, '[postern]', ...set, '', '; not set:', ...unset].join('\n')}\n`
}

/** The strongest, and those that it has overruled. */
function origin(settings: readonly Setting[]): string {
  const [strongest, ...others] = [...settings].reverse().map(placeOf)
  return others.length === 0 ? strongest : `${strongest}, over ${others.join(', ')}`
}

function placeOf({ place }: Setting): string {
  return place === '' ? 'command line' : place
}

function entry(spec: OptionSpec, value: unknown): string {
  return `${spec.name} = ${write(spec, value)}`
}

/** As an ini file has it. */
function write(spec: OptionSpec, value: unknown): string {
  if (spec.type === 'mode') return (value as number).toString(8)
  const text = String(value).replaceAll('%', '%%')
  if (text.includes('\n')) return JSON.stringify(text)
  return text.trim() === text ? text : `"${text}"`
}
