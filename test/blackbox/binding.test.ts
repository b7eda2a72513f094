// What an application sees of the addon that no pure test can show: when bytes leave, what becomes
// of blocks that wait, and that nothing an application does takes the process down.
import { afterEach, describe, expect, test } from 'vitest'
import type { GatewayApp } from '../../src/gateway/types.js'
import { Client } from '../contract/client.js'
import { gatewayRow, type RunningRow } from '../contract/row.js'
import { turn } from '../support/memory-host.js'
import { answer } from '../support/results.js'

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

let running: RunningRow | undefined

afterEach(async () => {
  await running?.close(0)
  running = undefined
})

async function serving(app: GatewayApp): Promise<RunningRow> {
  running = await gatewayRow('http').start(app)
  return running
}

describe('the end of a response', () => {
  test.each<[string, () => unknown]>([
    [
      'of an async generator',
      async function* () {
        yield 'a'
        await turn()
      },
    ],
    [
      'of a stream',
      () =>
        ReadableStream.from(
          (async function* () {
            yield 'a'
            await turn()
          })(),
        ),
    ],
  ])('W32: %s goes out at once, not with the next tick of a second', async (_name, result) => {
    const { target } = await serving(answer(result))
    const client = await Client.open(target)
    const started = performance.now()
    for (let i = 0; i < 6; i++) {
      client.send(GET)
      expect(await client.response()).toMatchObject({ complete: true, framing: 'chunked' })
    }
    client.close()
    expect(performance.now() - started).toBeLessThan(3000)
  })
})
