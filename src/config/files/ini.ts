// Text of an ini file, as uWSGI writes them → what it says, in order: keys with their lines, in
// the blocks of for and if (ini-blocks.ts). Nothing is expanded or executed here (ini-logic.ts).
//
//   [section]          only [uwsgi] and [postern] are read, or the one that was asked for
//   key = value        keys may be repeated; a key alone is true
//   # ;              at the start of a line: a comment
//   "value"            quotes around all of a value keep its spaces
import { suggest } from '../suggest.js'
import { type Entry, LineError, type Node, nest } from './ini-blocks.js'

const SECTIONS: readonly string[] = ['uwsgi', 'postern']

/**
 * @param section to read; undefined: those of uWSGI and Postern
 * @throws {LineError}
 */
export function parseIni(text: string, section?: string): readonly Node[] {
  const wanted = section === undefined ? SECTIONS : [section]
  const entries: Entry[] = []
  const seen: string[] = []
  let at: string | undefined
  for (const { line, content } of contentLines(text)) {
    const header = /^\[(.*)\]$/.exec(content)
    if (header !== null) {
      at = header[1].trim()
      seen.push(at)
    } else if (at === undefined) {
      throw new LineError(line, `a section comes first: [${wanted[0]}]`)
    } else if (wanted.includes(at)) {
      entries.push(parseEntry(content, line))
    }
  }
  if (!seen.some((name) => wanted.includes(name))) throw noSection(wanted, seen)
  return nest(entries)
}

function noSection(wanted: readonly string[], seen: readonly string[]): LineError {
  const has = seen.map((name) => `[${name}]`).join(', ') || 'none'
  const named = wanted.map((name) => `[${name}]`).join(' or ')
  const slips = seen.flatMap((name) => suggest(name, wanted) ?? [])
  const meant = wanted === SECTIONS ? slips[0] : suggest(wanted[0], seen)
  const hint = meant === undefined ? '' : `: did you mean [${meant}]?`
  return new LineError(1, `no section ${named}, it has ${has}${hint}`)
}

function* contentLines(text: string): Generator<{ line: number; content: string }> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  for (const [i, raw] of lines.entries()) {
    const content = raw.trim()
    if (content !== '' && !/^[#;]/.test(content)) yield { line: i + 1, content }
  }
}

function parseEntry(text: string, line: number): Entry {
  const equals = text.indexOf('=')
  const key = (equals < 0 ? text : text.slice(0, equals)).trim()
  if (key === '') throw new LineError(line, 'a name is missing before "="')
  const value = equals < 0 ? '' : text.slice(equals + 1).trim()
  return { key, value: /^"[^"]*"$/.test(value) ? value.slice(1, -1) : value, line }
}
