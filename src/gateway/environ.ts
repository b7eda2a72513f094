// The environ of a request, made from numbered variables in shared memory.
//
// A plain object with own, enumerable data properties, made by a constructor that is compiled once
// for each sequence of variable names (a "shape"): no proxies, no getters, nothing that an
// application could tell from an object literal. Its prototype is an empty frozen object, so that
// "toString" in environ is false (rule J02).
import {
  VAR_BYTES,
  VAR_INTS,
  VAR_KEY,
  VAR_NAME,
  VAR_NAME_BYTES,
  VAR_OFFSET,
  VAR_VALUE,
} from '../native/layout.js'
import type { GatewayInput } from './input.js'
import type { Environ, ErrorStream } from './types.js'

/** What is the same for every request of a listener. */
export interface ListenerFacts {
  readonly serverName: string
  readonly serverPort: string
}

/** What is the same for every request of a server. */
export interface ServerFacts {
  readonly software: string
  readonly errors: ErrorStream
  readonly multithread: boolean
  readonly multiprocess: boolean
  readonly fileWrapper: unknown
}

/** The client of a connection; both are '' for a unix socket. */
export interface Peer {
  readonly address: string
  readonly port: string
}

/** Node's Buffer with the method that its types leave out: latin-1 text without an options lookup. */
export interface LatinBuffer extends Buffer {
  latin1Slice(start: number, end: number): string
}

/** The shared memory that variables are read from. */
export interface VariableMemory {
  readonly inbox: LatinBuffer
  readonly vars: Int32Array
}

type Scheme = 'http' | 'https'
type Shape = new (
  at: number,
  listener: ListenerFacts,
  peer: Peer,
  scheme: Scheme,
  input: GatewayInput,
) => Environ

const PROTOTYPE: object = Object.freeze(Object.create(null))
const Bare = function Environ() {} as unknown as new () => Environ
Bare.prototype = PROTOTYPE
const VERSION: readonly [1, 0] = Object.freeze([1, 0] as [1, 0])

/** Keys that the server adds unless the request has them, each with the expression for it. */
const DEFAULTS: readonly (readonly [key: string, expression: string])[] = [
  ['SCRIPT_NAME', '""'],
  ['SERVER_NAME', 'listener.serverName'],
  ['SERVER_PORT', 'listener.serverPort'],
  ['REMOTE_ADDR', 'peer.address'],
  ['REMOTE_PORT', 'peer.port'],
  ['SERVER_SOFTWARE', 'facts.software'],
  ['GATEWAY_INTERFACE', '"CGI/1.1"'],
  ['wsgi.version', 'VERSION'],
  ['wsgi.url_scheme', 'scheme'],
  ['wsgi.input', 'input'],
  ['wsgi.errors', 'facts.errors'],
  ['wsgi.multithread', 'facts.multithread'],
  ['wsgi.multiprocess', 'facts.multiprocess'],
  ['wsgi.run_once', 'false'],
  ['wsgi.input_terminated', 'true'],
  ['wsgi.file_wrapper', 'facts.fileWrapper'],
]

export class EnvironFactory {
  private readonly memory: VariableMemory
  private readonly facts: ServerFacts
  private readonly strings: string[]
  private readonly keys: string[]
  private readonly shapes: Shape[] = []

  constructor(memory: VariableMemory, facts: ServerFacts, keyNames: readonly string[]) {
    this.memory = memory
    this.facts = facts
    this.keys = [...keyNames]
    this.strings = new Array(4096).fill('')
  }

  // --- news: numbers that have just been given ---

  addString(number: number, offset: number, bytes: number): void {
    this.strings[number] = this.text(offset, bytes)
  }

  addKey(number: number, offset: number, bytes: number): void {
    this.keys[number] = this.text(offset, bytes)
  }

  /** `first`: number of the first variable of a request with that sequence of keys. */
  addShape(number: number, first: number, count: number): void {
    const { vars } = this.memory
    const names: string[] = []
    for (let i = 0; i < count; i++) names.push(this.keys[vars[(first + i) * VAR_INTS + VAR_KEY]])
    this.shapes[number] = compileShape(names, this)
  }

  /**
   * @param shape number of the sequence of keys, -1: none
   * @param at index of the first variable in `vars`
   */
  make(
    shape: number,
    at: number,
    count: number,
    listener: ListenerFacts,
    peer: Peer,
    scheme: Scheme,
    input: GatewayInput,
  ): Environ {
    if (shape >= 0) return new this.shapes[shape](at, listener, peer, scheme, input)
    return this.makeByName(at, count, listener, peer, scheme, input)
  }

