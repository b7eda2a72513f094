// The contract of every application kind over every front door: the cases of behaviour.json, run
// against one row. A case that does not apply is counted and told, never left out in silence.
import { readFileSync } from 'node:fs'
import { describe, expect, test, vi } from 'vitest'
import { makeApp, Observed } from './apps.js'
import { SCENARIOS } from './behaviour-scenarios.js'
import { Client } from './client.js'
import { CASES, type Case, type Expectation, titleOf } from './corpus.js'
import { checkResponse } from './expectations.js'
import { type HttpRequest, splitRequests } from './requests.js'
import { type Response, valuesOf } from './response.js'
import type { Row, RunningRow } from './row.js'

/** Cases that no row can run yet, and why. */
const NOT_YET: Record<string, string> = {
  'conn/max-requests': 'replacing a worker is the work of the process manager',
}

/**
 * Behind nginx some things are not the application server's. What is dropped over uwsgi, and why:
 *
 * - connection: one request a connection, closed after the answer; keep-alive is between the client
 *   and nginx. Pipelined requests come one after the other, each on its own connection.
 * - framing: where HTTP has chunks, uwsgi has the end of the connection; nginx makes chunks of it.
 * - the fields Connection, Date and Server of the response: nginx sets its own.
 */
function overUwsgi(wanted: Expectation): Expectation {
  const headers = { ...wanted.headers }
  delete headers.connection
  const framing = wanted.framing?.map((one) => (one === 'chunked' ? 'close' : one))
  const present = wanted.present_headers?.filter((name) => name !== 'date' && name !== 'server')
  return { ...wanted, connection: 'close', headers, framing, present_headers: present }
}

/** Cases that cannot come from nginx at all. */
const NEVER_UWSGI: Record<string, string> = {
  'environ/options-star': 'nginx answers "OPTIONS *" itself',
  'input/100-read': 'nginx answers Expect and sends the request when the body is there',
  'input/100-unread': 'nginx waits for the body that this client does not send',
  'input/100-10': 'Expect ends at nginx',
  'conn/early-hints': 'nginx passes no interim responses on',
}

/** Cases that a server cannot see which waits for the whole body first. */
const NEVER_BUFFERED: Record<string, string> = {
  'input/100-unread': 'the server waits for the body that this client does not send',
}

/** Cases that are about the address of a client. */
const NEVER_HTTP_OVER_UNIX: Record<string, string> = {
  'environ/remote': 'the client of a unix socket has no address',
}

/** Why this row cannot have this case; undefined: it can. */
function never(row: Row, { id }: Case): string | undefined {
  if (row.protocol === 'uwsgi' && id in NEVER_UWSGI) return NEVER_UWSGI[id]
  if (row.buffered && id in NEVER_BUFFERED) return NEVER_BUFFERED[id]
  const unix = row.protocol === 'http' && row.transport === 'unix'
  return unix ? NEVER_HTTP_OVER_UNIX[id] : undefined
}

/** Error lines that a rule asks for although the case does not: by rule, and by case. */
const MAY_LOG: ReadonlySet<string> = new Set(['W38', 'W39', 'W41'])
const MAY_LOG_TOO_SHORT: ReadonlySet<string> = new Set([
  'file/filelike_no_fileno-longcl', // W39: less than Content-Length is logged
  'file/unseekable-longcl',
])

export function contract(row: Row): void {
  const skipped = new Map<string, string>()
  const runs: Case[] = []
  for (const one of CASES) {
    const kinds = one.applies.filter((kind) => row.kinds.includes(kind))
    const reason =
      kinds.length === 0
        ? `for ${one.applies.join(', ')} applications`
        : (NOT_YET[one.id] ?? never(row, one))
    if (reason === undefined) runs.push(one)
    else skipped.set(one.id, reason)
  }

  describe(`${row.name}: ${runs.length} cases run, ${skipped.size} do not apply`, () => {
    test.each(runs.map((one) => [titleOf(one), one] as const))('%s', async (_title, one) => {
      await runCase(row, one)
    })

    test('every case that does not run has a reason', () => {
      const counts = new Map<string, number>()
      for (const reason of skipped.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1)
      for (const [reason, count] of counts) console.log(`  ${count} not run: ${reason}`)
      expect(runs.length + skipped.size).toBe(CASES.length)
    })

    test('the suite knows every expectation of the corpus', () => {
      const sources = ['corpus', 'expectations', 'behaviour.contract', 'behaviour-scenarios']
      const known = sources
        .map((name) => readFileSync(new URL(`${name}.ts`, import.meta.url), 'utf8'))
        .join('')
      const keys = new Set(runs.flatMap((one) => Object.keys(one.expect)))
      keys.delete('note') // for people
      expect([...keys].filter((key) => !known.includes(`wanted.${key}`))).toEqual([])
    })
  })
}

