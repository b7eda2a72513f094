// One value of one option: from text to what the option's type says, or an error that names the
// option and says what would be right.
import { isIP } from 'node:net'
import { inspect } from 'node:util'
import { ConfigError } from '../errors.js'
import { parseAddress } from './address.js'
import { grantedCores } from './cores.js'
import type { OptionSpec } from './options.js'

const SCALE: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }
const TRUE: ReadonlySet<string> = new Set(['true', '1', 'yes', 'on', ''])
const FALSE: ReadonlySet<string> = new Set(['false', '0', 'no', 'off'])

/** @throws {ConfigError} */
export function parseValue(spec: OptionSpec, text: string): string | number | boolean {
  switch (spec.type) {
    case 'boolean':
      if (TRUE.has(text.toLowerCase())) return true
      if (FALSE.has(text.toLowerCase())) return false
      throw bad(spec, text, RULES.boolean)
    case 'count':
    case 'seconds':
      return parseNumber(spec, text, /^\d{1,15}$/, 1)
    case 'processes':
      if (text === 'auto') return grantedCores()
      return parseNumber(spec, text, /^\d{1,15}$/, 1)
    case 'bytes': {
      const suffix = /[kmg]$/i.exec(text)?.[0].toLowerCase() ?? ''
      return parseNumber(spec, text, /^\d{1,15}[kmg]?$/i, SCALE[suffix])
    }
    case 'mode':
      if (!/^[0-7]{3,4}$/.test(text)) throw bad(spec, text, 'is an octal mode such as 660')
      return Number.parseInt(text, 8)
    case 'choice':
      if (spec.choices?.includes(text) === true) return text
      throw bad(spec, text, oneOf(spec.choices ?? []))
    case 'pair':
      if (!/^[^=\0]+=/.test(text)) throw bad(spec, text, 'is NAME=VALUE')
      return text
    case 'address':
      parseAddress(text, spec.name)
      return text
    case 'peers':
      return parseList(spec, text, isPeer, 'has addresses, networks like 10.0.0.0/8, unix or *')
    case 'fields':
      return parseList(spec, text, isForwardedField, `has ${FORWARDED_FIELDS.join(', ')}`)
    case 'log':
      return parseLog(spec, text)
    case 'path':
    case 'text':
      if (text === '') throw bad(spec, text, 'is not empty')
      return text
  }
}

/** uWSGI names the kind of a logger in front: "file:/path", "stdio". */
function parseLog(spec: OptionSpec, text: string): string {
  const kind = /^([a-z][a-z\d]*):/.exec(text)?.[1]
  const path = text === 'stdio' || text === 'stdio:' ? '-' : text.replace(/^file:/, '')
  const known = kind === undefined || kind === 'file' || path === '-'
  if (!known || path === '') throw bad(spec, text, RULES.log)
  return path
}

const FORWARDED_FIELDS = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-protocol',
  'x-forwarded-ssl',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-real-ip',
  'x-scheme',
]

function isForwardedField(text: string): boolean {
  return FORWARDED_FIELDS.includes(text.toLowerCase())
}

function isPeer(text: string): boolean {
  if (text === '*' || text === 'unix') return true
  const [address, bits, ...more] = text.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0) return false
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
  )
}

/** A list, without spaces and empty entries. */
function parseList(
  spec: OptionSpec,
  text: string,
  fits: (entry: string) => boolean,
  rule: string,
): string {
  const entries = text.split(',').map((entry) => entry.trim())
  for (const entry of entries) if (entry !== '' && !fits(entry)) throw bad(spec, entry, rule)
  return entries.filter((entry) => entry !== '').join(',')
}

function parseNumber(spec: OptionSpec, text: string, form: RegExp, scale: number): number {
  if (!form.test(text)) throw bad(spec, text, RULES[spec.type])
  return checkRange(spec, Number.parseInt(text, 10) * scale)
}

/** Where a row of the table has no greatest value: what the native side can hold and add up. */
const MAX: Partial<Record<OptionSpec['type'], number>> = {
  bytes: Number.MAX_SAFE_INTEGER,
  count: 2 ** 31 - 1,
  mode: 0o7777,
  seconds: 365 * 86400,
}

function checkRange(spec: OptionSpec, value: number): number {
  const { min = 0, max = MAX[spec.type] as number } = spec
  if (value < min) throw bad(spec, value, `is at least ${min}`)
  if (value > max) throw bad(spec, value, `is at most ${max}`)
  return value
}

/** What a value of each type is, for those who pass something else. */
const RULES: Record<OptionSpec['type'], string> = {
  address: 'is a socket address such as ":8000" or "/run/app.sock"',
  boolean: 'is true or false',
  bytes: 'is a number of bytes, k, m or g',
  choice: 'is one of several words',
  count: 'is a whole number',
  fields: 'is a list of fields, separated by commas',
  log: 'is a file, or - for standard output',
  mode: 'is an octal mode such as 0o660',
  pair: 'is NAME=VALUE',
  path: 'is a path',
  peers: 'is a list of addresses, separated by commas',
  processes: 'is a whole number or auto',
  seconds: 'is a whole number of seconds',
  text: 'is text',
}

/** As parseValue, for values that come from a program instead of from text. */
export function checkValue(spec: OptionSpec, value: unknown): string | number | boolean {
  if (typeof value === 'string' && spec.type !== 'boolean') return parseValue(spec, value)
  if (typeof value === 'boolean' && spec.type === 'boolean') return value
  const numeric = ['count', 'seconds', 'bytes', 'mode', 'processes'].includes(spec.type)
  if (typeof value === 'number' && Number.isSafeInteger(value) && numeric) {
    return checkRange(spec, value)
  }
  throw bad(spec, value, spec.choices === undefined ? RULES[spec.type] : oneOf(spec.choices))
}

function oneOf(choices: readonly string[]): string {
  return `is one of ${choices.join(', ')}`
}

function bad(spec: OptionSpec, value: unknown, rule: string): ConfigError {
  const shown = typeof value === 'string' ? JSON.stringify(value) : inspect(value)
  return new ConfigError(`--${spec.name} ${rule}, not ${shown}`)
}
