// The corpora of test/corpus as they are used over a socket.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { ROOT } from './postern.js'

/** Text, or the length and digest of a long one. */
export type Text = string | { readonly len: number; readonly sha256: string }

/** A case as it stands in the file; `E` is what it expects. */
export interface Case<E> {
  readonly id: string
  readonly description: string
  readonly config?: Record<string, unknown>
  readonly raw?: string
  readonly raw_z?: string
  readonly splits?: readonly number[] | 'every byte'
  readonly after_send?: 'shutdown_wr'
  readonly expect: E
}

export function readCorpus<E>(name: string): readonly Case<E>[] {
  const text = readFileSync(join(ROOT, 'test/corpus', name), 'utf8')
  return (JSON.parse(text) as { cases: Case<E>[] }).cases
}

/** The bytes that the client sends. */
export function bytesOf(one: Case<unknown>): Buffer {
  if (one.raw_z !== undefined) return inflateSync(Buffer.from(one.raw_z, 'base64'))
  return Buffer.from(one.raw ?? '', 'base64')
}

export function sameText(expected: Text, actual: string): boolean {
  if (typeof expected === 'string') return expected === actual
  const digest = createHash('sha256').update(Buffer.from(actual, 'latin1')).digest('hex')
  return actual.length === expected.len && digest === expected.sha256
}

/** Runs `work` for each item, at most `width` at a time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items]
  const lane = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane))
}
