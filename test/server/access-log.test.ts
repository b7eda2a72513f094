// The access log of serve(): none unless it is asked for, and then where it was asked for.
import { readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { defaultOptions } from '../../src/config/options.js'
import { ConfigError } from '../../src/errors.js'
import { explainFormat, logsRequests } from '../../src/server/access-log.js'
import { serve } from '../../src/server/serve.js'
import { ownDirectory } from '../support/directories.js'
import { answer } from '../support/results.js'
import { ask, serveHere } from '../support/serving.js'

const hello = answer(() => 'hello')

/** Lines are written before the loop waits; the next answer comes after that. */
async function linesOf(path: string, count: number): Promise<string[]> {
  let lines: string[] = []
  await vi.waitFor(() => {
    lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
    expect(lines).toHaveLength(count)
  })
  return lines
}

describe('serve()', () => {
  test('has no access log of its own accord', async () => {
    const write = vi.spyOn(process.stdout, 'write')
    const { where } = await serveHere(hello)
    await ask(where)
    expect(write).not.toHaveBeenCalled()
    write.mockRestore()
  })

  test('writes one to a file, in the format that was asked for, and opens it again', async () => {
    const path = join(ownDirectory(), 'access.log')
    const server = await serveHere(hello, {
      accessLog: path,
      accessLogFormat: '%(method) %(uri) %(status)',
    })
    await ask(server.where, '/a')
    expect(await linesOf(path, 1)).toEqual(['GET /a 200'])
    renameSync(path, `${path}.old`)
    await server.reopenLogs()
    await ask(server.where, '/b')
    expect(await linesOf(path, 1)).toEqual(['GET /b 200'])
    expect(await linesOf(`${path}.old`, 1)).toEqual(['GET /a 200'])
  })

  test('writes what was answered last before it is closed', async () => {
    const path = join(ownDirectory(), 'access.log')
    const server = await serve(hello, { httpSocket: '127.0.0.1:0', accessLog: path })
    await fetch(server.url as string)
    await server.close()
    expect(await linesOf(path, 1)).toEqual([expect.stringContaining('"GET / HTTP/1.1" 200 5')])
  })

  test('refuses a format that is wrong, and a file that cannot be opened', async () => {
    const wrong = serveHere(hello, { accessLogFormat: '%(nope)' })
    await expect(wrong).rejects.toThrow('--access-log-format has an unknown atom %(nope)')
    const missing = serveHere(hello, { accessLog: '/no/such/access.log' })
    await expect(missing).rejects.toThrow('--access-log /no/such/access.log: ENOENT')
    await expect(serveHere(hello, { accessLog: 'syslog:x' })).rejects.toThrow(
      '--access-log is a file, or - for standard output, not "syslog:x"',
    )
  })
})

test('requests are logged unless that is disabled and no filter is left', () => {
  const options = { ...defaultOptions(), disableLogging: true }
  expect(logsRequests(defaultOptions())).toBe(true)
  expect(logsRequests(options)).toBe(false)
  for (const one of [
    { log4xx: true },
    { log5xx: true },
    { logZero: true },
    { logSlow: 1 },
    { logBig: 1 },
  ]) {
    expect(logsRequests({ ...options, ...one })).toBe(true)
  }
})

test('only an error of the format is explained as one', () => {
  const other = new Error('x')
  expect(explainFormat(other)).toBe(other)
  const format = Object.assign(new Error('is odd'), { code: 'ERR_POSTERN_LOG_FORMAT' })
  expect(explainFormat(format)).toEqual(new ConfigError('--access-log-format is odd'))
})
