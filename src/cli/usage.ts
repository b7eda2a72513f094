// --help: made from the option table, grouped, on one screen.
import { OPTIONS, type OptionGroup, type OptionSpec } from '../config/options.js'
import { VERSION } from '../version.js'

const SPECS: readonly OptionSpec[] = OPTIONS
const GROUPS: readonly OptionGroup[] = [
  'Sockets',
  'Application',
  'Limits',
  'Timeouts',
  'HTTP',
  'Trust',
  'Other',
]

function label(spec: OptionSpec): string {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `
  const value: Partial<Record<OptionSpec['type'], string>> = {
    bytes: 'BYTES',
    choice: 'KIND',
    count: 'N',
    seconds: 'S',
  }
  const metavar = spec.metavar ?? value[spec.type]
  return `${short}--${spec.name}${metavar === undefined ? '' : ` ${metavar}`}`
}

/** The default, where the text does not say it already. */
function showDefault(spec: OptionSpec): string {
  if (spec.type === 'boolean' || spec.default === undefined || spec.default === 0) return ''
  const text = String(spec.default)
  return text.length > 24 ? '' : ` [${text}]`
}

export function usage(): string {
  const lines = [
    `Postern ${VERSION}, application server`,
    '',
    'Usage: postern [options] APP[:export]      APP: a JavaScript or TypeScript file',
    '',
  ]
  for (const group of GROUPS) {
    const specs = SPECS.filter((spec) => spec.group === group)
    if (specs.length === 0) continue
    lines.push(`${group}:`)
    for (const spec of specs)
      lines.push(`  ${label(spec).padEnd(34)} ${spec.doc}${showDefault(spec)}`)
  }
  lines.push(
    '',
    'ADDR: HOST:PORT  :PORT  [V6]:PORT  /PATH  @ABSTRACT  fd://N      BYTES may end in k, m or g',
    '',
  )
  return lines.join('\n')
}
