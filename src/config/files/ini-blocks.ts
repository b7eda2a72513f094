// The blocks of an ini file, by their first and last lines:
//
//   for = a b … endfor         also for-times, for-glob, for-readline
//   if-env = X … else … endif  also if-opt, if-exists, if-file, if-dir, if-hostname,
//                              if-hostname-match, and if-not- of each
import { suggest } from '../suggest.js'

export interface Entry {
  readonly key: string
  readonly value: string
  readonly line: number
}

/** An entry that opens a block, and what is in it. */
export interface Block extends Entry {
  readonly body: readonly Node[]
  /** Behind else. */
  readonly otherwise: readonly Node[]
}

export type Node = Entry | Block

export function isBlock(node: Node): node is Block {
  return 'body' in node
}

/** What is wrong in a file, and in which line. */
export class LineError extends Error {
  readonly line: number

  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

const LOOPS: readonly string[] = ['for', 'for-times', 'for-glob', 'for-readline']
const CONDITIONS: readonly string[] = [
  'env',
  'opt',
  'exists',
  'file',
  'dir',
  'hostname',
  'hostname-match',
].flatMap((test) => [`if-${test}`, `if-not-${test}`])
const ENDS: readonly string[] = ['endfor', 'endif', 'else']

/** @throws {LineError} a block without an end, an end without a block */
export function nest(entries: readonly Entry[]): readonly Node[] {
  const { nodes, at } = readNodes(entries, 0)
  const end = entries[at]
  if (end !== undefined) throw new LineError(end.line, `"${end.key}" ends nothing`)
  return nodes
}

/** @returns the nodes up to the end of the block that they are in, and where that end is */
function readNodes(entries: readonly Entry[], at: number): { nodes: Node[]; at: number } {
  const nodes: Node[] = []
  for (; at < entries.length && !ENDS.includes(entries[at].key); at++) {
    if (LOOPS.includes(entries[at].key) || isCondition(entries[at])) {
      const read = readBlock(entries, at)
      nodes.push(read.block)
      at = read.at
    } else {
      nodes.push(entries[at])
    }
  }
  return { nodes, at }
}

/** @returns the block that begins at `at`, and where its end is */
function readBlock(entries: readonly Entry[], at: number): { block: Block; at: number } {
  const start = entries[at]
  const wanted = start.key.startsWith('for') ? 'endfor' : 'endif'
  const body = readNodes(entries, at + 1)
  let rest = body
  if (entries[body.at]?.key === 'else' && wanted === 'endif') {
    rest = readNodes(entries, body.at + 1)
  }
  const end = entries[rest.at]
  if (end === undefined) throw new LineError(start.line, `"${start.key}" has no ${wanted}`)
  if (end.key !== wanted) {
    const which = `the "${start.key}" of line ${start.line}`
    throw new LineError(end.line, `"${end.key}" does not end ${which}: ${wanted} does`)
  }
  const otherwise = rest === body ? [] : rest.nodes
  return { block: { ...start, body: body.nodes, otherwise }, at: rest.at }
}

function isCondition({ key, line }: Entry): boolean {
  if (!key.startsWith('if-')) return false
  if (CONDITIONS.includes(key)) return true
  const near = suggest(key, CONDITIONS)
  const hint = near === undefined ? `they are ${CONDITIONS.join(', ')}` : `did you mean ${near}?`
  throw new LineError(line, `unknown condition "${key}": ${hint}`)
}
