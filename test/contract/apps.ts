// The step language of behaviour.json as a gateway application in JavaScript.
//
// Where the twin differs from Python: "sleep" awaits a timer, so an application or a generator with
// a sleep or a read in it is asynchronous; a wrong type where Python has str for bytes is a number,
// because text is a block in JavaScript; a generator counts its close() in `finally`.
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GatewayInput } from '../../src/gateway/input.js'
import type { Block, Environ, GatewayApp, StartResponse, Write } from '../../src/gateway/types.js'
import type { AppSpec, BlockSpec, ResultSpec, Step } from './corpus.js'

/** What an application has seen and done, for the test to look at. */
export class Observed {
  calls = 0
  closed = 0
  pulledBytes = 0
  readonly environs: Environ[] = []
  readonly kept: Write[] = []
  readonly errors: unknown[] = []
  /** performance.now() of each block that was made. */
  readonly madeAt: number[] = []
  /** What environ was in the last call. */
  lastEnviron: Readonly<Record<string, unknown>> = {}
  readonly sharedHeaders: [string, string][] = []
  readonly called: Promise<void>
  whenCalled: () => void = () => {}

  constructor() {
    this.called = new Promise((resolve) => {
      this.whenCalled = resolve
    })
  }
}

const ASYNC_STEPS: ReadonlySet<string> = new Set(['sleep', 'sleep_if_path', 'input'])
const isStep = (block: BlockSpec): block is Step => Array.isArray(block)
const waits = (steps: readonly unknown[]) =>
  steps.some((step) => Array.isArray(step) && ASYNC_STEPS.has(step[0]))

/** `GET /ok` is answered by any of them: it shows that the server still lives. */
export function makeApp(spec: AppSpec, observed: Observed): GatewayApp {
  const app: GatewayApp = (environ, startResponse) => {
    observed.calls++
    observed.whenCalled()
    if (environ.PATH_INFO === '/ok') {
      startResponse('200 OK', [['Content-Type', 'text/plain']])
      return 'ok'
    }
    observed.lastEnviron = { ...environ }
    const call = new Call(spec, observed, environ, startResponse)
    return spec.js === 'async' || waits(spec.do) ? call.runAsync() : call.run()
  }
  return app
}

/** One call of the application. */
class Call {
  private write: Write = () => {
    throw new Error('write before start')
  }
  private started = false
  private readonly inputs: unknown[] = []
  private readonly spec: AppSpec
  private readonly observed: Observed
  private readonly environ: Environ
  private readonly startResponse: StartResponse

  constructor(spec: AppSpec, observed: Observed, environ: Environ, startResponse: StartResponse) {
    this.spec = spec
    this.observed = observed
    this.environ = environ
    this.startResponse = startResponse
  }

  run(): any {
    for (const step of this.spec.do) this.perform(step)
    return this.result(this.spec.result)
  }

  async runAsync(): Promise<any> {
    for (const step of this.spec.do) await this.perform(step)
    return this.result(this.spec.result)
  }

  private perform([name, ...values]: Step): unknown {
    const { observed, environ } = this
    switch (name) {
      case 'start':
        this.start(values[0], values[1])
        return
      case 'start_exc':
        this.start(values[0], values[1], new Error('caught'))
        return
      case 'start_shared':
        if (observed.sharedHeaders.length === 0) observed.sharedHeaders.push(...values[1])
        this.start(values[0], observed.sharedHeaders)
        return
      case 'env_id':
        observed.environs.push(environ)
        return
      case 'write':
        observed.madeAt.push(performance.now())
        this.write(bytesOf(values[0]))
        return
      case 'write_text':
        this.write(5 as never)
        return
      case 'keep_write':
        observed.kept.push(this.write)
        return
      case 'raise':
        throw new Error(values[0])
      case 'sleep':
        return sleep(values[0])
      case 'sleep_if_path':
        return environ.PATH_INFO === values[0] ? sleep(values[1]) : undefined
      case 'input':
        return this.read(values[0])
      case 'errors':
        return this.say(values[0])
      case 'clear_environ':
        for (const key of Object.keys(environ)) delete environ[key]
        return
      case 'early_hints':
        return environ['wsgi.early_hints']?.(values[0])
      default:
        throw new Error(`no step ${name}`)
    }
  }

  private start(status: string, headers: [string, string][], error?: unknown): void {
    this.started = true
    try {
      this.write = this.startResponse(status, headers, error)
    } catch (thrown) {
      this.observed.errors.push(thrown)
      throw thrown
    }
  }

  private async read(calls: [method: string, ...values: any[]][]): Promise<void> {
    const input: GatewayInput = this.environ['wsgi.input']
    for (const [method, ...values] of calls) {
      if (method === 'iter') {
        const lines: string[] = []
        for await (const line of input) lines.push(line.toString('latin1'))
        this.inputs.push(lines)
        continue
      }
      const got = await (input as any)[method](...values)
      this.inputs.push(
        Array.isArray(got) ? got.map((line) => line.toString('latin1')) : got.toString('latin1'),
      )
    }
  }

  private say(texts: (string | string[])[]): void {
    const stream = this.environ['wsgi.errors']
    for (const text of texts) {
      if (typeof text === 'string') stream.write(text)
      else stream.writelines(text)
    }
    stream.flush()
  }

  // --- results ---

