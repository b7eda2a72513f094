// From "file:export" to an application, for everything that people have and everything that they
// mistype. Runs in a Node of its own: a test runner loads modules in another way.
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EXIT } from '../../src/errors.js'

const LOADER = fileURLToPath(new URL('../fixtures/cli/load.mjs', import.meta.url))

interface Result {
  readonly interface?: string
  readonly reason?: string
  readonly says?: string
  readonly error?: string
  readonly exitCode?: number
}

const says = (text: string) => `(environ, startResponse) => ${JSON.stringify(text)}`

const FILES: Record<string, string> = {
  'default.mjs': `export default ${says('default')}`,
  'named.mjs': `export const other = 1, application = ${says('application')}`,
  'app.mjs': `export const handler = ${says('handler')}, app = ${says('app')}`,
  'several.mjs': `export default ${says('default')}; export const admin = ${says('admin')}`,
  'unicode.mjs': `export const größe = ${says('größe')}`,
  'undefined.mjs': `export default undefined; export const app = ${says('app')}`,
  'await.mjs': `const text = await Promise.resolve('later'); export default () => text`,
  'package.json': '{}',
  'esm/package.json': '{"type":"module"}',
  'esm/module.js': `export default ${says('module')}`,
  'common.cjs': `module.exports = ${says('common')}; module.exports.admin = ${says('admin')}`,
  'hidden.cjs': `const app = ${says('hidden')}; app.admin = ${says('admin')}; module.exports = app`,
  'exports.cjs': `exports.application = ${says('exports')}; exports.admin = ${says('admin')}`,
  'transpiled.cjs': `exports.__esModule = true; exports.default = ${says('transpiled')}`,
  'common.js': `module.exports = ${says('common')}`,
  'a:b.mjs': `export default ${says('colon')}`,
  'sp ace.mjs': `export default ${says('space')}`,
  'types.ts': `import { text } from './lib/text.ts'
    import type { Environ } from 'postern'
    interface Reply { readonly text: string }
    const reply: Reply = { text } satisfies Reply
    export default function app<T>(environ: Environ, startResponse: T): string { return reply.text }`,
  'lib/text.ts': `import { word } from './word.js'
    export const text: string = \`\${word as string} types\``,
  'lib/word.ts': `export const word: unknown = 'with'`,
  'enum.ts': `enum Word { Enum = 'an enum' }
    export default (): string => Word.Enum`,
  'bare.ts': `import { word } from './lib/word'
    export default (): string => \`bare \${word as string}\``,
  'module.mts': `export const app = (): string => 'mts'`,
  'exports.cts': `exports.app = (): string => 'exports.cts'`,
  'common.cts': `const app = (): string => 'cts'; module.exports = app`,
  'page.tsx': `const h = (name: string) => '<' + name + '>'
    /** @jsx h */
    export default () => <p />`,
  'dir/app.ts': 'export default 1',
  'empty/readme': '',
  'data.json': '{}',
  'syntax.mjs': 'export default () => {\n  return (1 + ;\n}\n',
  'syntax.cjs': 'module.exports = () => {\n  return (1 + ;\n}\n',
  'syntax.ts': 'export default (): number => {\n  return (1 + ;\n}\n',
  'import-syntax.mjs': `import './syntax.mjs'`,
  'once.mjs': `import { appendFileSync } from 'node:fs'
    appendFileSync('ran', 'once ')
    await import('./syntax.mjs')`,
  'import-file.mjs': `import './nowhere.mjs'`,
  'import-package.mjs': `import 'no-such-package'`,
  'import-name.mjs': `\nimport { nothing } from 'node:fs'`,
  'throws.mjs': `const connect = () => {\n  throw new Error('no database', { cause: new Error('refused') })\n}\nconnect()`,
  'throws.ts': `type Never = never\nconst connect = (): Never => {\n  throw new Error('no database')\n}\nconnect()`,
  'throws-text.mjs': `throw 'just text'`,
  'parses.mjs': `\nJSON.parse('{')`,
  'number.mjs': 'export default 5',
  'nothing.mjs': '',
  'class.mjs': 'export default class App {}',
  'express.mjs':
    'const app = (a, b, c) => {}; app.handle = app.set = app.use = app; export default app',
  'fetch.mjs': 'export default { fetch() {} }',
}

let dir = ''
const results = new Map<string, Result>()

const GOOD: [spec: string, says: string][] = [
  ['default.mjs', 'default'],
  ['./default.mjs', 'default'],
  ['default.mjs:default', 'default'],
  ['named.mjs', 'application'],
  ['app.mjs', 'app'],
  ['app.mjs:handler', 'handler'],
  ['several.mjs:admin', 'admin'],
  ['unicode.mjs:größe', 'größe'],
  ['undefined.mjs', 'app'],
  ['await.mjs', 'later'],
  ['esm/module.js', 'module'],
  ['common.cjs', 'common'],
  ['common.cjs:admin', 'admin'],
  ['hidden.cjs:admin', 'admin'],
  ['exports.cjs', 'exports'],
  ['exports.cjs:admin', 'admin'],
  ['transpiled.cjs', 'transpiled'],
  ['common.js', 'common'],
  ['a:b.mjs', 'colon'],
  ['a:b.mjs:default', 'colon'],
  ['sp ace.mjs', 'space'],
  ['types.ts', 'with types'],
  ['enum.ts', 'an enum'],
  ['bare.ts', 'bare with'],
  ['module.mts', 'mts'],
  ['common.cts', 'cts'],
  ['exports.cts', 'exports.cts'],
  ['page.tsx', '<p>'],
]

