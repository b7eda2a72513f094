// How a process of the command line ends: told to, by a mistake that nobody caught, or not at all.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/errors.js'
import { ask, connectTo, get } from '../support/serving.js'
import { Postern, ROOT, runToEnd, start } from './postern.js'
import type { RawClient } from './raw-client.js'

const fixtures = join(ROOT, 'test/fixtures/cli')

async function run(name: string, ...args: string[]): Promise<Postern> {
  const sockets = ['--http-socket', '127.0.0.1:0', '--socket', './u.sock']
  const postern = await start([join(fixtures, name), ...sockets, ...args])
  onTestFinished(() => postern.kill())
  return postern
}

/** A client whose request waits in the application. */
async function waiting(postern: Postern): Promise<RawClient> {
  const client = await connectTo(postern.where())
  await client.send(get('/wait'))
  await postern.until(() => postern.output.endsWith('waiting\n'), 'the request')
  return client
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('ends an idle server with code 0, although the application has timers', async () => {
    const postern = await run('ending.mjs')
    expect(await ask(postern.where())).toBe('done')
    postern.child.kill(signal)
    await postern.stopped({ expect: [new RegExp(` info: ${signal}: finishing what runs`)] })
  })

  test('lets a running request finish, and takes the sockets away at once', async () => {
    const postern = await run('ending.mjs')
    const client = await waiting(postern)
    const other = await connectTo(postern.where())
    await other.send(`${get('/')}GET /go HTTP/1.1\r\n`)
    await other.response()
    postern.child.kill(signal)
    await postern.logs(/finishing what runs/)
    await other.send('Host: a\r\n\r\n')
    expect((await other.response()).closes).toBe(true)
    expect(existsSync(postern.address('uwsgi'))).toBe(false)
    const response = await client.response()
    expect([response.body.toString(), response.closes]).toEqual(['done', true])
    await postern.stopped({ allow: [/ info: SIGINT: finishing/] })
  })

  test('a second time does not wait: what runs is cut, and the code is still 0', async () => {
    const postern = await run('ending.mjs')
    const client = await waiting(postern)
    postern.child.kill('SIGTERM')
    await postern.logs(/finishing what runs/)
    // One that comes within 200 ms is the same one, see the next test: this one comes later.
    await sleep(300)
    postern.child.kill(signal)
    await expect(client.response()).rejects.toThrow()
    await postern.stopped({ expect: [new RegExp(` warning: ${signal} again: stopping at once`)] })
  })

  test('while the application is being loaded ends the process at once, with code 0', async () => {
    const postern = new Postern([join(fixtures, 'long.mjs')], {})
    onTestFinished(() => postern.kill())
    await postern.until(() => postern.output === 'loading\n', 'the application')
    postern.child.kill(signal)
    await postern.stopped()
  })
})

test('a signal that comes twice at once is one: npm passes on what the terminal sent to all', async () => {
  const postern = await run('ending.mjs')
  const client = await waiting(postern)
  const other = await connectTo(postern.where())
  await other.send('GET /go HTTP/1.1\r\n')
  await ask(postern.where())
  postern.child.kill('SIGTERM')
  postern.child.kill('SIGINT')
  await postern.logs(/finishing what runs/)
  // Time for the other signal to do what it must not.
  await sleep(100)
  await other.send('Host: a\r\n\r\n')
  expect((await client.response()).body.toString()).toBe('done')
  await postern.stopped({ expect: [/ info: SIG(TERM|INT): finishing what runs/] })
})

describe('an exception that nobody catches, outside of a request', () => {
  test('is logged once, with its stack, and ends the process with code 1, without leaving files', async () => {
    const postern = await run('ending.mjs')
    const path = postern.address('uwsgi')
    expect(existsSync(path)).toBe(true)
    await ask(postern.where(), '/throw').catch(() => {})
    expect(await postern.ended).toEqual({ code: EXIT.CRASHED, signal: null })
    const [first, ...stack] = postern.log
    expect(first).toMatch(/ error: uncaught exception, the process ends: Error: thrown late$/)
    expect(stack[0]).toMatch(/^ {8}at .*ending\.mjs:\d+:\d+\)?$/)
    expect(stack.filter((line) => !line.startsWith('    '))).toEqual([])
    expect(existsSync(path)).toBe(false)
  })

  test('is for the handler of the application, if it has one, and logged all the same', async () => {
    const postern = await run('ending.mjs:handled')
    await ask(postern.where(), '/throw')
    await postern.until(() => postern.output.endsWith('handled thrown late\n'), 'the handler')
    expect(await ask(postern.where())).toBe('done')
    await postern.stop({
      expect: [/ error: uncaught exception: Error: thrown late$/],
      allow: [/^ {8}at /],
    })
  })

  test('while the application is being loaded ends the process with code 1', async () => {
    const { code, errors } = await runToEnd([join(fixtures, 'fails-loading.mjs')])
    expect(errors).toMatch(/ error: uncaught exception, the process ends: Error: thrown while/)
    expect(code).toBe(EXIT.CRASHED)
  })
})

describe('J06: a rejection that nobody handles, outside of a request', () => {
  test.each([
    ['/reject', / error: unhandled rejection, outside of a request: Error: forgotten$/],
    ['/reject-text', / error: unhandled rejection, outside of a request: forgotten text$/],
  ])('is logged, and the others are served on: %s', async (path, line) => {
    const postern = await run('ending.mjs')
    expect(await ask(postern.where(), path)).toBe('done')
    await postern.logs(line)
    expect(await ask(postern.where())).toBe('done')
    await postern.stop({ expect: [line], allow: [/^ {8}at .*ending\.mjs/, /^ {8}at /] })
  })
})

describe('nobody reads', () => {
  test('standard output any more: what is printed is lost, requests are served', async () => {
    const postern = await run('app.mjs')
    postern.child.stdout?.destroy()
    for (let i = 0; i < 3; i++) expect(await ask(postern.where(), '/print')).toContain('greeting')
    await postern.stop()
  })

  test('the log any more: what is logged is lost, requests are served', async () => {
    const postern = await run('app.mjs')
    postern.child.stderr?.destroy()
    for (let i = 0; i < 3; i++) expect(await ask(postern.where(), '/log')).toContain('greeting')
    await postern.stop()
  })
})

test('an application that ends the process has its exit code, and no file is left', async () => {
  const postern = await run('app.mjs')
  const path = postern.address('uwsgi')
  await ask(postern.where(), '/exit').catch(() => {})
  expect(await postern.ended).toEqual({ code: 3, signal: null })
  expect(existsSync(path)).toBe(false)
  expect(postern.log).toEqual([])
})
