// The counterpart of wsgiref.validate: put it around an application during development, and what
// either side does against the gateway interface becomes an error that says which rule.
//
// It checks, it repairs nothing, and it is not free: leave it out in production.
import { isBytes } from './blocks.js'
import { HOP_BY_HOP } from './headers.js'
import { closerOf, iteratorOf } from './results.js'
import type {
  Block,
  Environ,
  GatewayApp,
  HeaderPair,
  ResponseBody,
  StartResponse,
  Write,
} from './types.js'
import { check, checkEnviron, checkedErrors, checkedInput, kindOf } from './validate-environ.js'

const STATUS_RE = /^[1-9]\d\d [\t\x20-\x7e\x80-\xff]*$/
const NAME_RE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE_RE = /^[\t\x20-\x7e\x80-\xff]*$/
const BODYLESS: ReadonlySet<string> = new Set(['204', '304'])

/**
 * Wraps an application. The wrapper is an application too, so it can stand between any two layers
 * of middleware.
 *
 * @throws {GatewayError} `ERR_VALIDATE` from the call, or from startResponse, write, wsgi.input or
 *   the iterator, whichever broke a rule
 */
export function validate(app: GatewayApp): GatewayApp {
  check(typeof app === 'function', `an application is a function, not ${kindOf(app)}`)
  return function validated(environ: Environ, startResponse: StartResponse) {
    // biome-ignore lint/complexity/noArguments: the number of arguments is what is checked
    check(arguments.length === 2, 'an application is called with two arguments')
    checkEnviron(environ)
    check(typeof startResponse === 'function', 'startResponse is a function')
    const call = new Call(startResponse)
    environ['wsgi.input'] = checkedInput(environ['wsgi.input'])
    environ['wsgi.errors'] = checkedErrors(environ['wsgi.errors'])
    const result = app(environ, (...values) => call.startResponse(values))
    return isPromise(result) ? result.then((body) => call.body(body)) : call.body(result)
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return value !== null && typeof value === 'object' && 'then' in value
}

/** One call of the application, and what it has done so far. */
class Call {
  private readonly startOuter: StartResponse
  private started = false

  constructor(startResponse: StartResponse) {
    this.startOuter = startResponse
  }

  startResponse(values: readonly unknown[]): Write {
    check(values.length === 2 || values.length === 3, 'startResponse takes two or three arguments')
    const [status, headers, error] = values
    check(
      typeof status === 'string' && STATUS_RE.test(status),
      `a status is "NNN reason", not ${JSON.stringify(status)}`,
    )
    checkHeaders(headers, status)
    check(
      error === undefined || error === null || error instanceof Error,
      `the third argument of startResponse is an Error, not ${kindOf(error)}`,
    )
    check(!this.started || error instanceof Error, 'startResponse twice without an error')
    const write = this.startOuter(status, headers, error)
    this.started = true
    check(typeof write === 'function', 'startResponse returns write')
    return (...blocks: [Block]) => {
      check(blocks.length === 1, 'write takes one argument')
      checkBlock(blocks[0], 'write')
      return write(blocks[0])
    }
  }

  body(body: ResponseBody): ResponseBody {
    if (typeof body === 'string' || isBytes(body)) {
      check(this.started, 'a body without startResponse')
      return body
    }
    check(
      body !== null && typeof body === 'object',
      `an application returns text, bytes or an iterable, not ${kindOf(body)}`,
    )
    if ('file' in body && 'blockSize' in body) {
      check(this.started, 'a file without startResponse')
      return body
    }
    const async = Symbol.asyncIterator in body
    check(
      async || Symbol.iterator in body || 'next' in body,
      'an application returns something iterable',
    )
    return async ? this.wrapAsync(body as AsyncIterable<Block>) : this.wrapSync(body)
  }

  private wrapSync(body: ResponseBody): Iterable<Block> {
    const iterable = body as Iterable<Block> | Iterator<Block>
    const iterator = Symbol.iterator in iterable ? iterable[Symbol.iterator]() : iterable
    const guard = new Guard(body, iterator)
    return guard.face({
      next: () => this.checkStep(guard.next() as IteratorResult<Block>, guard),
      [Symbol.iterator]() {
        return this as unknown as Iterator<Block>
      },
    })
  }

  private wrapAsync(body: AsyncIterable<Block>): AsyncIterable<Block> {
    const guard = new Guard(body, iteratorOf(body))
    return guard.face({
      next: async () => this.checkStep(await guard.next(), guard),
      [Symbol.asyncIterator]() {
        return this as unknown as AsyncIterator<Block>
      },
    })
  }

  private checkStep(step: IteratorResult<Block>, guard: Guard): IteratorResult<Block> {
    check(step !== null && typeof step === 'object', 'next() returns an object')
    if (step.done === true) {
      guard.ended = true
    } else {
      check(this.started, 'a block before startResponse')
      checkBlock(step.value, 'the result')
    }
    return step
  }
}

/** The server's duties to a result: not to ask behind the end, and to close it once. */
class Guard {
  ended = false
  private closed = false
  private readonly body: unknown
  private readonly iterator: { next(): unknown; return?(): unknown }

  constructor(body: unknown, iterator: unknown) {
    this.body = body
    this.iterator = iterator as { next(): unknown; return?(): unknown }
  }

  next(): IteratorResult<Block> | Promise<IteratorResult<Block>> {
    check(!this.closed, 'the server reads a result that it has closed')
    check(!this.ended, 'the server reads behind the end of a result')
    return this.iterator.next() as IteratorResult<Block>
  }

  /** Adds return() and close() to the iterator that the server gets. */
  face<T extends object>(iterator: T): T {
    const close = () => this.close()
    const token = {}
    const face = Object.assign(iterator, {
      return: () => close(),
      close: () => {
        unclosed.unregister(token)
      },
    })
    unclosed.register(face, 'a gateway result was never closed', token)
    return face
  }

  private close(): unknown {
    check(!this.closed, 'the server closes a result twice')
    this.closed = true
    const outcome = this.iterator.return?.()
    const body = this.body as Record<string, (() => unknown) | undefined>
    body[closerOf(body)]?.()
    return outcome ?? { done: true, value: undefined }
  }
}

const unclosed = new FinalizationRegistry((message: string) => {
  process.emitWarning(message, { code: 'POSTERN_VALIDATE' })
})

function checkBlock(block: unknown, where: string): void {
  check(
    typeof block === 'string' || isBytes(block),
    `a block of ${where} is text or bytes, not ${kindOf(block)}`,
  )
}

function checkHeaders(headers: unknown, status: string): asserts headers is HeaderPair[] {
  check(Array.isArray(headers), `headers is an array of pairs, not ${kindOf(headers)}`)
  let typed = false
  for (const pair of headers) {
    check(Array.isArray(pair) && pair.length === 2, 'a header is a pair [name, value]')
    const [name, value] = pair
    check(
      typeof name === 'string' && NAME_RE.test(name),
      `a header name is a token, not ${JSON.stringify(name)}`,
    )
    check(!/[-_]$/.test(name), `the header name ${name} ends with "-" or "_"`)
    check(
      typeof value === 'string' && VALUE_RE.test(value),
      `the value of ${name} is latin-1 text without control characters`,
    )
    const lower = name.toLowerCase()
    check(lower !== 'status', 'the status is the first argument, not a header')
    check(!HOP_BY_HOP.has(lower), `${name} is a hop-by-hop header: it is the server's`)
    typed ||= lower === 'content-type'
  }
  const bodyless = BODYLESS.has(status.slice(0, 3))
  check(typed || bodyless || headers.length === 0, 'a response with a body has a Content-Type')
  check(!typed || !bodyless, `a Content-Type with status ${status.slice(0, 3)}, which has no body`)
}
