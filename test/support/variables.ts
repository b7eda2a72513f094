// Variables of a request in hand-made memory, as the engine lays them out.
import {
  EnvironFactory,
  type LatinBuffer,
  type ListenerFacts,
  type Peer,
  type ServerFacts,
} from '../../src/gateway/environ.js'
import { GatewayInput } from '../../src/gateway/input.js'
import type { Environ } from '../../src/gateway/types.js'
import * as L from '../../src/native/layout.js'

export const FACTS: ServerFacts = {
  software: 'postern/test',
  errors: { write() {}, writelines() {}, flush() {} },
  multithread: false,
  multiprocess: true,
  fileWrapper: class FileWrapper {},
}
export const LISTENER: ListenerFacts = { serverName: 'server.test', serverPort: '8000' }
export const PEER: Peer = { address: '192.0.2.1', port: '4711' }

export interface Variable {
  readonly name: string
  readonly value: string
  /** The name has a number; a request with names that have none has no shape. */
  readonly keyed?: boolean
  /** The value has a number: it was interned. */
  readonly interned?: boolean
}

/** The engine's side of the shared memory, for one factory. */
export class VariableWriter {
  readonly factory: EnvironFactory
  private readonly inbox = Buffer.alloc(64 * 1024) as unknown as LatinBuffer
  private readonly vars = new Int32Array(1000 * L.VAR_INTS)
  private readonly keyNumbers = new Map<string, number>()
  private readonly stringNumbers = new Map<string, number>()
  private readonly shapeNumbers = new Map<string, number>()
  private used = 0

  constructor(knownKeys: readonly string[] = []) {
    this.factory = new EnvironFactory({ inbox: this.inbox, vars: this.vars }, FACTS, knownKeys)
    knownKeys.forEach((name, number) => {
      this.keyNumbers.set(name, number)
    })
  }

  /** The environ of a request with these variables. */
  environ(variables: readonly Variable[], scheme: 'http' | 'https' = 'http'): Environ {
    this.used = 0
    const first = 3
    variables.forEach((variable, i) => {
      this.writeVariable((first + i) * L.VAR_INTS, variable)
    })
    const shape = this.shapeOf(variables, first)
    const environ = this.factory.make(
      shape,
      first * L.VAR_INTS,
      variables.length,
      LISTENER,
      PEER,
      scheme,
      new GatewayInput({ readBody: () => null }),
    )
    // The next round overwrites the memory: nothing in an environ may still point there.
    ;(this.inbox as Buffer).fill(0)
    this.vars.fill(-1)
    return environ
  }

  private writeVariable(
    at: number,
    { name, value, keyed = true, interned = false }: Variable,
  ): void {
    this.vars[at + L.VAR_KEY] = keyed ? this.keyOf(name) : -1
    this.vars[at + L.VAR_VALUE] = interned ? this.stringOf(value) : -1
    ;[this.vars[at + L.VAR_OFFSET], this.vars[at + L.VAR_BYTES]] = this.put(value)
    ;[this.vars[at + L.VAR_NAME], this.vars[at + L.VAR_NAME_BYTES]] = this.put(name)
  }

  private put(text: string): [offset: number, bytes: number] {
    const offset = this.used
    this.used += (this.inbox as Buffer).write(text, offset, 'latin1')
    return [offset, text.length]
  }

  private keyOf(name: string): number {
    return numberOf(this.keyNumbers, name, (number) =>
      this.factory.addKey(number, ...this.put(name)),
    )
  }

  private stringOf(value: string): number {
    return numberOf(this.stringNumbers, value, (number) =>
      this.factory.addString(number, ...this.put(value)),
    )
  }

  private shapeOf(variables: readonly Variable[], first: number): number {
    if (variables.some(({ keyed = true }) => !keyed)) return -1
    const names = JSON.stringify(variables.map(({ name }) => name))
    return numberOf(this.shapeNumbers, names, (number) =>
      this.factory.addShape(number, first, variables.length),
    )
  }
}

function numberOf(
  numbers: Map<string, number>,
  text: string,
  add: (number: number) => void,
): number {
  const known = numbers.get(text)
  if (known !== undefined) return known
  numbers.set(text, numbers.size)
  add(numbers.size - 1)
  return numbers.size - 1
}
