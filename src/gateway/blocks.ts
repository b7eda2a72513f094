// The blocks of a body: what is one, how long it is, and what to say about everything else.
import { isUint8Array } from 'node:util/types'
import type { Block } from './types.js'

/** Longer blocks are handed over in parts, as the client takes them. */
export const PART_BYTES: number = 256 * 1024

/** Also of another realm: what node:vm and test runners make is no instance of our Uint8Array. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || isUint8Array(value)
}

/**
 * Characters of text, bytes of bytes: 0 exactly for an empty block.
 *
 * @throws {TypeError} it is neither, or its bytes are gone
 */
export function sizeOf(block: unknown): number {
  if (typeof block === 'string') return block.length
  if (!isBytes(block)) throw new TypeError(`a body block is text or bytes, not ${nameOf(block)}`)
  if (block.length === 0) checkAttached(block)
  return block.length
}

/** Bytes on the wire. */
export function wireSize(block: Block): number {
  return typeof block === 'string' ? Buffer.byteLength(block) : block.length
}

export function toBytes(block: Block): Uint8Array {
  return typeof block === 'string' ? Buffer.from(block) : block
}

/**
 * What has no length may have lost it: a buffer that was transferred to a worker would go out as
 * nothing at all.
 *
 * @throws {TypeError}
 */
export function checkAttached(bytes: Uint8Array): void {
  try {
    bytes.keys() // of a detached buffer, or behind the end of a resized one, it throws
  } catch {
    throw new TypeError('a body block has lost its memory: it was transferred or resized')
  }
}

/** A block that is sent in parts. Its owner may not touch it meanwhile; what it does is noticed. */
export class LongBlock {
  private readonly bytes: Uint8Array
  private readonly size: number
  private at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.size = bytes.length
  }

  get done(): boolean {
    return this.at === this.size
  }

  /** @throws {TypeError} the memory is not what it was */
  next(): Uint8Array {
    if (this.bytes.length !== this.size) {
      throw new TypeError('a body block was transferred or resized while it was being sent')
    }
    const part = this.bytes.subarray(this.at, this.at + PART_BYTES)
    this.at += part.length
    return part
  }
}

/** A value for an error message: "null", "a number", "an array", "a Response". */
export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  try {
    if (Array.isArray(value)) return 'an array'
    const name: unknown = value.constructor?.name
    if (typeof name !== 'string' || name === '' || name === 'Object') return 'an object'
    return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`
  } catch {
    return 'an object' // a Proxy that throws when it is looked at
  }
}
