// The command line as people use it: what it prints, what it serves, what reaches the application.
// Mistakes are in cli-mistakes.test.ts, the end of the process in cli-ending.test.ts.
import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { usage } from '../../src/cli/usage.js'
import { VERSION } from '../../src/version.js'
import { ownDirectory } from '../support/directories.js'
import { ask } from '../support/serving.js'
import { type Postern, ROOT, runToEnd, type StartOptions, start } from './postern.js'

const app = join(ROOT, 'test/fixtures/cli/app.mjs')

async function run(args: readonly string[], options?: StartOptions): Promise<Postern> {
  const postern = await start(args, options)
  onTestFinished(() => postern.kill())
  return postern
}

/** What app.mjs saw when it was loaded. */
async function seenBy(postern: Postern): Promise<Record<string, unknown>> {
  return JSON.parse(await ask(postern.where()))
}

describe('asked for', () => {
  test.each([[['--help']], [['-h']], [['--help', 'app.ts', '--dev']]])(
    '%j prints the usage and nothing else',
    async (args) => {
      expect(await runToEnd(args)).toEqual({ code: 0, output: usage(false), errors: '' })
    },
  )

  test('--version prints the version and nothing else', async () => {
    const output = `postern ${VERSION}\n`
    expect(await runToEnd(['--version'])).toEqual({ code: 0, output, errors: '' })
  })
})

describe('the banner', () => {
  test('is what standard output gets, with the application and its interface', async () => {
    const postern = await run([app, '--http-socket', '127.0.0.1:0', '--socket', './u.sock'])
    const [first, ...rest] = postern.output.trimEnd().split('\n')
    expect(first).toBe(`Postern ${VERSION}: ${app}, gateway interface (a function of 2 parameters)`)
    const path = join(realpathSync(postern.dir), 'u.sock')
    expect(rest).toEqual([
      `  http   http://${postern.address()}`,
      `  uwsgi  ${path}   nginx: uwsgi_pass unix:${path};`,
      `  try    curl -i http://${postern.address()}/`,
    ])
    await postern.stop()
  })

  test('says when the interface was asked for', async () => {
    const postern = await run([app, '--interface', 'gateway', '--http-socket', '127.0.0.1:0'])
    expect(postern.output).toContain('gateway interface (as asked)')
    await postern.stop()
  })
})

describe('the application', () => {
  const fixtures = join(ROOT, 'test/fixtures/cli')
  test.each([
    ['of JavaScript, with a top-level await', 'app.mjs', '"awaited":true'],
    ['that is another export', 'app.mjs:admin', 'admin'],
    ['of TypeScript, which imports more of it', 'typed.ts', 'hello /'],
    ['of CommonJS', 'common.cjs', 'common function'],
  ])('%s is served', async (_, spec, text) => {
    const postern = await run([join(fixtures, spec), '--http-socket', '127.0.0.1:0'])
    expect(await ask(postern.where())).toContain(text)
    await postern.stop()
  })

  test('is found from the working directory', async () => {
    const postern = await run(['app.mjs', '--http-socket', '127.0.0.1:0'], { dir: fixtures })
    expect(await seenBy(postern)).toMatchObject({ directory: fixtures })
    await postern.stop()
  })

  test('sees --chdir when it is loaded, and is looked for there', async () => {
    const args = ['--chdir', fixtures, './app.mjs', '--http-socket', '127.0.0.1:0']
    const postern = await run(args)
    expect(await seenBy(postern)).toMatchObject({ directory: fixtures })
    await postern.stop()
  })

  test('sees --env when it is loaded: the last of a name, with everything behind the first "="', async () => {
    const args = ['--env', 'GREETING=no', '--env', 'GREETING=a=b', '--http-socket', '127.0.0.1:0']
    const postern = await run([...args, app], { env: { GREETING: 'outside' } })
    expect(await seenBy(postern)).toMatchObject({ greeting: 'a=b' })
    await postern.stop()
  })

  test('may write to standard output and to the log', async () => {
    const postern = await run([app, '--http-socket', '127.0.0.1:0'])
    await ask(postern.where(), '/print')
    await ask(postern.where(), '/log')
    await postern.logs(/^logged$/)
    await postern.until(() => postern.output.endsWith('\nprinted\n'), 'the line')
    await postern.stop({ expect: [/^logged$/] })
  })
})

describe('without a socket', () => {
  test('HTTP is served on $HOST:$PORT', async () => {
    const postern = await run([app], { env: { HOST: 'localhost', PORT: '0' } })
    expect(postern.address()).toMatch(/^127\.0\.0\.1:[1-9]\d*$/)
    expect(await ask(postern.where())).toContain('directory')
    await postern.stop()
  })

  test('$HOST may be of IPv6', async () => {
    const postern = await run([app], { env: { HOST: '::1', PORT: '0' } })
    expect(postern.address()).toMatch(/^\[::1\]:[1-9]\d*$/)
    await postern.stop()
  })

  test('--env can give them', async () => {
    const postern = await run([app, '--env', 'PORT=0', '--env', 'HOST=127.0.0.2'])
    expect(postern.address()).toMatch(/^127\.0\.0\.2:[1-9]\d*$/)
    await postern.stop()
  })

  test('and without both it is 127.0.0.1:8000, whether that is free or not', async () => {
    const postern = await run([app]).catch((error: Error) => error)
    if (postern instanceof Error) {
      expect(postern.message).toContain('--http-socket 127.0.0.1:8000: somebody is listening')
      return
    }
    expect(postern.address()).toBe('127.0.0.1:8000')
    await postern.stop()
  })

  test('a socket that is given is the only one', async () => {
    const postern = await run([app, '--socket', '127.0.0.1:0'], { env: { PORT: '0' } })
    expect(postern.fronts.map(({ protocol }) => protocol)).toEqual(['uwsgi'])
    await postern.stop()
  })
})

test('--chdir is where relative sockets are, too', async () => {
  const dir = ownDirectory()
  mkdirSync(join(dir, 'run'))
  const args = ['--chdir', join(dir, 'run'), app, '--http-socket', './web.sock']
  const postern = await run(args)
  expect(postern.address()).toBe(join(realpathSync(dir), 'run/web.sock'))
  expect(await ask(postern.where())).toContain('directory')
  await postern.stop()
})
