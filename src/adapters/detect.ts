// Which interface does an exported value have? An explicit choice beats the guess, and a value that
// fits none is explained instead of tried.
import { StartError } from '../errors.js'
import type { GatewayApp } from '../gateway/types.js'

export type InterfaceName = 'gateway'

export interface Detected {
  readonly interface: InterfaceName
  /** Why it was taken for that, in a few words for the log. */
  readonly reason: string
  readonly app: GatewayApp
}

type Properties = Record<string, unknown>

const SIGNATURE = '(environ, startResponse) => body'

/**
 * @param wanted `auto`, or the interface that was asked for
 * @param where the application as the user named it, for messages
 * @throws {StartError} the value is no application
 */
export function detectApp(value: unknown, wanted: 'auto' | InterfaceName, where: string): Detected {
  if (typeof value !== 'function') throw new StartError(`${where} is ${explainValue(value)}`)
  const app = value as GatewayApp
  if (isClass(value)) {
    throw new StartError(`${where} is a class: export a function ${SIGNATURE}, or a bound method`)
  }
  if (wanted === 'gateway') return { interface: 'gateway', reason: 'as asked', app }
  const foreign = foreignFunction(value as unknown as Properties, value.length)
  if (foreign !== null) {
    throw new StartError(
      `${where} looks like ${foreign}: this version runs gateway applications, ${SIGNATURE}; ` +
        'if it is one, say --interface gateway',
    )
  }
  const parameters = value.length === 1 ? '1 parameter' : `${value.length} parameters`
  return { interface: 'gateway', reason: `a function of ${parameters}`, app }
}

/** Calling it throws: that would be a 500 for every request. */
function isClass(value: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value))
}

function explainValue(value: unknown): string {
  if (value === null || value === undefined) return `${value}, not a function ${SIGNATURE}`
  if (typeof value !== 'object') return `a ${typeof value}, not a function ${SIGNATURE}`
  if (has(value as Properties, 'then')) return 'a promise: await it, then export the function'
  const foreign = foreignObject(value as Properties)
  if (foreign !== null) return `${foreign}: this version runs gateway applications, ${SIGNATURE}`
  return `an object, not a function ${SIGNATURE}`
}

/** Functions of the kinds that people have, by what gives them away. */
function foreignFunction(value: Properties, parameters: number): string | null {
  if (has(value, 'handle', 'set')) return 'an Express application'
  if (has(value, 'handle', 'use')) return 'a Connect application'
  if (has(value, 'fetch')) return 'a fetch application'
  return parameters === 3 ? 'a handler (req, res, next)' : null
}

/** The same for objects. */
function foreignObject(value: Properties): string | null {
  if (has(value, 'fetch')) return 'an object with fetch()'
  if (has(value, 'callback', 'use')) return 'a Koa application'
  if (has(value, 'inject', 'route')) return 'a Fastify application'
  return has(value, 'listen', 'close') ? 'a server' : null
}

function has(value: Properties, ...names: readonly string[]): boolean {
  return names.every((name) => typeof value[name] === 'function')
}