async function runCase(row: Row, one: Case): Promise<void> {
  const wanted = row.protocol === 'uwsgi' ? overUwsgi(one.expect) : one.expect
  const observed = new Observed()
  const server = await row.start(makeApp(one.app, observed), wanted.config)
  try {
    const run = { row, one, wanted, observed, server, requests: splitRequests(one.request) }
    const scenario = wanted.client === undefined ? undefined : SCENARIOS[wanted.client]
    if (wanted.client !== undefined && scenario === undefined) {
      throw new Error(`no scenario for "${wanted.client}"`)
    }
    const responses = await (scenario ?? exchangeAll)(run)
    await checkObserved(run, responses)
  } finally {
    await server.close(0)
  }
  checkLog(one, wanted, server.lines)
}

export interface CaseRun {
  readonly row: Row
  readonly one: Case
  readonly wanted: Expectation
  readonly observed: Observed
  readonly server: RunningRow
  readonly requests: readonly HttpRequest[]
}

/** Sends all requests and reads all responses; what most cases do. */
async function exchangeAll(run: CaseRun): Promise<Response[]> {
  const responses = run.row.protocol === 'http' ? await pipelined(run) : await oneByOne(run)
  const { wanted } = run
  if (responses.length === 0) checkResponse(null, wanted)
  for (const response of responses)
    checkResponse(response, {
      ...wanted,
      ...notOfFollowers(response, responses),
      ...notSeen(run, response),
    })
  if (wanted.responses !== undefined) expect([wanted.responses].flat()).toContain(responses.length)
  if (wanted.max_responses !== undefined)
    expect(responses.length).toBeLessThanOrEqual(wanted.max_responses)
  if (wanted.bodies) {
    expect(responses.map((response) => response.body.toString('latin1'))).toEqual(wanted.bodies)
  }
  return responses
}

/** What is expected of the first response only: a GET behind a HEAD has a body. */
function notOfFollowers(response: Response, all: readonly Response[]): Partial<Expectation> {
  return response === all[0] ? {} : { body: undefined, body_in: undefined }
}

/**
 * On a unix socket the end of a connection is an end like any other: where it is also the end of the
 * body, nobody can see whether that was whole.
 */
function notSeen({ row }: CaseRun, response: Response): Partial<Expectation> {
  const told = row.transport === 'TCP' || response.framing !== 'close'
  return told ? {} : { complete: undefined }
}

/** HTTP: everything in one packet, then the answers in their order. */
async function pipelined(run: CaseRun): Promise<Response[]> {
  const { row, wanted, requests, server, observed } = run
  const client = await Client.open(server.target)
  try {
    client.send(Buffer.concat(requests.map((request) => row.encode(request))))
    if (wanted.after_send === 'shutdown_wr') client.endSending()
    const responses: Response[] = []
    for (const request of requests) {
      const response = await client.response(request.method)
      if (response === null) break
      responses.push(response)
      if (isLast(response)) break
    }
    useKept(observed)
    await checkConnection(client, responses, requests, wanted)
    return responses
  } finally {
    client.close()
  }
}

/** uwsgi: as nginx would, a connection for each. */
async function oneByOne({ row, wanted, requests, server, observed }: CaseRun): Promise<Response[]> {
  const responses: Response[] = []
  for (const request of requests) {
    const client = await Client.open(server.target)
    try {
      client.send(row.encode(request))
      if (wanted.after_send === 'shutdown_wr') client.endSending()
      const response = await client.response(request.method)
      if (response !== null) responses.push(response)
      useKept(observed)
      expect((await client.finish()).toString('latin1'), 'bytes behind the response').toBe('')
    } finally {
      client.close()
    }
  }
  return responses
}