  /** The value of the variable at index `at` of `vars`. */
  value(at: number): string {
    const { vars } = this.memory
    const number = vars[at + VAR_VALUE]
    if (number >= 0) return this.strings[number]
    return this.text(vars[at + VAR_OFFSET], vars[at + VAR_BYTES])
  }

  text(offset: number, bytes: number): string {
    return this.memory.inbox.latin1Slice(offset, offset + bytes)
  }

  /** For names that have no number: rare, or too many of them. The order of keys is that of shapes. */
  private makeByName(
    at: number,
    count: number,
    listener: ListenerFacts,
    peer: Peer,
    scheme: Scheme,
    input: GatewayInput,
  ): Environ {
    const { vars } = this.memory
    const environ = new Bare()
    for (let i = 0; i < count; i++, at += VAR_INTS) {
      const key = vars[at + VAR_KEY]
      const name =
        key >= 0 ? this.keys[key] : this.text(vars[at + VAR_NAME], vars[at + VAR_NAME_BYTES])
      environ[name] = this.value(at)
    }
    if (environ.REQUEST_URI !== undefined) environ.RAW_URI ??= environ.REQUEST_URI
    const added = new this.noVariables(0, listener, peer, scheme, input)
    for (const [key] of DEFAULTS) if (!Object.hasOwn(environ, key)) environ[key] = added[key]
    return environ
  }

  private get noVariables(): Shape {
    const shape = compileShape([], this)
    Object.defineProperty(this, 'noVariables', { value: shape })
    return shape
  }

  /** What compiled shapes refer to. */
  scope(): [Int32Array, string[], (at: number) => string, ServerFacts, typeof VERSION] {
    return [this.memory.vars, this.strings, (at) => this.value(at), this.facts, VERSION]
  }
}

/**
 * A constructor with one assignment for each key. The names come from clients: they are quoted by
 * JSON, and the parsers let only tokens and printable variable names through.
 */
function compileShape(names: readonly string[], factory: EnvironFactory): Shape {
  const lines = names.map((name, i) => {
    const at = i * VAR_INTS
    const fast = `(n = vars[at + ${at + VAR_VALUE}]) >= 0 ? strings[n] : value(at + ${at})`
    return `this[${JSON.stringify(name)}] = ${fast}`
  })
  if (names.includes('REQUEST_URI') && !names.includes('RAW_URI')) {
    lines.push('this.RAW_URI = this.REQUEST_URI')
  }
  for (const [key, expression] of DEFAULTS) {
    if (!names.includes(key)) lines.push(`this[${JSON.stringify(key)}] = ${expression}`)
  }
  const parameters = 'at, listener, peer, scheme, input'
  const body = `return function Environ(${parameters}) { let n = 0; ${lines.join(';\n')} }`
  const compile = generate(body)
  const shape = compile === null ? interpretShape(names, factory) : compile(...factory.scope())
  shape.prototype = PROTOTYPE
  return shape
}

/** null: this process may not make code of text (--disallow-code-generation-from-strings). */
function generate(body: string): ((...scope: ReturnType<EnvironFactory['scope']>) => Shape) | null {
  try {
    return new Function('vars', 'strings', 'value', 'facts', 'VERSION', body) as () => Shape
  } catch (error) {
    if (error instanceof EvalError) return null
    throw error
  }
}

/** What `compileShape` makes, as a loop: slower, and the same environ. */
function interpretShape(names: readonly string[], factory: EnvironFactory): Shape {
  const [, , value, facts] = factory.scope()
  const added = DEFAULTS.filter(([key]) => !names.includes(key))
  const addRawUri = names.includes('REQUEST_URI') && !names.includes('RAW_URI')
  function Environ(this: Environ, ...values: ConstructorParameters<Shape>): void {
    const [at, listener, peer, scheme, input] = values
    for (let i = 0; i < names.length; i++) this[names[i]] = value(at + i * VAR_INTS)
    if (addRawUri) this.RAW_URI = this.REQUEST_URI
    const scope = { listener, peer, scheme, input, facts, VERSION }
    for (const [key, expression] of added) this[key] = evaluate(expression, scope)
  }
  return Environ as unknown as Shape
}

/** The value of an expression in `DEFAULTS`: a name, a property of a name, or JSON. */
function evaluate(expression: string, scope: object): unknown {
  const [name, property] = expression.split('.')
  const known = scope as Record<string, Record<string, unknown>>
  if (!Object.hasOwn(known, name)) return JSON.parse(expression)
  return property === undefined ? known[name] : known[name][property]
}
