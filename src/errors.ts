// The errors that Postern throws, each with a code that programs can test and, where there is one,
// the HTTP status or the exit code that belongs to it. One table of exit codes; no other file may
// invent one.

import { inspect } from 'node:util'

/**
 * Exit codes of every Postern process: an emperor retries 111 and leaves 100 alone. 1 is Node's own,
 * for an exception that nobody caught.
 */
export const EXIT: {
  readonly OK: 0
  readonly CRASHED: 1
  readonly PERMANENT: 100
  readonly TEMPORARY: 111
} = {
  OK: 0,
  CRASHED: 1,
  PERMANENT: 100,
  TEMPORARY: 111,
}

/**
 * Something that an application or a client did against the gateway interface.
 *
 * `status` is the response that fits when nothing was sent yet; 4xx means that the client is to
 * blame, and such an error is not logged as one of the application.
 */
export class GatewayError extends Error {
  override name = 'GatewayError'
  readonly code: string
  readonly status: number

  constructor(code: string, message: string, status = 500) {
    super(message)
    this.code = code
    this.status = status
  }
}

/** A start that cannot succeed: what to say in one line, and how the process exits. */
export class StartError extends Error {
  override name = 'StartError'
  readonly exitCode: number

  constructor(message: string, exitCode: number = EXIT.PERMANENT, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** An option that is unknown, malformed or contradicts another. */
export class ConfigError extends StartError {
  override name = 'ConfigError'
}

const MAX_CAUSES = 8

/**
 * An error for people: its stack, then those of its causes. Anything can be thrown, a Proxy or an
 * object that is its own cause too; this function does not throw.
 */
export function describeError(error: unknown): string {
  try {
    const parts: string[] = []
    for (let at = error; parts.length < MAX_CAUSES; at = (at as Error).cause) {
      parts.push(at instanceof Error ? String(at.stack ?? at.message) : show(at))
      if (!(at instanceof Error) || at.cause === undefined) break
    }
    return parts.join('\ncaused by: ')
  } catch {
    // Its own properties throw: that it was thrown is all that can be said.
    return 'an error that cannot be shown'
  }
}

function show(value: unknown): string {
  return typeof value === 'object' ? inspect(value) : String(value)
}
