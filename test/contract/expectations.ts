// What a case expects of one response, checked one by one.
import { expect } from 'vitest'
import type { Expectation } from './corpus.js'
import { type Response, valuesOf } from './response.js'

/** Keys of `expect` that `checkResponse` looks at; the suite looks at the others. */
export function checkResponse(response: Response | null, wanted: Expectation): void {
  if (wanted.status) expect(wanted.status, 'status').toContain(response?.status ?? null)
  if (response === null) return
  checkBody(response, wanted)
  checkHeaders(response, wanted)
  const interim = response.interim.map((head) => head.status)
  if (wanted.no_interim) expect(interim, 'interim responses').toEqual([])
  if (wanted.interim) expect(interim, 'interim responses').toEqual(wanted.interim)
  else
    expect(wanted.interim_optional ?? [], 'interim responses').toEqual(
      expect.arrayContaining(interim),
    )
  if (wanted.framing && response.status === 200) {
    expect(wanted.framing, 'framing').toContain(response.framing)
  }
  if (wanted.complete != null) expect(response.complete, 'complete').toBe(wanted.complete)
}

function checkBody(response: Response, wanted: Expectation): void {
  const body = response.body.toString('latin1')
  if (wanted.body !== undefined) expect(body, 'body').toBe(wanted.body)
  // null among them: an error page of the server is right too.
  const page = response.status === 500 && wanted.body_in?.includes(null) === true
  if (wanted.body_in && !page) expect(wanted.body_in, 'body').toContain(body)
  if (wanted.body_not !== undefined) expect(body, 'body').not.toContain(wanted.body_not)
  if (wanted.body_len !== undefined) expect(body.length, 'bytes of the body').toBe(wanted.body_len)
  if (wanted.input) expect(JSON.parse(body), 'results of wsgi.input').toEqual(wanted.input)
  if (wanted.environ) checkEnviron(JSON.parse(response.body.toString('utf8')), wanted.environ)
}

function checkHeaders(response: Response, wanted: Expectation): void {
  for (const [name, value] of Object.entries(wanted.headers ?? {})) {
    expect(valuesOf(response, name), name).toEqual([value])
  }
  for (const [name, value] of Object.entries(wanted.headers_b64 ?? {})) {
    expect(valuesOf(response, name), name).toEqual([
      Buffer.from(value, 'base64').toString('latin1'),
    ])
  }
  for (const [name, values] of Object.entries(wanted.header_lists ?? {})) {
    expect(valuesOf(response, name), name).toEqual(values)
  }
  for (const [name, value] of Object.entries(wanted.header_not ?? {})) {
    expect(valuesOf(response, name), name).not.toContain(value)
  }
  for (const name of wanted.absent_headers ?? []) expect(valuesOf(response, name), name).toEqual([])
  for (const name of wanted.present_headers ?? []) {
    expect(valuesOf(response, name), name).toHaveLength(1)
  }
  for (const [name, count] of Object.entries(wanted.max_header_count ?? {})) {
    expect(valuesOf(response, name).length, name).toBeLessThanOrEqual(count)
  }
}

function checkEnviron(environ: Record<string, unknown>, wanted: Record<string, any>): void {
  for (const [key, value] of Object.entries(wanted)) {
    const got = environ[key]
    if (value === null) expect(got, key).toBeUndefined()
    else if (typeof value !== 'object' || value.tuple) expect(got, key).toEqual(value)
    else if (value.nonempty) expect(got, key).toMatch(/./)
    else if (value.digits) expect(got, key).toMatch(/^\d+$/)
    else if (value.bool) expect(got, key).toBeTypeOf('boolean')
    else if (value.in) expect(value.in, key).toContain(got)
    else throw new Error(`the suite does not know ${JSON.stringify(value)}`)
  }
}
