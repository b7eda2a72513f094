// One value of one option: from text to what the option's type says, or an error that names the
// option and says what would be right.
import { isIP } from 'node:net'
import { ConfigError } from '../errors.js'
import { parseAddress } from './address.js'
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
      throw bad(spec, text, 'is true or false')
    case 'count':
    case 'seconds':
      return parseNumber(spec, text, /^\d{1,15}$/, 1)
    case 'bytes': {
      const suffix = /[kmg]$/i.exec(text)?.[0].toLowerCase() ?? ''
      return parseNumber(spec, text, /^\d{1,15}[kmg]?$/i, SCALE[suffix])
    }
    case 'mode':
      if (!/^[0-7]{3,4}$/.test(text)) throw bad(spec, text, 'is an octal mode such as 660')
      return Number.parseInt(text, 8)
    case 'choice':
      if (spec.choices?.includes(text) !== true) {
        throw bad(spec, text, `is one of ${spec.choices?.join(', ')}`)
      }
      return text
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
    case 'path':
    case 'text':
      if (text === '') throw bad(spec, text, 'is not empty')
      return text
  }
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
  if (!form.test(text)) {
    const unit = spec.type === 'seconds' ? 'a whole number of seconds' : 'a whole number'
    throw bad(spec, text, spec.type === 'bytes' ? 'is a number of bytes, k, m or g' : `is ${unit}`)
  }
  return checkRange(spec, Number.parseInt(text, 10) * scale)
}

function checkRange(spec: OptionSpec, value: number): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = spec
  if (value < min) throw bad(spec, String(value), `is at least ${min}`)
  if (value > max) throw bad(spec, String(value), `is at most ${max}`)
  return value
}

/** As parseValue, for values that come from a program instead of from text. */
export function checkValue(spec: OptionSpec, value: unknown): string | number | boolean {
  if (typeof value === 'string' && spec.type !== 'boolean') return parseValue(spec, value)
  if (typeof value === 'boolean' && spec.type === 'boolean') return value
  const numeric = ['count', 'seconds', 'bytes', 'mode'].includes(spec.type)
  if (typeof value === 'number' && Number.isSafeInteger(value) && numeric) {
    return checkRange(spec, value)
  }
  throw bad(spec, String(value), `is a ${spec.type}`)
}

function bad(spec: OptionSpec, text: string, rule: string): ConfigError {
  return new ConfigError(`--${spec.name} ${rule}, not ${JSON.stringify(text)}`)
}
