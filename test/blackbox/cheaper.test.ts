// Workers that come when they are needed and leave when they are not.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ask } from '../support/serving.js'
import { Load } from './load.js'
import { start, temporaryDirectory } from './postern.js'

const APPLICATION = `
  export default (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']])
    const end = performance.now() + 20
    while (environ.PATH_INFO === '/busy' && performance.now() < end) {}
    return 'fine'
  }
`

const CHANGED = / info: \d workers? from now on$/

test.each([
  ['spare', ['--cheaper-overload', '1']],
  ['busyness', ['--cheaper-overload', '1', '--cheaper-busyness-multiplier', '1']],
])(
  '%s: more under load, as few as wanted without, and no request fails',
  async (algo, more) => {
    const dir = temporaryDirectory()
    writeFileSync(join(dir, 'app.mjs'), APPLICATION)
    const args = ['app.mjs', '--http-socket', '127.0.0.1:0', '--processes', '3', '--cheaper', '1']
    const postern = await start([...args, '--cheaper-algo', algo, ...more], { dir })
    onTestFinished(() => postern.kill())
    expect(postern.workers()).toHaveLength(1)
    const load = new Load(postern.where(), { clients: 8, path: '/busy' })
    await expect.poll(() => postern.workers().length, { timeout: 15_000 }).toBe(3)
    await load.stop()
    expect(load.failures).toEqual([])
    await expect.poll(() => postern.workers().length, { timeout: 15_000 }).toBe(1)
    expect(await ask(postern.where())).toBe('fine')
    await postern.stop({ expect: [CHANGED] })
  },
  40_000,
)
