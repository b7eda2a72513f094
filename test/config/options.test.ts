// The option table keeps its own rules: what derives from it need not look.
import { describe, expect, test } from 'vitest'
import {
  camelCase,
  defaultOptions,
  findOption,
  metavar,
  OPTIONS,
  type OptionSpec,
} from '../../src/config/options.js'
import { checkValue } from '../../src/config/values.js'

const SPECS: readonly OptionSpec[] = OPTIONS
const NAMES = SPECS.flatMap((spec) => [spec.name, ...(spec.aliases ?? [])])

describe('the table', () => {
  test('has no name, alias or short form twice', () => {
    expect(NAMES.filter((name, i) => NAMES.indexOf(name) !== i)).toEqual([])
    const shorts = SPECS.flatMap((spec) => spec.short ?? [])
    expect(shorts.filter((name, i) => shorts.indexOf(name) !== i)).toEqual([])
    expect(shorts.filter((name) => name.length !== 1)).toEqual([])
  })

  test('has names in kebab case, none of which reads as the negation of another', () => {
    expect(NAMES.filter((name) => !/^[a-z]+(-[a-z\d]+)*$/.test(name))).toEqual([])
    expect(NAMES.filter((name) => name.startsWith('no-'))).toEqual([])
  })

  test.each(SPECS.map((spec) => [spec.name, spec] as const))(
    '--%s has a doc, a value name and a default that fit',
    (_, spec) => {
      expect(spec.doc).toMatch(/^\S.*[^.\s]$/)
      expect(metavar(spec) === '').toBe(spec.type === 'boolean')
      expect(spec.type === 'choice').toBe(spec.choices !== undefined)
      if (spec.default !== undefined) expect(checkValue(spec, spec.default)).toBe(spec.default)
    },
  )
})

describe('an option', () => {
  test('is found by its name and by its aliases, and by nothing else', () => {
    expect(findOption('socket')?.name).toBe('socket')
    expect(findOption('uwsgi-socket')?.name).toBe('socket')
    expect(findOption('constructor')).toBeUndefined()
    expect(findOption('')).toBeUndefined()
  })

  test('has a property in camel case', () => {
    expect(camelCase('limit-request-field-size')).toBe('limitRequestFieldSize')
    expect(camelCase('dev')).toBe('dev')
  })
})

describe('the defaults', () => {
  test('have one property for each row: what repeats is empty, what has no default undefined', () => {
    const options = defaultOptions()
    expect(Object.keys(options)).toEqual(SPECS.map((spec) => camelCase(spec.name)))
    expect(options.socket).toEqual([])
    expect(options.chmodSocket).toBeUndefined()
    expect(options.bufferSize).toBe(65536)
  })

  test('are fresh each time', () => {
    defaultOptions().httpSocket.push(':1')
    expect(defaultOptions().httpSocket).toEqual([])
  })

  test('are the safe ones: nothing dangerous is on', () => {
    const dangerous = SPECS.filter((spec) => /dangerous|never in production/.test(spec.doc))
    expect(dangerous.length).toBeGreaterThan(0)
    expect(dangerous.map((spec) => spec.default)).toEqual(dangerous.map(() => false))
  })
})
