// TOML, YAML and JSON → entries with their lines. Options are at the top, or, as in uWSGI's files,
// under "uwsgi" or "postern"; a repeatable one has a list, variables of the environment may be a
// table. The parsers are libraries; this module knows what the options make of a document.
import { optionNamed } from '../names.js'
import type { Document } from './document.js'
import { LineError } from './ini-blocks.js'
import type { FileKind } from './kinds.js'
import type { FileEntry } from './known-values.js'

type Parser = (text: string) => Document
/** A start without such a file does not load their libraries. */
const PARSERS: Readonly<Record<string, () => Promise<Parser>>> = {
  json: async () => (await import('./json.js')).parseJson,
  toml: async () => (await import('./toml.js')).parseToml,
  yaml: async () => (await import('./yaml.js')).parseYaml,
}
const SECTIONS: ReadonlySet<string> = new Set(['uwsgi', 'postern'])

/** @throws {LineError} */
export async function dataEntries(kind: FileKind, text: string): Promise<FileEntry[]> {
  const parse = await PARSERS[kind]()
  const document = parse(text)
  if (!isTable(document.value)) throw new LineError(1, 'it is not a table of options')
  return entriesOf(document.value, [], document)
}

function entriesOf(table: object, path: readonly string[], document: Document): FileEntry[] {
  return Object.entries(table).flatMap(([key, value]) => {
    const line = document.lineOf([...path, key])
    if (path.length === 0) {
      // What editors read: the address of docs/postern.schema.json.
      if (key === '$schema') return []
      if (SECTIONS.has(key) && isTable(value)) return entriesOf(value, [key], document)
    }
    return optionEntries(key, value, line)
  })
}

/** @param line 0: not known */
export function optionEntries(key: string, value: unknown, line: number): FileEntry[] {
  const spec = optionNamed(key)
  if (value === null || value === undefined) throw new LineError(line, `${key} has no value`)
  if (Array.isArray(value)) {
    if (spec !== undefined && spec.many !== true) {
      throw new LineError(line, `${key} has one value, not a list`)
    }
    return value.flatMap((one) => optionEntries(key, one, line))
  }
  if (isTable(value)) return tableEntries(key, value, line)
  if (spec?.type === 'mode' && typeof value === 'number' && line > 0) {
    throw new LineError(line, `${key} is an octal mode in quotes: "660"`)
  }
  return [{ key, value, line }]
}

/** Variables of the environment; nothing else is a table. */
function tableEntries(key: string, table: object, line: number): FileEntry[] {
  const spec = optionNamed(key)
  if (spec === undefined) return [{ key, value: '', line }]
  if (spec.type !== 'pair') throw new LineError(line, `${key} has a value, not a table`)
  return Object.entries(table).map(([name, value]) => {
    if (typeof value === 'object') throw new LineError(line, `${name} of ${key} is not text`)
    return { key, value: `${name}=${value}`, line }
  })
}

function isTable(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    [null, Object.prototype].includes(Object.getPrototypeOf(value))
  )
}
