// One value of one option, from the text of a command line and from a program.
import { describe, expect, test } from 'vitest'
import type { OptionSpec, OptionType } from '../../src/config/options.js'
import { checkValue, parseValue } from '../../src/config/values.js'
import { ConfigError } from '../../src/errors.js'

function spec(type: OptionType, more: Partial<OptionSpec> = {}): OptionSpec {
  return { name: 'some-option', type, group: 'Other', doc: '', ...more }
}

const CHOICE = spec('choice', { choices: ['drop', 'refuse'] })

describe('text', () => {
  test.each([
    [spec('boolean'), 'true', true],
    [spec('boolean'), '', true],
    [spec('boolean'), 'On', true],
    [spec('boolean'), 'no', false],
    [spec('boolean'), '0', false],
    [spec('count'), '0', 0],
    [spec('count'), '007', 7],
    [spec('count'), '2147483647', 2147483647],
    [spec('seconds'), '60', 60],
    [spec('seconds'), '31536000', 31536000],
    [spec('bytes'), '8190', 8190],
    [spec('bytes'), '64k', 65536],
    [spec('bytes'), '2M', 2097152],
    [spec('bytes'), '1g', 1073741824],
    [spec('mode'), '660', 0o660],
    [spec('mode'), '0777', 0o777],
    [CHOICE, 'drop', 'drop'],
    [spec('pair'), 'A=b=c', 'A=b=c'],
    [spec('pair'), 'A=', 'A='],
    [spec('address'), ':8000', ':8000'],
    [spec('path'), 'some/where', 'some/where'],
    [spec('text'), ' x ', ' x '],
    [spec('peers'), '*', '*'],
    [spec('peers'), '10.0.0.0/8, ::1 ,,unix', '10.0.0.0/8,::1,unix'],
    [spec('peers'), '::/0', '::/0'],
    [spec('peers'), '', ''],
    [spec('fields'), 'X-Forwarded-For, forwarded', 'X-Forwarded-For,forwarded'],
  ])('of type $type: %j → %j', (row, text, value) => {
    expect(parseValue(row as OptionSpec, text)).toBe(value)
  })

  test.each([
    [spec('boolean'), 'maybe', 'is true or false'],
    [spec('count'), '', 'is a whole number'],
    [spec('count'), '1.5', 'is a whole number'],
    [spec('count'), '-1', 'is a whole number'],
    [spec('count'), '0x10', 'is a whole number'],
    [spec('count'), ' 1', 'is a whole number'],
    [spec('count'), '10k', 'is a whole number'],
    [spec('count'), '2147483648', 'is at most 2147483647'],
    [spec('count', { min: 2 }), '1', 'is at least 2'],
    [spec('count', { max: 64 }), '65', 'is at most 64'],
    [spec('seconds'), '1m', 'is a whole number of seconds'],
    [spec('seconds'), '31536001', 'is at most 31536000'],
    [spec('bytes'), '1t', 'is a number of bytes, k, m or g'],
    [spec('bytes'), 'k', 'is a number of bytes, k, m or g'],
    [spec('bytes'), '999999999999999g', 'is at most 9007199254740991'],
    [spec('bytes', { max: 65536 }), '1m', 'is at most 65536'],
    [spec('mode'), '668', 'is an octal mode'],
    [spec('mode'), '66', 'is an octal mode'],
    [spec('mode'), 'rw', 'is an octal mode'],
    [CHOICE, 'Drop', 'is one of drop, refuse'],
    [spec('pair'), 'A', 'is NAME=VALUE'],
    [spec('pair'), '=a', 'is NAME=VALUE'],
    [spec('address'), '8000', 'is not a socket address'],
    [spec('path'), '', 'is not empty'],
    [spec('text'), '', 'is not empty'],
    [spec('peers'), '10.0.0.0/33', 'has addresses, networks'],
    [spec('peers'), '::/129', 'has addresses, networks'],
    [spec('peers'), '10.0.0.0/8/8', 'has addresses, networks'],
    [spec('peers'), 'localhost', 'has addresses, networks'],
    [spec('fields'), 'x-forwarded-prefix', 'has forwarded, x-forwarded-for'],
  ])('of type $type: %j is refused, and the message names the option', (row, text, rule) => {
    const parse = () => parseValue(row as OptionSpec, text)
    expect(parse).toThrow(ConfigError)
    expect(parse).toThrow('--some-option')
    expect(parse).toThrow(rule)
  })
})

describe('a value from a program', () => {
  test.each([
    [spec('boolean'), false, false],
    [spec('count'), 5, 5],
    [spec('count'), '5', 5],
    [spec('bytes'), 65536, 65536],
    [spec('bytes'), '64k', 65536],
    [spec('seconds'), 0, 0],
    [spec('mode'), 0o660, 0o660],
    [spec('mode'), '660', 0o660],
    [CHOICE, 'refuse', 'refuse'],
    [spec('address'), '/run/app.sock', '/run/app.sock'],
  ])('of type $type: %j → %j', (row, given, value) => {
    expect(checkValue(row as OptionSpec, given)).toBe(value)
  })

  test.each([
    [spec('boolean'), 'true', 'is true or false, not "true"'],
    [spec('boolean'), 1, 'is true or false, not 1'],
    [spec('count'), -1, 'is at least 0, not -1'],
    [spec('count'), 1.5, 'is a whole number, not 1.5'],
    [spec('count'), Number.NaN, 'is a whole number, not NaN'],
    [spec('count'), 2 ** 31, 'is at most 2147483647, not 2147483648'],
    [spec('count'), null, 'is a whole number, not null'],
    [spec('count'), 5n, 'is a whole number, not 5n'],
    [spec('seconds'), Number.POSITIVE_INFINITY, 'is a whole number of seconds, not Infinity'],
    [spec('bytes'), {}, 'is a number of bytes, k, m or g, not {}'],
    [spec('bytes'), Object.create(null), 'is a number of bytes, k, m or g, not '],
    [spec('count'), [1, 2], 'is a whole number, not [ 1, 2 ]'],
    [spec('mode'), 0o10000, 'is at most 4095, not 4096'],
    [CHOICE, 5, 'is one of drop, refuse, not 5'],
    [spec('address'), 8000, 'is a socket address such as ":8000" or "/run/app.sock", not 8000'],
    [spec('peers'), Symbol('a'), 'is a list of addresses, separated by commas, not Symbol(a)'],
  ])('of type $type: what is no such value is refused with the rule', (row, given, rule) => {
    const check = () => checkValue(row as OptionSpec, given)
    expect(check).toThrow(ConfigError)
    expect(check).toThrow(`--some-option ${rule}`)
  })
})
