// Every case of test/corpus/http1.json, over a socket, against the real command line: whole, in the
// pieces that the case asks for, and byte by byte. `meta.fields` of the corpus says what each
// expectation means.
//
// All conversations run before the first test, many at a time; each test then tells how those of its
// case went.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bytesOf, type Case, inParallel, readCorpus, sameText, type Text } from './corpus.js'
import { fixture, type Postern, start } from './postern.js'
import { exchange, RawClient, type RawResponse, type Where } from './raw-client.js'

interface Expectation {
  readonly outcome: 'accept' | 'reject' | 'either' | 'wait'
  readonly status: readonly (number | null)[]
  readonly connection: 'keep' | 'close' | null
  readonly app?: 'no' | 'may'
  readonly method?: string
  readonly headers?: readonly (readonly [string, Text])[]
  readonly absent_headers?: readonly string[]
  readonly body?: string
  readonly body_b64?: string
  readonly body_len?: number
  readonly body_sha256?: string
  readonly trailers?: readonly (readonly [string, string])[]
  readonly response_headers?: Record<string, string> | readonly (readonly [string, string])[]
  readonly response_body?: string
  readonly interim?: readonly number[]
  readonly interim_required?: boolean
  readonly may_wait?: boolean
  readonly max_responses?: number
  readonly next?: readonly Expectation[]
  readonly [field: string]: unknown
}

type HttpCase = Case<Expectation>

/** What the echo application reports. */
type Report = Record<string, string> & {
  readonly headers: readonly (readonly [string, string])[]
  readonly trailers: readonly (readonly [string, string])[]
}

/** Fields of an expectation that the application reports under the same name. */
const REPORTED = [
  'method',
  'target',
  'path',
  'path_decoded',
  'query',
  'version',
  'remote_addr',
  'remote_port',
  'scheme',
  'host',
  'server_name',
  'server_port',
] as const

/** Options for cases that have to run into a timeout. */
const IMPATIENT = '{"timeouts":1}'
const IMPATIENT_ARGS = ['--http-headers-timeout', '1', '--socket-timeout', '1']
const PLAIN = '{}'
/** Longer cases are not sent byte by byte. */
const EVERY_BYTE_MAX = 2048
const PARALLEL = 64
const PROBE = 'GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n'

/** Options for the neutral names of the corpus. */
const SETTINGS: Record<string, (value: unknown) => string[]> = {
  max_request_line: (bytes) => ['--limit-request-line', String(bytes)],
  max_header_fields: (count) => ['--limit-request-fields', String(count)],
  max_header_field_size: (bytes) => ['--limit-request-field-size', String(bytes)],
  max_header_total: (bytes) => ['--buffer-size', String(bytes)],
  max_body: (bytes) => ['--limit-post', String(bytes)],
  strip_header_spaces: () => ['--strip-header-spaces'],
  permit_obs_fold: () => ['--permit-obs-fold'],
  underscore_headers: (how) => ['--header-map', String(how)],
  // One case has none: what the corpus means is "allow", not "require".
  proxy_protocol: () => ['--proxy-protocol', 'allow'],
  trusted_proxies: (list) => ['--forwarded-allow-ips', String(list)],
  // Hops to walk over: the proxies that are trusted are these, and the peer.
  trusted_downstream: (list) => [
    '--forwarded-allow-ips',
    [...(list as string[]), '127.0.0.1'].join(','),
  ],
  trusted_proxy_headers: fieldNames,
  real_ip_headers: fieldNames,
  scheme_headers: fieldNames,
  trusted_proxy_count: (count) => ['--forwarded-count', String(count)],
  clear_untrusted_proxy_headers: () => ['--forwarded-clear'],
}

function fieldNames(list: unknown): string[] {
  return ['--forwarded-headers', (list as string[]).join(',')]
}

