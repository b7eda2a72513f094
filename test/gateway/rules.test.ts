// Every rule of pep3333.json is named by the title of a test, or stands below with the reason why
// it cannot be. Titles are read from the sources; those of the contract suite from its cases.
import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { CASES, titleOf } from '../contract/corpus.js'

/** Rules that nothing here can test yet. Whoever makes it possible takes the line out. */
const NOT_YET: Record<string, string> = {
  J07: 'there are no Express-style and fetch-style applications yet',
}

const FOLDERS = ['gateway', 'contract', 'blackbox'].map(
  (name) => new URL(`../${name}/`, import.meta.url),
)

interface Rule {
  readonly id: string
  readonly level: string
  readonly rule: string
  readonly check: string
}

const { rules } = JSON.parse(
  readFileSync(new URL('../corpus/pep3333.json', import.meta.url), 'utf8'),
) as { rules: readonly Rule[] }

/** `test`, `test.each`, `describe`, `describe.each`: the function that a title is given to. */
function isTest(callee: ts.Expression): boolean {
  if (ts.isIdentifier(callee)) return callee.text === 'test' || callee.text === 'describe'
  if (ts.isPropertyAccessExpression(callee)) return isTest(callee.expression)
  return ts.isCallExpression(callee) && isTest(callee.expression)
}

/** The titles of one call. A title that begins with a column of its table has that column too. */
function titlesOf(call: ts.CallExpression): string[] {
  const [title] = call.arguments
  if (title === undefined || !ts.isStringLiteralLike(title)) return []
  const table = ts.isCallExpression(call.expression) ? call.expression.arguments[0] : undefined
  if (!/^%[sj]/.test(title.text) || table === undefined || !ts.isArrayLiteralExpression(table)) {
    return [title.text]
  }
  const rows = table.elements.filter(ts.isArrayLiteralExpression).map((row) => row.elements[0])
  return rows.filter(ts.isStringLiteralLike).map((name) => `${name.text} ${title.text}`)
}

function collect(node: ts.Node, into: string[]): void {
  if (ts.isCallExpression(node) && isTest(node.expression)) into.push(...titlesOf(node))
  node.forEachChild((child) => collect(child, into))
}

function readTitles(): string[] {
  const titles = CASES.filter((one) => one.applies.includes('wsgi-js')).map(titleOf)
  for (const folder of FOLDERS) {
    for (const name of readdirSync(folder).filter((one) => one.endsWith('.ts'))) {
      const text = readFileSync(new URL(name, folder), 'utf8')
      collect(ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true), titles)
    }
  }
  return titles
}

describe('the rules of the gateway interface', () => {
  const titles = readTitles()
  const named = new Set(titles.flatMap((title) => title.match(/\b[WJ]\d\d\b/g) ?? []))

  test('each is named by the title of a test, or has a reason not to be', () => {
    expect(rules.length).toBeGreaterThanOrEqual(66)
    const without = rules.map(({ id }) => id).filter((id) => !named.has(id) && !(id in NOT_YET))
    expect(without).toEqual([])
  })

  test('no reason outlives its rule', () => {
    expect(Object.keys(NOT_YET).filter((id) => named.has(id))).toEqual([])
  })

  test('no title names a rule that there is not', () => {
    const ids = new Set(rules.map(({ id }) => id))
    expect([...named].filter((id) => !ids.has(id))).toEqual([])
  })

  test('docs/gateway.md has them word for word', () => {
    const docs = readFileSync(new URL('../../docs/gateway.md', import.meta.url), 'utf8')
    const missing = rules.filter(
      ({ id, level, rule, check }) => !docs.includes(`| ${id} | ${level} | ${rule} | ${check} |`),
    )
    expect(missing.map(({ id }) => id)).toEqual([])
  })
})
