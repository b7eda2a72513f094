// docs/options.md has every option, and is what the option table makes of it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { optionsPage } from '../../src/cli/options-page.js'
import { ACCEPTED } from '../../src/config/accepted.js'
import { OPTIONS } from '../../src/config/options.js'
import { ROOT } from '../blackbox/postern.js'

const page = optionsPage()

test('docs/options.md is fresh: else `npm run generate`', () => {
  expect(readFileSync(join(ROOT, 'docs/options.md'), 'utf8')).toBe(page)
})

test('every option has one row, with as many cells as the others', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| **'))
  expect(rows.map((row) => /\*\*([^*]+)\*\*/.exec(row)?.[1]).sort()).toEqual(
    OPTIONS.map(({ name }) => name as string).sort(),
  )
  for (const row of rows) expect(row.match(/(?<!\\)\|/g)).toHaveLength(5)
})

test('every accepted option of uWSGI has its reason', () => {
  for (const [name, { reason }] of Object.entries(ACCEPTED)) {
    expect(page).toContain(`| \`${name}\` | ${reason} |`)
  }
})