function argsFor(config: string): string[] {
  if (config === IMPATIENT) return IMPATIENT_ARGS
  const settings = JSON.parse(config) as Record<string, unknown>
  const args = Object.entries(settings).flatMap(([name, value]) => {
    // A list of hops says more than the "*" beside it.
    if (name === 'trusted_proxies' && 'trusted_downstream' in settings) return []
    if (!(name in SETTINGS)) throw new Error(`no option for the setting ${name}`)
    return SETTINGS[name](value)
  })
  const lenient = 'real_ip_headers' in settings || 'scheme_headers' in settings
  if (lenient) return [...args, '--forwarded-invalid', 'ignore']
  return 'trusted_proxies' in settings ? [...args, '--forwarded-invalid', 'refuse'] : args
}

/** Cases that share a server have the same key. */
function configOf(one: HttpCase): string {
  if (one.config !== undefined) return JSON.stringify(one.config)
  const { outcome, may_wait, next = [] } = one.expect
  const waits = outcome === 'wait' || may_wait === true || next.some((n) => n.outcome === 'wait')
  return waits ? IMPATIENT : PLAIN
}

const cases = readCorpus<Expectation>('http1.json')
const problems = new Map<string, string[]>()
const servers: Postern[] = []

beforeAll(async () => {
  await inParallel([...groupByConfig()], 4, async ([config, group]) => {
    const server = await start([
      fixture('echo.mjs'),
      '--http-socket',
      '127.0.0.1:0',
      ...argsFor(config),
    ])
    servers.push(server)
    // How often the application ran is told by the client's port, and where a proxy header may
    // change that, by the difference: then one at a time.
    const shared = config === PLAIN || config === IMPATIENT
    await inParallel(group, shared ? PARALLEL : 1, (one) => runCase(server.where(), one, shared))
  })
}, 120_000)

