// What the command line says about a mistake: one message, on standard error, and the exit code that
// tells an init system whether it is worth to try again.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/errors.js'
import { ownDirectory } from '../support/directories.js'
import { ask } from '../support/serving.js'
import { ROOT, runToEnd, type StartOptions, start } from './postern.js'

const app = join(ROOT, 'test/fixtures/cli/app.mjs')

async function failure(args: readonly string[], options?: StartOptions) {
  const { code, output, errors } = await runToEnd(args, options)
  expect(output).toBe('')
  expect(errors).toMatch(/^postern: .*[^\n]\n$/s)
  return { code, text: errors.slice('postern: '.length, -1) }
}

describe('for good, and in one line', () => {
  test.each([
    [[], 'no application: postern [options] APP[:export], see postern --help'],
    [[''], 'no application: postern [options] APP[:export], see postern --help'],
    [['--http-sockt', ':0', app], 'unknown option --http-sockt: did you mean --http-socket?'],
    [['--nothing-like-it', app], 'unknown option --nothing-like-it: see postern --help'],
    [['-p', '3000', app], 'unknown option -p: a port is --http-socket :8000'],
    [['--listen', 'many', app], '--listen is a whole number, not "many"'],
    [['--http-socket', '8000', app], '--http-socket "8000" is not a socket address: write ":8000"'],
    [['--http-socket', 'http://localhost:80', app], 'leave "http://" out'],
    [['--socket', '--dev', app], '--socket needs a value, and --dev is an option'],
    [[app, 'more'], `one application at a time: ${app}, more`],
    [['--chdir', '/nonexistent', app], '--chdir /nonexistent: ENOENT'],
    [['nonexistent.mjs'], 'there is no file nonexistent.mjs (looked for /'],
    [[ROOT], `${ROOT} is a directory`],
    [[`${app}:nothing`], `has no export "nothing": it has the exports admin, default`],
    [['--http-socket', '192.0.2.1:80', app], 'this machine does not have that address'],
    [['--http-socket', '/nonexistent/a.sock', app], 'the directory does not exist'],
    [['--http-socket', 'fd://57', app], 'no such descriptor was inherited'],
  ])('%j', async (args, message) => {
    const { code, text } = await failure(args)
    expect(text).toContain(message)
    expect(text).not.toContain('\n')
    expect(code).toBe(EXIT.PERMANENT)
  })

  test.each([
    [{ PORT: 'http' }, 'HOST=127.0.0.1 and PORT=http'],
    [{ HOST: 'a b/', PORT: '80' }, 'HOST=a b/ and PORT=80'],
    [{ PORT: '65536' }, 'HOST=127.0.0.1 and PORT=65536'],
  ])('an environment of %j', async (env, message) => {
    const { code, text } = await failure([app], { env })
    expect(text).toContain(message)
    expect(code).toBe(EXIT.PERMANENT)
  })

  test('an addon that is not there', async () => {
    const { code, text } = await failure([app], { env: { POSTERN_ADDON: '/nonexistent.node' } })
    expect(text).toContain('the native addon does not load')
    expect(text).toContain('npm run build:native')
    expect(code).toBe(EXIT.PERMANENT)
  })
})

describe('in the application: for good, and with the place', () => {
  const express = `const app = (req, res, next) => {}
    app.handle = app.set = app.use = () => {}
    export default app`

  test.each([
    [
      'a syntax error',
      '\nexport default () => {\n  return (;\n}',
      ['/app.mjs:3', 'return (;', 'SyntaxError'],
    ],
    ['an exception', '\n\nthrow new Error("no database")', ['Error: no database', '/app.mjs:3:']],
    ['a missing module', 'import "./gone.mjs"', ['gone.mjs', '/app.mjs']],
    [
      'an export that is no function',
      'export default {}',
      ['app.mjs:default is an object, not a function'],
    ],
    ['no application', 'export const x = 1', ['exports no application: it has the exports x']],
    [
      'an Express application',
      express,
      ['looks like an Express application', '--interface gateway'],
    ],
    ['a fetch application', 'export default { fetch() {} }', ['is an object with fetch()']],
    ['a class', 'export default class {}', ['is a class']],
  ])('%s', async (_, source, texts) => {
    const dir = ownDirectory()
    writeFileSync(join(dir, 'app.mjs'), source)
    const { code, text } = await failure(['app.mjs', '--http-socket', '127.0.0.1:0'], { dir })
    for (const part of texts) expect(text).toContain(part)
    expect(code).toBe(EXIT.PERMANENT)
  })

  test('a top-level await for something that never comes', async () => {
    const never = join(ROOT, 'test/fixtures/cli/never.mjs')
    const { code, output, errors } = await runToEnd([never, '--http-socket', '127.0.0.1:0'])
    expect(errors).toBe(
      `postern: ${never} does not finish loading: its top-level await is for something that never comes\n`,
    )
    expect(output).toBe('loading\n')
    expect(code).toBe(EXIT.PERMANENT)
  })
})

describe('for now', () => {
  test('an address that somebody listens on, who goes on undisturbed', async () => {
    const first = await start([app, '--http-socket', '127.0.0.1:0', '--socket', './a.sock'])
    onTestFinished(() => first.kill())
    for (const front of first.fronts) {
      const option = front.protocol === 'http' ? '--http-socket' : '--socket'
      const { code, text } = await failure([app, option, front.address])
      expect(text).toContain(`${option} ${front.address}: somebody is listening there already`)
      expect(code).toBe(EXIT.TEMPORARY)
    }
    expect(await ask(first.where())).toContain('directory')
    await first.stop()
  })
})
