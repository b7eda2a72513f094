// TOML by the library smol-toml, which says where an error is, but not where a key is: keys are looked
// for in the text, where they are one a line.
import { parse, TomlError } from 'smol-toml'
import type { Document } from './document.js'
import { LineError } from './ini-blocks.js'

/** @throws {LineError} */
export function parseToml(text: string): Document {
  try {
    return { value: parse(text), lineOf: (path) => findLine(text.split('\n'), path) }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const message = error.message.replace(/^Invalid TOML document: /, '').split('\n')[0]
    throw new LineError(error.line, message)
  }
}

function findLine(lines: readonly string[], path: readonly string[]): number {
  const name = path[path.length - 1]
  const table = path.slice(0, -1).join('.')
  let at = ''
  for (const [i, line] of lines.entries()) {
    const header = /^\s*\[+\s*([^\]]*?)\s*\]/.exec(line)?.[1]
    if (header !== undefined) at = header.replace(/["']/g, '')
    const key = /^\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*[.=]/.exec(line)
    if (at === table && (key?.[1] ?? key?.[2] ?? key?.[3]) === name) return i + 1
    if (header !== undefined && at === [...path].join('.')) return i + 1
  }
  return 1
}
