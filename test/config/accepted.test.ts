// Options of uWSGI that do nothing here: each has its reason, and none is one that does something.
import { describe, expect, test } from 'vitest'
import { ACCEPTED, acceptedReason, describeAccepted } from '../../src/config/accepted.js'
import { optionNamed } from '../../src/config/names.js'

const NAMES = Object.keys(ACCEPTED)

describe('an accepted option', () => {
  test('is not in the option table: when it gets there, its line here goes', () => {
    expect(NAMES.filter((name) => optionNamed(name) !== undefined)).toEqual([])
  })

  test.each(Object.entries(ACCEPTED))('%s has a reason, in plain words', (name, { reason }) => {
    expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/)
    expect(reason).toMatch(/^[a-zA-Z].*[^.\s]$/)
  })

  test('is told from what is none', () => {
    expect(acceptedReason('thunder-lock')).toContain('not needed')
    expect(acceptedReason('constructor')).toBeUndefined()
    expect(acceptedReason('http-socket')).toBeUndefined()
  })

  test('is named once', () => {
    expect(describeAccepted(['lazy', 'tcp-nodelay', 'lazy'])).toBe(
      'lazy (each worker loads the application itself), tcp-nodelay (always on)',
    )
    expect(describeAccepted([])).toBe('')
  })
})
