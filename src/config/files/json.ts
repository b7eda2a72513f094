// JSON, with the lines of keys: JSON.parse says whether it is JSON, YAML, of which JSON is a part,
// knows where everything is and finds keys that are there twice.
import type { Document } from './document.js'
import { LineError } from './ini-blocks.js'
import { parseYaml } from './yaml.js'

/** @throws {LineError} */
export function parseJson(text: string): Document {
  const plain = text.replace(/^\uFEFF/, '')
  let value: unknown
  try {
    value = JSON.parse(plain)
  } catch (error) {
    const { message } = error as Error
    const offset = /at position (\d+)/.exec(message)?.[1] ?? plain.length
    const line = plain.slice(0, Number(offset)).split('\n').length
    throw new LineError(line, `this is not JSON: ${message}`)
  }
  return { ...parseYaml(plain), value }
}