function groupByConfig(): Map<string, HttpCase[]> {
  const groups = new Map<string, HttpCase[]>()
  for (const one of cases) {
    const key = configOf(one)
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  return groups
}

afterAll(async () => {
  for (const server of servers) await server.stop()
}, 60_000)

// --- conversations ---

interface Delivered {
  readonly name: string
  readonly cuts?: readonly number[]
  readonly everyByte?: boolean
}

function deliveries(one: HttpCase): Delivered[] {
  const list: Delivered[] = [{ name: 'whole' }]
  if (bytesOf(one).length <= EVERY_BYTE_MAX) list.push({ name: 'every byte', everyByte: true })
  if (Array.isArray(one.splits)) list.push({ name: 'splits', cuts: one.splits })
  return list
}

async function runCase(where: Where, one: HttpCase, byPort: boolean): Promise<void> {
  const found: string[] = []
  problems.set(one.id, found)
  for (const delivery of deliveries(one)) {
    let conversation: Conversation
    let tries = 5
    // Node forgets what it has not read when a write finds the connection reset, and a client that
    // goes on sending behind "Connection: close" is reset: such a try says nothing.
    do {
      conversation = new Conversation(where, one, delivery, byPort)
      await conversation.run()
    } while (conversation.wasted && --tries > 0)
    found.push(...conversation.problems)
  }
}

class Conversation {
  readonly problems: string[] = []
  /** The answer was lost on our side: try again. */
  wasted = false
  private accepted = 0
  private refused = false
  /** The application may see more than the requests that were accepted. */
  private mayRun = true
  private readonly where: Where
  private readonly one: HttpCase
  private readonly delivery: Delivered
  private readonly byPort: boolean

  constructor(where: Where, one: HttpCase, delivery: Delivered, byPort: boolean) {
    this.where = where
    this.one = one
    this.delivery = delivery
    this.byPort = byPort
  }

  problem(text: string): void {
    this.problems.push(`${this.delivery.name}: ${text}`)
  }

  async run(): Promise<void> {
    const before = this.byPort ? 0 : await this.runs()
    const client = await RawClient.connect(this.where)
    try {
      await this.talk(client, before)
    } catch (error) {
      this.problem(String(error))
    } finally {
      client.destroy()
    }
  }

  private async talk(client: RawClient, before: number): Promise<void> {
    const sending = this.send(client)
    await this.listen(client, sending)
    await this.checkRuns(client, before)
    if (client.broken && this.refused) this.problem('the connection was reset')
  }

  private async send(client: RawClient): Promise<void> {
    const { cuts, everyByte } = this.delivery
    const waitsForInterim = this.one.expect.interim !== undefined
    const between = waitsForInterim ? () => client.has(1) : shortPause
    const bytes = bytesOf(this.one)
    await client.send(bytes, cuts === undefined ? { everyByte } : { cuts, between })
    if (this.one.after_send === 'shutdown_wr') client.finish()
  }

  private async listen(client: RawClient, sending: Promise<void>): Promise<void> {
    const { expect: first } = this.one
    const links = [first, ...(first.next ?? [])]
    for (const [index, link] of links.entries()) {
      const method = link.method ?? (index === 0 ? firstToken(this.one) : 'GET')
      const response = await client.responseOrEnd(method)
      if (!this.judge(link, method, response, client.broken)) {
        if (response !== null) await client.end()
        this.mayRun = link.app !== 'no'
        return
      }
    }
    await sending
    await this.checkAfter(client, links[links.length - 1])
  }

  /** Looks at one response. True: the request was accepted, and another may come. */
  private judge(
    link: Expectation,
    method: string,
    response: RawResponse | null,
    broken: boolean,
  ): boolean {
    const status = response?.status ?? null
    const accepted = status !== null && status >= 200 && status < 300
    if (accepted) this.accepted++
    const may =
      (link.outcome === 'either' && accepted) ||
      (link.may_wait === true && (status === 408 || status === null))
    if (!may && !link.status.includes(status)) {
      this.problem(`status ${status} instead of ${link.outcome} ${link.status.join(' or ')}`)
    }
    if (response === null) {
      this.wasted = broken && link.outcome === 'accept' && link.connection === 'close'
      return false
    }
    this.checkInterim(link, response)
    this.refused = !accepted
    if (!accepted) return false
    if (link.outcome === 'reject' || link.outcome === 'wait') return false
    this.checkResponse(link, response)
    if (method !== 'HEAD') this.checkReport(link, JSON.parse(response.body.toString()) as Report)
    return true
  }

  private checkInterim(link: Expectation, response: RawResponse): void {
    const allowed = link.no_interim === true ? [] : (link.interim ?? [])
    for (const status of response.interim) {
      if (!allowed.includes(status)) this.problem(`interim response ${status}`)
    }
    const required = link.interim_required === true && this.delivery.name === 'splits'
    if (required && response.interim.length === 0) this.problem('no interim response')
  }

  private checkResponse(link: Expectation, response: RawResponse): void {
    const wanted = link.response_headers ?? []
    const pairs = Array.isArray(wanted) ? wanted : Object.entries(wanted)
    for (const [name, value] of pairs) {
      const has = response.headers.some(([n, v]) => n === name && v.toLowerCase() === value)
      if (!has) this.problem(`no ${name}: ${value} in the response`)
    }
    if (link.response_body !== undefined && response.body.toString() !== link.response_body) {
      this.problem('another response body')
    }
  }

  private checkReport(link: Expectation, report: Report): void {
    for (const field of REPORTED) {
      const wanted = link[field] as Text | undefined
      if (wanted === undefined) continue
      const text = wanted === 'the socket peer' ? '127.0.0.1' : wanted
      if (!sameText(text, report[field] ?? '')) {
        this.problem(`${field} ${show(report[field])} instead of ${show(text)}`)
      }
    }
    for (const [name, value] of joined(link.headers ?? [])) {
      // Names with an underscore never reach the environ.
      if (name.includes('_')) continue
      const found = report.headers.find(([candidate]) => candidate === name)?.[1]
      if (found === undefined || !sameText(value, found)) {
        this.problem(`field ${name}: ${show(found)} instead of ${show(value)}`)
      }
    }
    for (const name of link.absent_headers ?? []) {
      const found = report.headers.find(([candidate]) => candidate === name.replaceAll('_', '-'))
      // "content_length" is absent when content-length has its own value.
      const own = (link.headers ?? []).some(([other]) => other === name.replaceAll('_', '-'))
      if (found !== undefined && !own) this.problem(`field ${name} reached the application`)
    }
    if (link.trailers !== undefined) expectSame(this, 'trailers', link.trailers, report.trailers)
    this.checkBody(link, Buffer.from(report.body_b64, 'base64'))
  }

  private checkBody(link: Expectation, body: Buffer): void {
    const { body: text, body_b64, body_len, body_sha256 } = link
    const wanted =
      body_b64 === undefined ? text : Buffer.from(body_b64, 'base64').toString('latin1')
    const found = body.toString('latin1')
    if (wanted !== undefined && found !== wanted) {
      this.problem(`body ${show(found)} instead of ${show(wanted)}`)
    }
    if (body_sha256 === undefined || body_len === undefined) return
    if (!sameText({ len: body_len, sha256: body_sha256 }, found)) this.problem('another body')
  }

  /** Does the connection go on, or end, as it should? */
  private async checkAfter(client: RawClient, last: Expectation): Promise<void> {
    if (last.connection === 'close') return client.end()
    if (this.one.after_send === 'shutdown_wr') return client.end()
    await client.send(PROBE)
    const found = await this.untilProbe(client)
    if (last.connection !== 'keep') return
    if (found !== 'probe') this.problem(`the connection is not kept: ${found}`)
  }

  /** Reads on to the answer of the probe: what comes before it was made of left-over bytes. */
  private async untilProbe(client: RawClient): Promise<string> {
    const { max_responses: most = 1, connection } = this.one.expect
    for (;;) {
      const response = await client.responseOrEnd()
      if (response === null) return 'closed'
      if (response.status === 200) {
        const { target } = JSON.parse(response.body.toString()) as Report
        if (target === '/probe') return 'probe'
        if (++this.accepted > most) this.problem(`a body was run as a request: ${target}`)
      }
      if (connection === 'keep') return `a response ${response.status} that nobody asked for`
    }
  }

  /** Did the application see no request but those that were accepted? Asking forgets the port. */
  private async checkRuns(client: RawClient, before: number): Promise<void> {
    const runs = (await this.runs(client)) - before
    if (!this.mayRun && runs > this.accepted) this.problem(`the application ran ${runs} times`)
  }

  private async runs(client?: RawClient): Promise<number> {
    const query = this.byPort && client !== undefined ? `?port=${client.localPort}` : ''
    const request = `GET /-/runs${query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
    return Number((await exchange(this.where, request)).body.toString())
  }
}

function expectSame(to: Conversation, what: string, wanted: unknown, found: unknown): void {
  if (JSON.stringify(wanted) === JSON.stringify(found)) return
  to.problem(`${what} ${show(found)} instead of ${show(wanted)}`)
}

/** Repeated fields as an environ has them (RFC 3875 §4.1.18, rule W10). */
function joined(headers: readonly (readonly [string, Text])[]): Map<string, Text> {
  const map = new Map<string, Text>()
  for (const [name, value] of headers) {
    const before = map.get(name)
    map.set(name, before === undefined ? value : `${before},${value}`)
  }
  return map
}

function firstToken(one: HttpCase): string {
  return bytesOf(one).subarray(0, 80).toString('latin1').trimStart().split(' ')[0]
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}

/** Long enough for the server to see two reads instead of one. */
function shortPause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3))
}

// --- tests ---

describe('http1.json: the server does what the corpus says, however the bytes arrive', () => {
  for (const one of cases) {
    test(`${one.id}: ${one.description}`, () => expect(problems.get(one.id)).toEqual([]))
  }
})