/** Each with texts that the message has. */
const BAD: [spec: string, ...texts: string[]][] = [
  ['nowhere.mjs', 'there is no file nowhere.mjs (looked for /'],
  ['default', 'there is no file default: did you mean default.mjs?'],
  ['default.mjs:', 'there is no file default.mjs:'],
  ['dir', 'dir is a directory: did you mean dir/app.ts?'],
  ['empty', 'empty is a directory: name a file in it'],
  ['data.json', 'data.json is not a JavaScript or TypeScript file'],
  ['/dev/null', '/dev/null is not a JavaScript or TypeScript file'],
  ['syntax.mjs', 'syntax.mjs does not load', '/syntax.mjs:2', 'return (1 + ;', 'SyntaxError'],
  ['syntax.cjs', 'syntax.cjs does not load', '/syntax.cjs:2', 'return (1 + ;', 'SyntaxError'],
  ['syntax.ts', 'syntax.ts does not load', '/syntax.ts:2'],
  ['import-syntax.mjs', '/syntax.mjs:2', 'return (1 + ;', 'SyntaxError'],
  ['once.mjs', 'once.mjs does not load: SyntaxError'],
  ['import-file.mjs', 'nowhere.mjs', 'imported from', '/import-file.mjs'],
  ['import-package.mjs', "'no-such-package'", '/import-package.mjs'],
  ['import-name.mjs', '/import-name.mjs:2', "export named 'nothing'"],
  [
    'throws.mjs',
    'Error: no database',
    '/throws.mjs:2:',
    '/throws.mjs:4:',
    'caused by: Error: refused',
  ],
  ['throws.ts', 'Error: no database', '/throws.ts:3:'],
  ['throws-text.mjs', 'throws-text.mjs does not load: just text'],
  ['parses.mjs', 'SyntaxError', '/parses.mjs:2:'],
  ['several.mjs:nothing', 'several.mjs has no export "nothing": it has the exports admin, default'],
  ['common.cjs:toString', 'common.cjs has no export "toString": it has the exports'],
  ['nothing.mjs', 'nothing.mjs exports no application: it has no exports; export it as default'],
  ['nothing.mjs:app', 'nothing.mjs has no export "app": it has no exports'],
  ['named.mjs:other', 'named.mjs:other is a number, not a function (environ, startResponse)'],
  ['number.mjs', 'number.mjs:default is a number, not a function'],
  ['class.mjs', 'class.mjs:default is a class'],
  ['express.mjs', 'express.mjs:default looks like an Express application'],
  ['fetch.mjs', 'fetch.mjs:default is an object with fetch()'],
]

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'postern-load-'))
  mkdirSync(join(dir, 'tmp'))
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  const specs = [...GOOD, ...BAD].map(([spec]) => spec)
  const env = { ...process.env, TMPDIR: join(dir, 'tmp'), NODE_OPTIONS: '' }
  const output = execFileSync(process.execPath, [LOADER, ...specs], {
    cwd: dir,
    env,
    stdio: 'pipe',
  })
  for (const [i, result] of JSON.parse(output.toString()).entries()) results.set(specs[i], result)
})

afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('an application', () => {
  test.each(GOOD)('%s loads', (spec, text) => {
    expect(results.get(spec)).toMatchObject({ interface: 'gateway', says: text })
  })

  test('is compiled in memory: nothing that others could put there is run from a cache', () => {
    expect(results.get('types.ts')?.says).toBe('with types')
    expect(readdirSync(join(dir, 'tmp'))).toEqual([])
    expect(existsSync(join(dir, 'node_modules'))).toBe(false)
  })
})

describe('a mistake', () => {
  test.each(BAD)('%s is explained, and is for good', (spec, ...texts) => {
    const { error, exitCode } = results.get(spec) as Result
    for (const text of texts) expect(error).toContain(text)
    expect(exitCode).toBe(EXIT.PERMANENT)
  })

  test('is explained without a second run of the application', () => {
    expect(readFileSync(join(dir, 'ran'), 'utf8')).toBe('once ')
  })

  test.each(BAD)('%s is told without the insides of Node and of Postern', (spec) => {
    const { error } = results.get(spec) as Result
    expect(error).not.toMatch(/node:internal|\/dist\/|\/jiti\//)
    expect(error?.split('\n').length).toBeLessThanOrEqual(10)
    expect(error).not.toMatch(/\n\s*\n|\s$/)
  })
})
