// docs/postern.schema.json: what editors know about TOML, YAML and JSON files of configuration, made
// from the option table by `npm run generate`. Completion offers the names of the table; the other
// spellings are allowed. The server itself checks files by the table, not by this.
import { ACCEPTED } from '../config/accepted.js'
import { spellings } from '../config/names.js'
import { OPTIONS, type OptionSpec, type OptionType } from '../config/options.js'
import { QUESTIONS } from '../config/settings.js'

type Schema = { readonly [key: string]: unknown }

const SPECS: readonly OptionSpec[] = (OPTIONS as readonly OptionSpec[]).filter(
  ({ name }) => !QUESTIONS.has(name),
)

/** Text that becomes something else when it is read. */
const PLACEHOLDER = '%|\\$\\(|@\\('
const TEXT: Schema = { type: 'string', minLength: 1 }

function number(spec: OptionSpec, text: string): Schema {
  const { min: minimum = 0, max: maximum } = spec
  const pattern = `^(${text})$|${PLACEHOLDER}`
  return {
    anyOf: [
      { type: 'integer', minimum, maximum },
      { type: 'string', pattern },
    ],
  }
}

const TYPES: Readonly<Record<OptionType, (spec: OptionSpec) => Schema>> = {
  address: () => TEXT,
  boolean: () => ({ type: 'boolean' }),
  bytes: (spec) => number(spec, '\\d+[kmgKMG]?'),
  choice: ({ choices }) => ({ enum: choices }),
  count: (spec) => number(spec, '\\d+'),
  fields: () => TEXT,
  log: () => TEXT,
  mode: () => ({ type: 'string', pattern: `^[0-7]{3,4}$|${PLACEHOLDER}` }),
  pair: () => ({ type: 'string', pattern: '^[^=]+=' }),
  path: () => TEXT,
  peers: () => TEXT,
  processes: (spec) => number(spec, '\\d+|auto'),
  seconds: (spec) => number(spec, '\\d+'),
  text: () => TEXT,
}

function valueSchema(spec: OptionSpec): Schema {
  const one = TYPES[spec.type](spec)
  const description = { description: spec.doc, default: spec.default }
  if (spec.many !== true) return { ...description, ...one }
  const table = { type: 'object', additionalProperties: { type: ['string', 'number'] } }
  const some = [one, { type: 'array', items: one }, ...(spec.type === 'pair' ? [table] : [])]
  return { ...description, anyOf: some }
}

/** Every spelling of an option but its own name, as one pattern. */
function otherNames({ name, aliases = [] }: OptionSpec): string[] {
  const names = new Set([name, ...aliases].flatMap(spellings))
  names.delete(name)
  return [...names]
}

/** The schema, as text. */
export function jsonSchema(): string {
  const others = SPECS.map((spec) => [spec.name, otherNames(spec)] as const)
  const accepted = Object.keys(ACCEPTED).flatMap(spellings)
  const patternProperties = Object.fromEntries([
    ...others
      .filter(([, names]) => names.length > 0)
      .map(([name, names]) => [`^(${names.join('|')})$`, { $ref: `#/properties/${name}` }]),
    [`^(${[...new Set(accepted)].join('|')})$`, { description: 'of uWSGI, does nothing here' }],
  ])
  const references = SPECS.map(({ name }) => [name, { $ref: `#/properties/${name}` }])
  const section = { $ref: '#/definitions/section' }
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of Postern',
    type: 'object',
    properties: {
      $schema: { type: 'string' },
      postern: section,
      uwsgi: section,
      ...Object.fromEntries(SPECS.map((spec) => [spec.name, valueSchema(spec)])),
    },
    patternProperties,
    additionalProperties: false,
    definitions: {
      section: {
        type: 'object',
        properties: Object.fromEntries(references),
        patternProperties,
        additionalProperties: false,
      },
    },
  }
  return `${JSON.stringify(schema, null, 2)}\n`
}
