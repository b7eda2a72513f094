// What is said of applications that break the rules, and which status answers an error.
import { STATUS_CODES } from 'node:http'
import { GatewayError } from '../errors.js'
import type { HeaderPair } from './types.js'

export const ERROR_HEADERS: readonly HeaderPair[] = [['Content-Type', 'text/plain; charset=utf-8']]

/** The status of the error's own choice, if it is one for errors. */
export function statusOf(error: unknown): number {
  try {
    if (!(error instanceof GatewayError)) return 500
    const { status } = error
    return status >= 400 && status in STATUS_CODES ? Number(status) : 500
  } catch {
    return 500 // a Proxy that throws when it is looked at
  }
}

export function statusLine(status: number): string {
  return `${status} ${status === 413 ? 'Content Too Large' : STATUS_CODES[status]}`
}

export function ended(): GatewayError {
  return new GatewayError('ERR_RESPONSE_ENDED', 'the response is over')
}

export function noStart(): GatewayError {
  return new GatewayError('ERR_NO_START', 'a body without a call of startResponse before it')
}

export function tooLong(length: number): string {
  return `the application gave more than its Content-Length of ${length}: the rest is not sent`
}

export function tooShort(sent: number, length: number): string {
  return `the application gave ${sent} bytes and a Content-Length of ${length}: the connection is cut`
}

export function dropped(code: number): string {
  return `the application gave a body with status ${code}, which has none: it is not sent`
}