const isLast = (response: Response) =>
  response.framing === 'close' ||
  !response.complete ||
  valuesOf(response, 'connection').includes('close')

/** A write() that was kept is an error now, and nothing of it is sent. */
function useKept(observed: Observed): void {
  for (const write of observed.kept) expect(() => write('late')).toThrow('the response is over')
}

/** The connection is as the last response says: it serves another request, or it ends. */
async function checkConnection(
  client: Client,
  responses: readonly Response[],
  requests: readonly HttpRequest[],
  wanted: Expectation,
): Promise<void> {
  const last = responses.at(-1)
  const keeps = last !== undefined && !isLast(last)
  if (wanted.connection) expect(keeps ? 'keep' : 'close', 'connection').toBe(wanted.connection)
  if (!keeps) {
    expect((await client.finish()).toString('latin1'), 'bytes behind the response').toBe('')
    return
  }
  expect(responses.length, 'responses on a connection that stays').toBe(requests.length)
  client.send('GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const probe = await client.response()
  expect(probe?.status, 'the next request on the connection').toBe(200)
  expect(client.pending.toString('latin1')).toBe('')
}

async function checkObserved(run: CaseRun, responses: readonly Response[]): Promise<void> {
  const { wanted, observed, server, row } = run
  if (wanted.closed_called !== undefined) {
    const counts = [wanted.closed_called].flat()
    const patience = (wanted.within_s ?? 2) * 1000
    await vi.waitFor(() => expect(counts).toContain(observed.closed), {
      timeout: patience,
      interval: 5,
    })
  }
  if (wanted.env_any) {
    const keys = wanted.env_any.flatMap((one) => Object.keys(one))
    const got = Object.fromEntries(keys.map((key) => [key, observed.lastEnviron[key]]))
    expect(wanted.env_any.some((one) => Object.entries(one).every(([k, v]) => got[k] === v))).toBe(
      true,
    )
  }
  if (wanted.shared_list_unchanged) {
    expect(observed.sharedHeaders).toEqual([['Content-Type', 'text/plain']])
  }
  if (wanted.distinct_environ) {
    expect(new Set(observed.environs).size).toBe(run.requests.length)
    expect(observed.environs).toHaveLength(run.requests.length)
  }
  if (wanted.app_error) expect(observed.errors).toHaveLength(1)
  if (wanted.arrival_ms) checkArrivals(wanted.arrival_ms, responses[0], observed)
  if (wanted.then !== undefined) {
    expect(wanted.then).toBe('GET /ok gives 200 on a new connection')
    const [ok] = splitRequests(Buffer.from('GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n'))
    expect((await Client.ask(server.target, row.encode(ok)))?.status).toBe(200)
  }
}

/** Each block comes in its window; how late it may be is generous, the machine may be busy. */
function checkArrivals(
  windows: readonly (readonly [number, number])[],
  response: Response,
  observed: Observed,
): void {
  const SLACK_MS = 1000
  const start = response.arrivals[0].at
  windows.forEach(([from, to], i) => {
    const late = response.arrivals[i].at - start
    expect(late, `arrival of block ${i}`).toBeGreaterThanOrEqual(from)
    expect(late, `arrival of block ${i}`).toBeLessThanOrEqual(to + SLACK_MS)
  })
  expect(observed.madeAt.length).toBeGreaterThanOrEqual(windows.length)
}

function checkLog(one: Case, wanted: Expectation, lines: readonly string[]): void {
  const errors = lines.filter((line) => /^\S+ \[\d+\] error: /.test(line))
  const said = lines.join('')
  for (const text of wanted.log_contains ?? []) expect(said).toContain(text)
  if (wanted.log === true) expect(errors, 'error lines').not.toEqual([])
  const may = MAY_LOG_TOO_SHORT.has(one.id) || one.rules.some((rule) => MAY_LOG.has(rule))
  const silent = wanted.log === undefined && !may
  if (silent && !wanted.status?.includes(500)) expect(errors, 'error lines').toEqual([])
}
