// Status and headers of an application: checked, stripped of what is not the application's, and
// serialised once. Applications use few different heads, so the last ones are remembered and a
// request that repeats one costs comparisons instead of validation.
//
// The native encoder checks the bytes once more; this file gives the error a name and a stack.
import { STATUS_CODES } from 'node:http'
import { GatewayError } from '../errors.js'
import { HEAD_HAS_DATE, HEAD_HAS_SERVER, HEAD_NO_BODY, HEAD_NO_LENGTH } from '../native/layout.js'
import { nameOf } from './blocks.js'
import type { HeaderPair } from './types.js'

const TOKEN_RE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE_RE = /^[\t\x20-\x7e\x80-\xff]*$/
const STATUS_RE = /^[1-9]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?$/
const LENGTH_RE = /^\d{1,15}$/

/**
 * Characters of status and fields together. Front servers take far less (nginx: 4 to 8 KiB), and
 * the engine encodes a head in one piece of memory.
 */
const MAX_HEAD_CHARS = 64 * 1024

/** RFC 9110 §7.6.1, and what RFC 2616 §13.5.1 listed: they belong to the server. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
])

/** A validated head. Content-Length is not part of it: it differs where the rest repeats. */
export interface Head {
  /** "200 OK" */
  readonly status: string
  readonly code: number
  /** "name: value CRLF" for each field that is sent as the application gave it. */
  readonly lines: string
  /** HEAD_* of the shared layout. */
  readonly flags: number
  /** Number that the native side has given to it; -1: none yet, -2: it gets none. */
  id: number
  /** How often it was found again. */
  uses: number
}

/** What `HeadCache.get` found in the headers besides the head. */
export interface HeadFacts {
  /** -1: the application gave none. */
  contentLength: number
}

interface Entry {
  readonly head: Head
  readonly status: string
  /** Name, value, name, value …; the value of Content-Length is null. */
  readonly parts: (string | null)[]
}

function badHeader(message: string): GatewayError {
  return new GatewayError('ERR_BAD_HEADER', message)
}

/** Makes a control character visible, so that an error message cannot forge a log line. */
function show(value: unknown): string {
  let text: string
  try {
    text = JSON.stringify(value) ?? String(value)
  } catch {
    text = nameOf(value) // a BigInt, a circle, a Proxy
  }
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

function parseLength(value: unknown): number {
  if (typeof value === 'number') throw badValue('Content-Length', value)
  if (typeof value !== 'string' || !LENGTH_RE.test(value)) {
    throw badHeader(`Content-Length ${show(value)} is not a number of bytes`)
  }
  return Number(value)
}

function badValue(name: string, value: unknown): GatewayError {
  const advice = typeof value === 'number' ? ': pass String(value)' : ''
  return badHeader(
    `the value of ${name} is ${show(value)}, not text of latin-1 characters without CR, LF and NUL${advice}`,
  )
}

/** What people have in their hands is most often one call away from what is wanted. */
function badList(headers: unknown): GatewayError {
  let advice = ''
  if (headers === undefined) advice = ': pass [] for none'
  else if (headers !== null && typeof headers === 'object') {
    advice = Symbol.iterator in headers ? ': pass [...headers]' : ': pass Object.entries(headers)'
  }
  return badHeader(`headers are an array of pairs [name, value], not ${nameOf(headers)}${advice}`)
}

function checkPair(pair: unknown): asserts pair is HeaderPair {
  if (!Array.isArray(pair) || pair.length !== 2) {
    throw badHeader(`a header is ${show(pair)} instead of a pair [name, value]`)
  }
  const [name, value] = pair
  if (typeof name !== 'string' || !TOKEN_RE.test(name)) {
    throw badHeader(`${show(name)} is not a header name`)
  }
  if (typeof value !== 'string' || !VALUE_RE.test(value)) throw badValue(name, value)
}

/** The number of a status that a response may end with, RFC 9110 §15. */
function parseStatus(status: unknown): number {
  if (typeof status !== 'string' || !STATUS_RE.test(status)) {
    throw new GatewayError('ERR_BAD_STATUS', `${show(status)} is not a status like "200 OK"`)
  }
  const code = Number(status.slice(0, 3))
  if (code < 200) {
    throw new GatewayError('ERR_BAD_STATUS', `${code} is interim and cannot end a response`)
  }
  return code
}

export class HeadCache {
  readonly #entries: Entry[] = []
  readonly #capacity = 16
  readonly #onDropped: (name: string) => void
  readonly #told: Set<string> = new Set()
  #next = 0

  /** @param onDropped told once for each hop-by-hop name that an application sets */
  constructor(onDropped: (name: string) => void = () => {}) {
    this.#onDropped = onDropped
  }

  /**
   * The head for these headers; `facts` gets the rest.
   *
   * @throws {GatewayError} `ERR_BAD_STATUS`, `ERR_BAD_HEADER`
   */
  get(status: string, headers: readonly HeaderPair[], facts: HeadFacts): Head {
    const entries = this.#entries
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]
      if (entry.status === status && matches(entry.parts, headers, facts)) {
        entry.head.uses++
        return entry.head
      }
    }
    return this.#add(status, headers, facts)
  }

  #add(status: string, headers: readonly HeaderPair[], facts: HeadFacts): Head {
    const code = parseStatus(status)
    if (!Array.isArray(headers)) throw badList(headers)
    const parts: (string | null)[] = []
    let lines = ''
    let flags = 0
    let contentLength = -1
    for (const pair of headers) {
      checkPair(pair)
      const [name, value] = pair
      const lower = name.toLowerCase()
      parts.push(name, lower === 'content-length' ? null : value)
      if (lower === 'content-length') {
        if (contentLength >= 0) throw badHeader('Content-Length twice')
        contentLength = parseLength(value)
      } else if (HOP_BY_HOP.has(lower)) {
        this.#tell(lower)
      } else {
        if (lower === 'date') flags |= HEAD_HAS_DATE
        if (lower === 'server') flags |= HEAD_HAS_SERVER
        lines += `${name}: ${value}\r\n`
      }
    }
    if (status.length + lines.length > MAX_HEAD_CHARS) {
      throw badHeader(
        `status and headers have ${status.length + lines.length} characters: at most ${MAX_HEAD_CHARS}`,
      )
    }
    if (code === 204 || code === 304) flags |= HEAD_NO_BODY
    if (code === 204) flags |= HEAD_NO_LENGTH
    facts.contentLength = contentLength
    const text = status.length === 3 ? `${status} ${STATUS_CODES[code] ?? ''}` : status
    const head: Head = { status: text, code, lines, flags, id: -1, uses: 0 }
    this.#entries[this.#next] = { head, status, parts }
    this.#next = (this.#next + 1) % this.#capacity
    return head
  }

  #tell(name: string): void {
    if (this.#told.has(name)) return
    this.#told.add(name)
    this.#onDropped(name)
  }
}

/** True when the headers are those of an earlier call, whatever their Content-Length. */
function matches(
  parts: (string | null)[],
  headers: readonly HeaderPair[],
  facts: HeadFacts,
): boolean {
  if (!Array.isArray(headers) || headers.length * 2 !== parts.length) return false
  let length: unknown
  let has = false
  for (let i = 0, p = 0; i < headers.length; i++, p += 2) {
    const pair = headers[i]
    if (!Array.isArray(pair) || pair.length !== 2 || pair[0] !== parts[p]) return false
    const value = parts[p + 1]
    if (value === null) {
      length = pair[1]
      has = true
    } else if (pair[1] !== value) {
      return false
    }
  }
  facts.contentLength = has ? parseLength(length) : -1
  return true
}
