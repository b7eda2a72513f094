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

/**
 * @param wanted `auto`, or the interface that was asked for
 * @param where the application as the user named it, for messages
 * @throws {StartError} the value is no application
 */
export function detectApp(value: unknown, wanted: 'auto' | InterfaceName, where: string): Detected {
  if (typeof value !== 'function') throw notCallable(value, where)
  const app = value as GatewayApp
  if (wanted === 'gateway') return { interface: 'gateway', reason: 'as asked', app }
  const foreign = foreignInterface(value)
  if (foreign !== null) {
    throw new StartError(
      `${where} looks like ${foreign}: this version runs gateway applications, ` +
        '(environ, startResponse) => body; if it is one, say --interface gateway',
    )
  }
  const parameters = value.length === 1 ? '1 parameter' : `${value.length} parameters`
  return { interface: 'gateway', reason: `a function of ${parameters}`, app }
}

function notCallable(value: unknown, where: string): StartError {
  const fetch = value !== null && typeof value === 'object' && 'fetch' in value
  const kind = fetch
    ? 'an object with fetch(): this version runs gateway applications only'
    : `${value === null ? 'null' : typeof value}, not a function (environ, startResponse) => body`
  return new StartError(`${where} is ${kind}`)
}

/** Applications of the kinds that people have, by what gives them away. */
function foreignInterface(value: object): string | null {
  const properties = value as Record<string, unknown>
  if (typeof properties.handle === 'function' && typeof properties.set === 'function') {
    return 'an Express application'
  }
  if (typeof properties.fetch === 'function') return 'a fetch application'
  if ((value as { length: number }).length === 3) return 'a handler (req, res, next)'
  return null
}