  private result(spec: ResultSpec): unknown {
    const { observed } = this
    const close = () => {
      observed.closed++
      if (spec.close === 'raise') throw new Error('close() raised')
    }
    const withClose = (value: object) =>
      spec.close === undefined ? value : Object.assign(value, { close })
    if (spec.none) return undefined
    if (spec.bytes !== undefined) return bytesOf(spec.bytes)
    if (spec.text_list) return spec.text_list.map(() => 5)
    if (spec.list) return withClose(spec.list.map((block) => bytesOf(block as string)))
    if (spec.gen) return waits(spec.gen) ? this.generateAsync(spec.gen) : this.generate(spec.gen)
    if (spec.iter) return withClose(iterableOf(spec.iter, spec.len))
    if (spec.getitem) return { next: iterableOf(spec.getitem)[Symbol.iterator]().next }
    if (spec.file_wrapper) return this.file(spec)
    if (spec.js !== undefined) return this.ofJavaScript(spec)
    if (!this.started) this.start('200 OK', [['Content-Type', 'application/json']])
    if (spec.report_input) return JSON.stringify(this.inputs)
    if (spec.report_environ) return JSON.stringify(this.environ, plain)
    if (spec.report_path) return this.environ.PATH_INFO
    throw new Error(`no result ${JSON.stringify(spec)}`)
  }

  /** A block, or a step that is done in its place. */
  private block(spec: BlockSpec): Buffer {
    this.observed.madeAt.push(performance.now())
    const bytes = bytesOf(spec as string)
    this.observed.pulledBytes += bytes.length
    return bytes
  }

  private *generate(blocks: readonly BlockSpec[]): Generator<Buffer> {
    try {
      for (const block of blocks) {
        if (isStep(block)) this.perform(block)
        else yield this.block(block)
      }
    } finally {
      this.observed.closed++
    }
  }

  private async *generateAsync(blocks: readonly BlockSpec[]): AsyncGenerator<Buffer> {
    try {
      for (const block of blocks) {
        if (isStep(block)) await this.perform(block)
        else yield this.block(block)
      }
    } finally {
      this.observed.closed++
    }
  }

  private async *generateEndless(bytes: number): AsyncGenerator<Buffer> {
    const block = Buffer.alloc(bytes, 'x')
    try {
      for (;;) {
        this.observed.pulledBytes += bytes
        yield block
      }
    } finally {
      this.observed.closed++
    }
  }

  private ofJavaScript(spec: ResultSpec): unknown {
    switch (spec.js) {
      case 'uint8array':
        return new Uint8Array(Buffer.from(`..${spec.value}..`)).subarray(2, -2)
      case 'array':
        return spec.value.map(bytesOf)
      case 'array_mixed':
        return spec.value.map((one: unknown) => (typeof one === 'string' ? bytesOf(one) : one))
      case 'number':
        return spec.value
      case 'generator':
        return this.generate(spec.value)
      case 'async_generator':
        return this.generateAsync(spec.value)
      case 'async_generator_endless':
        return this.generateEndless(spec.block ?? 65_536)
      case 'webstream':
        return ReadableStream.from(this.generateAsync(spec.value))
      default:
        throw new Error(`no result ${spec.js}`)
    }
  }

  private file(spec: ResultSpec): unknown {
    const FileWrapper = this.environ['wsgi.file_wrapper']
    const size = spec.size ?? 0
    const count = () => this.observed.closed++
    const file =
      spec.file_wrapper === 'file'
        ? realFile(size, spec.seek ?? 0, count)
        : fileLike(size, spec.file_wrapper === 'unseekable', count)
    const wrapped = new FileWrapper(file)
    return spec.via === 'generator' ? passOn(wrapped) : wrapped
  }
}

function bytesOf(spec: Exclude<BlockSpec, Step>): Buffer {
  return typeof spec === 'string'
    ? Buffer.from(spec, 'latin1')
    : Buffer.alloc(spec.n, spec.repeat, 'latin1')
}

function iterableOf(blocks: readonly BlockSpec[], length?: number) {
  const left = blocks.map((block) => bytesOf(block as string))
  const iterable = {
    [Symbol.iterator]: () => ({
      next: (): IteratorResult<Buffer> => {
        const value = left.shift()
        return value === undefined ? { done: true, value } : { done: false, value }
      },
    }),
  }
  return length === undefined ? iterable : Object.assign(iterable, { length })
}

async function* passOn(blocks: AsyncIterable<Block>): AsyncGenerator<Block> {
  for await (const block of blocks) yield block
}

function realFile(size: number, seek: number, count: () => void) {
  const folder = mkdtempSync(join(tmpdir(), 'postern-file-'))
  const path = join(folder, 'file')
  writeFileSync(path, 'x'.repeat(size))
  const fd = openSync(path, 'r')
  rmSync(folder, { recursive: true })
  if (seek > 0) readSync(fd, Buffer.alloc(seek), 0, seek, null)
  return {
    fd,
    close() {
      count()
      closeSync(fd)
    },
  }
}

/** `raw`: asynchronous, and it gives less than it is asked for. */
function fileLike(size: number, raw: boolean, count: () => void) {
  let left = size
  const next = (wanted: number) => {
    const part = Math.min(wanted, left, raw ? 1000 : wanted)
    left -= part
    return Buffer.alloc(part, 'x')
  }
  return { read: raw ? async (n: number) => next(n) : next, close: count }
}

/** environ in JSON: tuples marked, everything that is no plain value left out. */
function plain(key: string, value: unknown): unknown {
  if (key === 'wsgi.version') return { tuple: value }
  const keep =
    key === '' ||
    typeof value !== 'object' ||
    value === null ||
    Array.isArray(value) ||
    'tuple' in value
  return keep ? value : undefined
}
