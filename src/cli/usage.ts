// --help and --help-all: made from the option table, grouped; --help on one screen.
import { metavar, OPTIONS, type OptionGroup, type OptionSpec } from '../config/options.js'
import { VERSION } from '../version.js'

const SPECS: readonly OptionSpec[] = OPTIONS
export const GROUPS: readonly OptionGroup[] = [
  'Sockets',
  'Application',
  'Processes',
  'Limits',
  'Timeouts',
  'HTTP',
  'Trust',
  'Logs',
  'Other',
]

/** Behind the names of groups. */
export const NOTES: Partial<Record<OptionGroup, string>> = { Timeouts: ' in seconds, 0: none' }

const COLUMNS = 100
const INDENT = 2

function label(spec: OptionSpec): string {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `
  return `${short}--${spec.name} ${metavar(spec)}`.trimEnd()
}

/** The default, where the text does not say it already. */
function showDefault(spec: OptionSpec): string {
  if (spec.type === 'boolean' || spec.default === undefined || spec.default === 0) return ''
  const text = String(spec.default)
  return text.length > 24 ? '' : ` [${text}]`
}

/** Label and text side by side, the text in as many lines as it needs. */
function row(spec: OptionSpec, width: number): string[] {
  const room = COLUMNS - INDENT - width - 1
  const lines = ['']
  for (const word of `${spec.doc}${showDefault(spec)}`.split(' ')) {
    const longer = `${lines[lines.length - 1]} ${word}`.trimStart()
    if (longer.length <= room) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines.map((text, i) => {
    const left = i === 0 ? label(spec) : ''
    return `${' '.repeat(INDENT)}${left.padEnd(width)} ${text}`
  })
}

/** @param all rare options too */
export function usage(all: boolean): string {
  const shown = SPECS.filter((spec) => all || spec.rare !== true)
  const width = Math.max(...shown.map((spec) => label(spec).length))
  const groups = GROUPS.flatMap((group) => {
    const specs = shown.filter((spec) => spec.group === group)
    return [`${group}${NOTES[group] ?? ''}:`, ...specs.flatMap((spec) => row(spec, width))]
  })
  return [
    `Postern ${VERSION}, application server`,
    '',
    'Usage: postern [options] APP[:export]      APP: a JavaScript or TypeScript file',
    '',
    ...groups,
    '',
    'ADDR: HOST:PORT  :PORT  [V6]:PORT  /PATH  @ABSTRACT  fd://N      BYTES may end in k, m or g',
    '',
  ].join('\n')
}
