// The cases of behaviour.json whose client does more than send and read, by what `client` says.
import { expect, vi } from 'vitest'
import type { CaseRun } from './behaviour.contract.js'
import { Client } from './client.js'
import { checkResponse } from './expectations.js'
import { splitRequests } from './requests.js'
import type { Response } from './response.js'

type Scenario = (run: CaseRun) => Promise<Response[]>

const [OK] = splitRequests(Buffer.from('GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n'))

async function with_(run: CaseRun, use: (client: Client) => Promise<Response[]>, reading = true) {
  const client = await Client.open(run.server.target, reading)
  try {
    return await use(client)
  } finally {
    client.close()
  }
}

async function askOk({ row, server }: CaseRun): Promise<void> {
  const asked = performance.now()
  const response = await Client.ask(server.target, row.encode(OK))
  expect(response?.status).toBe(200)
  expect(performance.now() - asked).toBeLessThan(1000)
}

/** Half a request, and nothing more: answered or closed, not too early and not too late. */
const silence: Scenario = (run) =>
  with_(run, async (client) => {
    const { wanted, row, requests, one } = run
    const whole = row.encode(requests[0])
    const half = row.protocol === 'http' ? one.request : whole.subarray(0, halfOf(run, whole))
    const sent = performance.now()
    client.send(half)
    const response = await client.response(requests[0].method)
    checkResponse(response, wanted)
    await client.finish()
    const [from, to] = wanted.closes_after_s ?? [0, 0]
    const took = (performance.now() - sent) / 1000
    expect(took).toBeGreaterThan(from)
    expect(took).toBeLessThan(to)
    return response === null ? [] : [response]
  })

/** A request cut in its body keeps its head; one cut in its head loses half of the packet. */
function halfOf({ requests }: CaseRun, packet: Buffer): number {
  return requests[0].body.length > 0 ? packet.length : packet.length / 2
}

export const SCENARIOS: Record<string, Scenario> = {
  'send, then silence': silence,

  'wait for the 100, then send "hello"': (run) =>
    with_(run, async (client) => {
      client.send(run.one.request)
      await client.gather('HTTP/1.1 100'.length)
      client.send('hello')
      const response = await client.response('POST')
      checkResponse(response, run.wanted)
      return response === null ? [] : [response]
    }),

  'wait 1 s, send nothing': (run) =>
    with_(run, async (client) => {
      client.send(run.one.request)
      const response = await client.response('POST')
      checkResponse(response, run.wanted)
      expect(response?.interim).toEqual([])
      await client.finish()
      return response === null ? [] : [response]
    }),

  '200 such connections; meanwhile GET /ok on another gives 200 within 1 s': async (run) => {
    const bytes = run.row.encode(run.requests[0])
    const clients = await Promise.all(
      Array.from({ length: 200 }, () => Client.open(run.server.target)),
    )
    try {
      for (let i = 0; i < 5; i++) {
        for (const client of clients) client.send(bytes.subarray(i, i + 1))
        await askOk(run)
      }
      expect(run.server.stats().connections).toBeGreaterThanOrEqual(200)
      for (const client of clients) client.send(bytes.subarray(5))
      const responses = await Promise.all(clients.map((client) => client.response()))
      for (const response of responses) checkResponse(response, run.wanted)
      return []
    } finally {
      for (const client of clients) client.close()
    }
  },

  'read 64 KB each second for 3 s, then all; meanwhile GET /ok gives 200 within 1 s': (run) =>
    with_(
      run,
      async (client) => {
        client.send(run.row.encode(run.requests[0]))
        await run.observed.called
        for (let i = 0; i < 3; i++) {
          client.resume()
          await client.gather((i + 1) * 65_536)
          client.pause()
          await askOk(run)
        }
        client.resume()
        const response = await client.response()
        checkResponse(response, run.wanted)
        return []
      },
      false,
    ),

  'start, then send the stop signal to the server': (run) =>
    with_(run, async (client) => {
      client.send(run.row.encode(run.requests[0]))
      await run.observed.called
      const closed = run.server.close(10_000)
      await vi.waitFor(async () => {
        await expect(Client.open(run.server.target)).rejects.toThrow('does not accept')
      })
      const response = await client.response()
      checkResponse(response, run.wanted)
      await client.finish()
      await closed
      return []
    }),

  'read 100 KB, then reset the connection': (run) =>
    with_(run, async (client) => {
      client.send(run.row.encode(run.requests[0]))
      await client.gather(100_000)
      client.reset()
      return []
    }),

  'read nothing for 3 s': (run) =>
    with_(
      run,
      async (client) => {
        const { observed, wanted } = run
        client.send(run.row.encode(run.requests[0]))
        await run.observed.called
        // It has stopped when nothing more was pulled for a while; the corpus gives it 3 s.
        let before = -1
        await vi.waitFor(
          () => {
            const now = observed.pulledBytes
            const still = now === before
            before = now
            expect(still && now > 0).toBe(true)
          },
          { timeout: 3000, interval: 300 },
        )
        expect(observed.pulledBytes).toBeLessThanOrEqual(wanted.max_pulled_bytes ?? 0)
        return []
      },
      false,
    ),
}
