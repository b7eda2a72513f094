// YAML 1.2 by the library yaml, with the lines of keys.
import { isMap, isScalar, LineCounter, parseDocument, type Document as YamlDocument } from 'yaml'
import type { Document } from './document.js'
import { LineError } from './ini-blocks.js'

/** @throws {LineError} */
export function parseYaml(text: string): Document {
  const lineCounter = new LineCounter()
  const options = { lineCounter, prettyErrors: false, logLevel: 'error' } as const
  const document = parseDocument(text, options)
  const [wrong] = document.errors
  if (wrong !== undefined)
    throw new LineError(lineCounter.linePos(wrong.pos[0]).line, wrong.message)
  return {
    value: valueOfDocument(document) ?? {},
    lineOf(path) {
      const key = findKey(document.contents, path)
      return key === undefined ? 1 : lineCounter.linePos(key).line
    },
  }
}

/** @throws {LineError} aliases that would fill the memory */
function valueOfDocument(document: YamlDocument.Parsed): unknown {
  try {
    return document.toJS()
  } catch (error) {
    throw new LineError(1, (error as Error).message)
  }
}

/** Offset of the key at the end of a path. */
function findKey(node: unknown, [name, ...rest]: readonly string[]): number | undefined {
  if (!isMap(node)) return undefined
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === name)
  if (pair === undefined) return undefined
  return rest.length > 0 ? findKey(pair.value, rest) : (pair.key as { range?: number[] }).range?.[0]
}
