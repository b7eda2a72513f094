// Commands of one letter, written to a real fifo as a shell would.
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/errors.js'
import { ask } from '../support/serving.js'
import { type Postern, runToEnd, start, temporaryDirectory } from './postern.js'

const RELOADED = / info: reloaded: workers [\d, ]+ serve$/
const app = (text: string) =>
  `export default (environ, startResponse) => { startResponse('200 OK', []); return '${text}' }`

async function site(): Promise<{ postern: Postern; file: string; fifo: string }> {
  const dir = temporaryDirectory()
  const file = join(dir, 'app.mjs')
  const fifo = join(dir, 'fifo')
  writeFileSync(file, app('one'))
  const args = ['--http-socket', '127.0.0.1:0', '--processes', '2', '--master-fifo', './fifo']
  const postern = await start([file, ...args], { dir })
  onTestFinished(() => postern.kill())
  await postern.until(() => existsSync(fifo), 'the fifo')
  return { postern, file, fifo }
}

test('letters reload, scale, tell, and stop', async () => {
  const { postern, file, fifo } = await site()
  expect(statSync(fifo).mode & 0o777).toBe(0o600)
  const reloads = () => postern.log.filter((line) => RELOADED.test(line)).length
  for (const [i, letter] of ['r', 'c', 'w'].entries()) {
    writeFileSync(file, app(letter))
    writeFileSync(fifo, `${letter}\n`)
    await postern.until(() => reloads() === i + 1, `the reload by ${letter}`)
    expect(await ask(postern.where())).toBe(letter)
  }
  const stats =
    / info: stats: 2 workers serve, 3 requests, \d in flight, 0 connections wait, \d+ MB$/
  const more = / info: 3 workers from now on$/
  const logs = / info: master-fifo: log files are opened again$/
  const ignored = / warning: master-fifo: "p" has no meaning here and is ignored$/
  // Several at once, and one without a meaning twice.
  writeFileSync(fifo, 's+lpp')
  await postern.logs(ignored)
  expect(postern.log.filter((line) => ignored.test(line))).toHaveLength(1)
  writeFileSync(fifo, 'q')
  await postern.ended
  expect(existsSync(fifo)).toBe(false)
  const stopping = / info: master-fifo: finishing what runs, then stopping$/
  await postern.stopped({
    expect: [stats, more, logs, ignored, stopping],
    allow: [RELOADED, / info: master-fifo: reloading/],
  })
})

test('Q does not wait', async () => {
  const { postern, fifo } = await site()
  writeFileSync(fifo, 'Q')
  await postern.stopped({ expect: [/ warning: master-fifo: stopping at once$/] })
})

test('a file that is no fifo is left alone', async () => {
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'app.mjs'), app('one'))
  writeFileSync(join(dir, 'notes'), 'mine')
  const args = ['--http-socket', '127.0.0.1:0', '--master', '--master-fifo', 'notes']
  const { code, errors } = await runToEnd(['app.mjs', ...args], { dir })
  expect([code, errors]).toEqual([
    EXIT.PERMANENT,
    expect.stringContaining('--master-fifo notes: there is a file that is not a fifo'),
  ])
  expect(existsSync(join(dir, 'notes'))).toBe(true)
})
