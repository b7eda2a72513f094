// The addon in several threads of one process. In a process of its own: what goes wrong here is a
// crash.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../blackbox/postern.js'
import { run } from '../support/command.js'

test('servers run in the main thread and in workers, and go with their threads', async () => {
  const script = join(ROOT, 'test/fixtures/cli/workers.mjs')
  const env = { POSTERN_ADDON: process.env.POSTERN_ADDON }
  expect(await run(process.execPath, [script], { cwd: ROOT, env })).toBe('good\n')
}, 60_000)

test('a process that is done with its servers ends by itself', async () => {
  const script = `import { serve } from './dist/index.js'
    const app = (environ, startResponse) => { startResponse('200 OK', []); return 'x' }
    const servers = [await serve(app, { httpSocket: '127.0.0.1:0' })]
    servers.push(await serve(app, { httpSocket: '127.0.0.1:0' }))
    for (const server of servers) {
      await (await fetch(server.url)).text()
      await server.close()
    }
    console.log('closed')`
  const env = { POSTERN_ADDON: process.env.POSTERN_ADDON }
  const args = ['--input-type=module', '--eval', script]
  expect(await run(process.execPath, args, { cwd: ROOT, env })).toBe('closed\n')
}, 60_000)
