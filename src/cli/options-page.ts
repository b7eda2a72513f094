// docs/options.md: every option, made from the table by `npm run generate`. --help is usage.ts.
import { ACCEPTED } from '../config/accepted.js'
import { metavar, OPTIONS, type OptionSpec } from '../config/options.js'
import { GROUPS, NOTES } from './usage.js'

const SPECS: readonly OptionSpec[] = OPTIONS

/** The page, in Markdown. */
export function optionsPage(): string {
  const groups = GROUPS.flatMap((group) => [
    `## ${group}${NOTES[group] ?? ''}`,
    '',
    '| option | value | default | |',
    '|---|---|---|---|',
    ...SPECS.filter((spec) => spec.group === group).map(row),
    '',
  ])
  return [
    '# Options',
    '',
    '<!-- Made by `npm run generate` from src/config/options.ts. -->',
    '',
    'On the command line `--name value`; in configuration files `name = value`; in the environment',
    '`POSTERN_NAME`, with underscores. [configuration.md](configuration.md) says how they go together.',
    'An option marked with * can be repeated.',
    '',
    ...groups,
    '## Options of uWSGI that are accepted and do nothing',
    '',
    '| option | why |',
    '|---|---|',
    ...Object.entries(ACCEPTED).map(([name, { reason }]) => `| \`${name}\` | ${reason} |`),
    '',
  ].join('\n')
}

function row(spec: OptionSpec): string {
  const short = spec.short === undefined ? [] : [`-${spec.short}`]
  const others = [...short, ...(spec.aliases ?? []).map((alias) => `--${alias}`)]
  const names = [`**${spec.name}**${spec.many === true ? ' *' : ''}`, ...others.map(code)]
  const shown = spec.default === undefined || spec.many === true ? '' : code(String(spec.default))
  return `| ${names.join(' ')} | ${describeValue(spec)} | ${shown} | ${cell(spec.doc)} |`
}

function describeValue(spec: OptionSpec): string {
  if (spec.choices !== undefined) return spec.choices.map(code).join(' ')
  const range = [
    spec.min === undefined ? '' : `from ${spec.min}`,
    spec.max === undefined ? '' : `to ${spec.max}`,
  ]
  return [metavar(spec), ...range].filter((part) => part !== '').join(' ')
}

/** Long lists may break behind a comma. */
function code(text: string): string {
  return text.length > 40
    ? text.split(',').map(code).join(', ')
    : `\`${text.replaceAll('|', '\\|')}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/[*<]/g, '\\$&')
}
