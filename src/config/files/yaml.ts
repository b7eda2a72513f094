// YAML 1.2 by the library yaml, with the lines of keys.
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import type { Document } from './document.js'
import { LineError } from './ini-blocks.js'

/** @throws {LineError} */
export function parseYaml(text: string): Document {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  const [wrong] = document.errors
  if (wrong !== undefined)
    throw new LineError(lineCounter.linePos(wrong.pos[0]).line, wrong.message)
  return {
    value: document.toJS() ?? {},
    lineOf(path) {
      const key = findKey(document.contents, path)
      return key === undefined ? 1 : lineCounter.linePos(key).line
    },
  }
}

/** Offset of the key at the end of a path. */
function findKey(node: unknown, [name, ...rest]: readonly string[]): number | undefined {
  if (!isMap(node)) return undefined
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === name)
  if (pair === undefined) return undefined
  return rest.length > 0 ? findKey(pair.value, rest) : (pair.key as { range?: number[] }).range?.[0]
}
