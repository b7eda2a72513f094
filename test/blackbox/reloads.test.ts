// What nobody may notice: fifty reloads under a constant load, straight and through a real nginx; and
// what only those may notice whose request it was: workers that are killed.
import { readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ask } from '../support/serving.js'
import { Load } from './load.js'
import { startStack, WAYS } from './nginx-stack.js'
import { fixture, type Postern, start, temporaryDirectory } from './postern.js'

const RELOADS = 50
const KILLS = 30
/** Requests that must end well between two events, of each load. */
const BETWEEN = 40
const LONG_MS = 120_000

const RELOADED = / info: reloaded: workers [\d, ]+ serve$/
const REPLACED = / error: worker \d \(pid \d+\) ended, replaced .*: signal SIGKILL$/

const TOUCHED = / info: .*chain was touched: reloading one worker after the other$/
const STOPPED = / error: chain reload stopped, 0 of 3 workers are new, the old ones keep serving: /

const count = (postern: Postern, line: RegExp) => postern.log.filter((one) => line.test(one)).length

function descriptors(postern: Postern): number {
  return readdirSync(`/proc/${postern.pid}/fd`).length
}

test(
  `${RELOADS} reloads: no request fails, through nginx neither`,
  async () => {
    const stack = await startStack({ args: ['--processes', '2'] })
    const { postern } = stack
    const fronts = [...WAYS.map((way) => stack.where(way)), postern.where('http')]
    const loads = fronts.map((where) => new Load(where, { clients: 2, path: '/count' }))
    const pass = () => Promise.all(loads.map((load) => load.passes(BETWEEN)))
    await pass()
    const before = descriptors(postern)
    for (let i = 1; i <= RELOADS; i++) {
      postern.child.kill('SIGHUP')
      await postern.until(() => count(postern, RELOADED) === i, `reload ${i}`)
      await pass()
    }
    await Promise.all(loads.map((load) => load.stop()))
    expect(loads.flatMap((load) => load.failures)).toEqual([])
    // A worker that still drains holds one descriptor of its master, the control channel.
    expect(descriptors(postern)).toBeLessThanOrEqual(before + 8)
    await stack.stop({ postern: { allow: [RELOADED, / info: SIGHUP: reloading$/] } })
  },
  LONG_MS,
)

test(
  `${KILLS} workers killed: only what they had in hand is lost`,
  async () => {
    const args = ['--http-socket', '127.0.0.1:0', '--processes', '4']
    const postern = await start([fixture('nginx.mjs'), ...args])
    onTestFinished(() => postern.kill())
    const clients = 4
    const load = new Load(postern.where(), { clients, path: '/count' })
    await load.passes(BETWEEN)
    for (let i = 1; i <= KILLS; i++) {
      const [victim] = postern.workers()
      const before = load.failures.length
      process.kill(victim, 'SIGKILL')
      await postern.until(() => count(postern, REPLACED) === i, 'the replacement')
      // Each client has noticed by now, if it was one of those.
      await load.passes(4 * clients)
      // One keep-alive and one fresh connection each, with at most one request in it.
      expect(load.failures.length - before).toBeLessThanOrEqual(2 * clients)
      const settled = load.failures.length
      await load.passes(BETWEEN)
      expect(load.failures.slice(settled)).toEqual([])
    }
    await load.stop()
    expect(Number(await ask(postern.where(), '/count'))).toBeGreaterThan(0)
    await postern.stop({ allow: [REPLACED] })
  },
  LONG_MS,
)

const version = (text: string) => `
  export default (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']])
    return '${text}'
  }
`

test(
  'chain reloads: one worker after the other, no request fails, a broken application in between neither',
  async () => {
    const dir = temporaryDirectory()
    const app = join(dir, 'app.mjs')
    writeFileSync(app, version('one'))
    writeFileSync(join(dir, 'chain'), '')
    const args = ['--http-socket', '127.0.0.1:0', '--processes', '3']
    const touch = ['--touch-chain-reload', join(dir, 'chain')]
    const postern = await start(['app.mjs', ...args, ...touch], { dir })
    onTestFinished(() => postern.kill())
    const load = new Load(postern.where(), { clients: 3 })
    await load.passes(BETWEEN)
    const before = postern.workers()
    let touches = 0
    const chain = async (text: string, line: RegExp) => {
      writeFileSync(app, text)
      const seen = count(postern, line)
      utimesSync(join(dir, 'chain'), 1, 1000 + ++touches)
      await postern.until(() => count(postern, line) > seen, String(line))
      await load.passes(BETWEEN)
    }
    // Never more than one more than there are to be, and those that still drain.
    await chain(version('two'), RELOADED)
    expect(postern.workers().filter((pid) => before.includes(pid))).toHaveLength(0)
    expect(await ask(postern.where())).toBe('two')
    await chain('throw new Error("no")', STOPPED)
    expect(await ask(postern.where())).toBe('two')
    await chain(version('three'), RELOADED)
    expect(await ask(postern.where())).toBe('three')
    await load.stop()
    expect(load.failures).toEqual([])
    expect([...load.bodies.keys()]).toEqual(['one', 'two', 'three'])
    await postern.stop({
      allow: [
        RELOADED,
        STOPPED,
        TOUCHED,
        / error: worker 1 \(pid \d+\) could not start: /,
        /^ {4}/,
      ],
    })
  },
  LONG_MS,
)
