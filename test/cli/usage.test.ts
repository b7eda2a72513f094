// --help fits on one screen, --help-all leaves nothing out.
import { describe, expect, test } from 'vitest'
import { usage } from '../../src/cli/usage.js'
import { OPTIONS, type OptionSpec } from '../../src/config/options.js'
import { VERSION } from '../../src/version.js'

const SPECS: readonly OptionSpec[] = OPTIONS
const text = usage(true)
const lines = text.trimEnd().split('\n')

describe('the usage', () => {
  test('fits on a screen of 100 columns and 60 lines', () => {
    expect(lines.filter((line) => line.length > 100)).toEqual([])
    const short = usage(false).trimEnd().split('\n')
    expect(short.filter((line) => line.length > 100)).toEqual([])
    expect(short.length).toBeLessThanOrEqual(59)
  })

  test('leaves out only what is rare, and says where that is', () => {
    const names = (page: string) =>
      [...page.matchAll(/^ .{5}--([a-z-]+)/gm)].map(([, name]) => name)
    const common = SPECS.filter((spec) => spec.rare !== true).map(({ name }) => name)
    expect(names(usage(false)).sort()).toEqual(common.sort())
    expect(common).toContain('help-all')
  })

  test('ends with one line end, and no line ends with a space', () => {
    expect(text).toMatch(/[^\n]\n$/)
    expect(lines.filter((line) => /\s$/.test(line))).toEqual([])
  })

  test('says the version and how it is called', () => {
    expect(lines[0]).toContain(VERSION)
    expect(text).toContain('postern [options] APP[:export]')
  })

  test.each(SPECS.map((spec) => [spec.name, spec] as const))(
    'has --%s once, with what it is',
    (name, spec) => {
      const own = lines.filter((line) => new RegExp(`^ .{5}--${name}( |$)`).test(line))
      expect(own).toHaveLength(1)
      expect(own[0]).toContain(
        spec.short === undefined ? `      --${name}` : `-${spec.short}, --${name}`,
      )
      const words = (part: string) => part.split(/\s+/).join(' ')
      expect(words(text)).toContain(words(spec.doc))
      if (typeof spec.default === 'number' && spec.default !== 0) {
        expect(words(text)).toContain(`${words(spec.doc)} [${spec.default}]`)
      }
    },
  )

  test('has every option under the name of its group', () => {
    let group = ''
    for (const line of lines) {
      const title = /^([A-Za-z]+)( .*)?:$/.exec(line)
      if (title !== null) group = title[1]
      const name = /^ .{5}--([a-z-]+)/.exec(line)?.[1]
      const spec = SPECS.find((candidate) => candidate.name === name)
      if (spec !== undefined) expect(group).toBe(spec.group)
    }
  })
})
