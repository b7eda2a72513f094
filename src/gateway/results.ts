// What an application returned, as something that is asked for blocks and closed at the end.
import { isBytes, nameOf } from './blocks.js'
import type { Block } from './types.js'

export type AnyIterator = Iterator<Block> | AsyncIterator<Block>

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    typeof value === 'object' &&
    typeof (value as PromiseLike<unknown>).then === 'function'
  )
}

/** @throws {TypeError} it has no blocks, with what to return instead */
export function iteratorOf(result: object): AnyIterator {
  if (isWebStream(result)) return readerOf(result)
  if (ArrayBuffer.isView(result) && !isBytes(result)) throw badResult(result)
  if (Symbol.asyncIterator in result) {
    return (result as AsyncIterable<Block>)[Symbol.asyncIterator]()
  }
  if (Symbol.iterator in result) return (result as Iterable<Block>)[Symbol.iterator]()
  if ('next' in result && typeof result.next === 'function') return result as Iterator<Block>
  throw badResult(result)
}

export function isWebStream(result: object): result is ReadableStream<Block> {
  return 'getReader' in result && typeof result.getReader === 'function'
}

/** Not the stream's own iterator: that one cannot be left while it waits for a block. */
function readerOf(stream: ReadableStream<Block>): AsyncIterator<Block> {
  const reader = stream.getReader()
  let over = false
  const end = () => {
    over = true
  }
  reader.closed.then(end, end)
  return {
    next: () => reader.read() as Promise<IteratorResult<Block>>,
    return: async () => {
      if (!over) await reader.cancel()
      return { done: true, value: undefined }
    },
  }
}

/**
 * The method that ends a result before its time. Streams of Node are destroyed: their iterators
 * cannot be left while they wait, and are not bound to their streams before the first block.
 */
export function closerOf(result: object): 'close' | 'destroy' {
  const stream = result as Record<string, unknown>
  const ofNode = typeof stream.destroy === 'function' && typeof stream.pipe === 'function'
  return ofNode && typeof stream.close !== 'function' ? 'destroy' : 'close'
}

/** What was meant, by what it looks like. */
function adviceFor(result: unknown): string {
  if (result === undefined) return ' (is a return missing?)'
  if (result === null || typeof result !== 'object') return ''
  if (result instanceof Response) {
    return ': call startResponse with its status and headers, and return its body'
  }
  if (result instanceof Blob) return ': return its stream()'
  if (result instanceof ArrayBuffer || ArrayBuffer.isView(result))
    return ': wrap it in a Uint8Array'
  return ', which is not iterable'
}

export function badResult(result: unknown): TypeError {
  return new TypeError(
    `the application returned ${nameOf(result)} instead of a body${adviceFor(result)}`,
  )
}
