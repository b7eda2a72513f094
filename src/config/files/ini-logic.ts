// What the blocks of an ini file do: how often a for runs, and with which values of %(_), and whether
// an if holds. The blocks themselves are in ini-blocks.ts.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Block } from './ini-blocks.js'

/** What conditions look at. */
export interface Facts {
  /** The value of an option or a placeholder that was set before. */
  setting(name: string): string | undefined
  variable(name: string): string | undefined
}

/**
 * @param value of the block, expanded
 * @returns each value of %(_) with which the body is to be run; one, for an if that holds
 * @throws {Error} a number, a file or an expression is none
 */
export function repetitions(block: Block, value: string): readonly string[] {
  switch (block.key) {
    case 'for':
      return value.split(/\s+/).filter((word) => word !== '')
    case 'for-times': {
      if (!/^\d{1,6}$/.test(value)) throw new Error(`for-times is a whole number, not "${value}"`)
      return Array.from({ length: Number(value) }, (_, i) => String(i + 1))
    }
    case 'for-glob':
      return glob(value)
    default:
      return readFileSync(value, 'utf8')
        .replace(/\r?\n$/, '')
        .split(/\r?\n/)
  }
}

/** @returns what %(_) is in the block; undefined: the condition does not hold */
export function holds(block: Block, value: string, facts: Facts): string | undefined {
  const negative = block.key.startsWith('if-not-')
  const found = look(block.key.slice(negative ? 'if-not-'.length : 'if-'.length), value, facts)
  if (negative) return found === undefined ? value : undefined
  return found
}

function look(test: string, value: string, facts: Facts): string | undefined {
  switch (test) {
    case 'env':
      return compare(value, facts.variable)
    case 'opt':
      return compare(value, facts.setting)
    case 'exists':
      return statSync(value, { throwIfNoEntry: false }) && value
    case 'file':
      return statSync(value, { throwIfNoEntry: false })?.isFile() ? value : undefined
    case 'dir':
      return statSync(value, { throwIfNoEntry: false })?.isDirectory() ? value : undefined
    case 'hostname':
      return hostname() === value ? value : undefined
    default:
      return new RegExp(value).test(hostname()) ? value : undefined
  }
}

/** "NAME" is set to something, or "NAME=VALUE" is set to that. */
function compare(text: string, get: (name: string) => string | undefined): string | undefined {
  const at = text.indexOf('=')
  const value = get(at < 0 ? text : text.slice(0, at))
  if (at >= 0) return value === text.slice(at + 1) ? value : undefined
  return value === '' ? undefined : value
}

/** Paths that fit a pattern with * ? [abc] in any of its parts, sorted; Node 20 has no glob. */
function glob(pattern: string): string[] {
  let found = [pattern.startsWith('/') ? '/' : '']
  for (const part of pattern.split('/').filter((one) => one !== '')) {
    found = found.flatMap((dir) => step(dir, part))
  }
  return found
}

function step(dir: string, part: string): string[] {
  const path = join(dir, part)
  if (!/[*?[]/.test(part)) return statSync(path, { throwIfNoEntry: false }) ? [path] : []
  const form = part
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.')
  const re = new RegExp(`^${form}$`, 's')
  return list(dir)
    .filter((name) => re.test(name) && (part.startsWith('.') || !name.startsWith('.')))
    .map((name) => join(dir, name))
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir === '' ? '.' : dir).sort()
  } catch {
    // Not a directory, or not ours to read: nothing in it fits.
    return []
  }
}
