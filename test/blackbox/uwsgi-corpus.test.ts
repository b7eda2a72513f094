// Every case of test/corpus/uwsgi.json against the real command line, over a unix socket, and a
// sample of them over TCP: whole, in the pieces that the case asks for, and byte by byte.
import { existsSync, readlinkSync, realpathSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bytesOf, type Case, inParallel, readCorpus } from './corpus.js'
import { fixture, type Postern, start } from './postern.js'
import { exchange, fieldOf, RawClient, type RawResponse, type Where } from './raw-client.js'
import { uwsgiRequest } from './uwsgi-packet.js'

interface Expectation {
  readonly outcome: 'accept' | 'reject' | 'either' | 'wait' | 'raw'
  readonly status: readonly (number | null)[]
  readonly app?: 'no' | 'may'
  readonly env?: Record<string, string>
  readonly absent_env?: readonly string[]
  readonly body?: string
  readonly body_b64?: string
  readonly response_b64?: string
}

type UwsgiCase = Case<Expectation>

interface Report {
  readonly env: Record<string, string>
  readonly body_b64: string
}

const EVERY_BYTE_MAX = 2048
const PARALLEL = 32
/** Every so many cases, one runs over TCP too. */
const TCP_SAMPLE = 8

/** Settings for the neutral names of the corpus. */
const SETTINGS: Record<string, (value: unknown) => string[]> = {
  max_header_total: (bytes) => ['--buffer-size', String(bytes)],
  max_body: (bytes) => ['--limit-post', String(bytes)],
}

/** Short, so that half a packet does not hold up the tests. */
const IMPATIENT = ['--http-headers-timeout', '1', '--socket-timeout', '1']

/** What clients that speak nonsense to the socket put into the log. */
const COMPLAINTS = [/ warning: /]

const cases = readCorpus<Expectation>('uwsgi.json')
const problems = new Map<string, string[]>()

/** A server, and how often its application may have run. */
interface Running {
  readonly server: Postern
  readonly unix: Where
  /** Requests that were answered by it. */
  answered: number
  /** Requests that may have reached it although they were not. */
  doubtful: number
}

const running: Running[] = []

beforeAll(async () => {
  const keys = new Set(cases.map((one) => JSON.stringify(one.config ?? {})))
  await inParallel([...keys], 3, async (key) => {
    const group = cases.filter((one) => JSON.stringify(one.config ?? {}) === key)
    const settings = Object.entries(JSON.parse(key) as Record<string, unknown>)
    const args = settings.flatMap(([name, value]) => SETTINGS[name](value))
    const server = await start([
      `${fixture('echo.mjs')}:variables`,
      '--socket',
      './postern.sock',
      '--socket',
      '127.0.0.1:0',
      ...IMPATIENT,
      ...args,
    ])
    const [first, tcp] = server.fronts
    const unix = { path: first.address }
    const own = { server, unix, answered: 0, doubtful: 0 }
    running.push(own)
    await inParallel(group, PARALLEL, async (one) => {
      const sample = cases.indexOf(one) % TCP_SAMPLE === 0
      const found = await runCase(own, unix, one)
      problems.set(one.id, sample ? [...found, ...(await runCase(own, tcp.where, one))] : found)
    })
  })
}, 60_000)

afterAll(async () => {
  for (const { server } of running) await server.stop({ allow: COMPLAINTS })
}, 60_000)

// --- conversations ---

async function runCase(own: Running, where: Where, one: UwsgiCase): Promise<string[]> {
  const found: string[] = []
  const bytes = bytesOf(one)
  const deliveries = {
    whole: {},
    ...(bytes.length <= EVERY_BYTE_MAX && { 'every byte': { everyByte: true } }),
    ...(Array.isArray(one.splits) && { splits: { cuts: one.splits, between: shortPause } }),
  }
  for (const [name, delivery] of Object.entries(deliveries)) {
    const client = await RawClient.connect(where)
    const say = (text: string) =>
      void found.push(`${'path' in where ? '' : 'tcp '}${name}: ${text}`)
    try {
      const sending = client.send(bytes, delivery).then(() => {
        if (one.after_send === 'shutdown_wr') client.finish()
      })
      if (await judge(client, one.expect, say)) own.answered++
      else if (one.expect.app !== 'no') own.doubtful++
      await sending
    } catch (error) {
      say(String(error))
    } finally {
      client.destroy()
    }
  }
  return found
}

/** True: the application has answered. */
async function judge(
  client: RawClient,
  wanted: Expectation,
  say: (text: string) => void,
): Promise<boolean> {
  if (wanted.outcome === 'raw') {
    const answer = (await client.rest()).toString('base64')
    if (answer !== wanted.response_b64) say(`answer ${answer}`)
    return false
  }
  const head = wanted.env?.REQUEST_METHOD === 'HEAD'
  const response = await client.responseOrEnd(head ? 'HEAD' : 'GET')
  const status = response?.status ?? null
  const accepted = status === 200 && (wanted.outcome === 'either' || wanted.outcome === 'accept')
  if (!accepted && !wanted.status.includes(status)) {
    say(`status ${status} instead of ${wanted.outcome} ${wanted.status.join(' or ')}`)
  }
  if (response === null) return false
  // One request a connection, whatever it was.
  await client.end()
  if (!accepted) return false
  checkFraming(response, say)
  if (!head) checkReport(JSON.parse(response.body.toString()) as Report, wanted, say)
  return true
}

/** On gateway protocols a response is never chunked. */
function checkFraming(response: RawResponse, say: (text: string) => void): void {
  if (fieldOf(response, 'transfer-encoding') !== undefined) say('a chunked response')
  if (response.interim.length > 0) say('an interim response')
}

function checkReport(report: Report, wanted: Expectation, say: (text: string) => void): void {
  for (const [name, value] of Object.entries(wanted.env ?? {})) {
    const found = report.env[name]
    if (found !== value) say(`${name} ${JSON.stringify(found)} instead of ${JSON.stringify(value)}`)
  }
  for (const name of wanted.absent_env ?? []) {
    if (name in report.env) say(`${name} reached the application`)
  }
  const { body, body_b64 } = wanted
  const expected = body_b64 ?? (body === undefined ? undefined : Buffer.from(body, 'latin1'))
  const text = typeof expected === 'string' ? expected : expected?.toString('base64')
  if (text !== undefined && report.body_b64 !== text) say(`body ${report.body_b64}`)
}

/** Long enough for the server to see two reads instead of one. */
function shortPause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3))
}

// --- tests ---

describe('uwsgi.json: the server does what the corpus says, however the bytes arrive', () => {
  for (const one of cases) {
    test(`${one.id}: ${one.description}`, () => expect(problems.get(one.id)).toEqual([]))
  }

  test('no packet that is refused reaches the application', async () => {
    for (const { unix, answered, doubtful } of running) {
      const response = await exchange(unix, uwsgiRequest('GET', '/-/runs'))
      const runs = Number(response.body.toString())
      expect(runs).toBeGreaterThanOrEqual(answered)
      expect(runs).toBeLessThanOrEqual(answered + doubtful)
    }
  })

  test('variables named UWSGI_… move nothing: no command is run, no directory is changed', () => {
    // The corpus has UWSGI_FILE=exec://touch /tmp/pwned and UWSGI_CHDIR=/.
    expect(existsSync('/tmp/pwned')).toBe(false)
    for (const { server } of running) {
      expect(readlinkSync(`/proc/${server.pid}/cwd`)).toBe(realpathSync(server.dir))
    }
  })
})
