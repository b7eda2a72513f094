// Socket addresses as people write them.
//
//   host:port  :port  *:port  [v6]:port     TCP; ":port" and "*:port" are all IPv4 interfaces
//   /path  ./path  unix:path                unix socket file
//   @name                                   abstract unix socket (Linux)
//   fd://N                                  a descriptor that was inherited, already listening
//
// Nothing is resolved or opened here.
import { ConfigError } from '../errors.js'

export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'abstract'; readonly name: string }
  | { readonly kind: 'fd'; readonly fd: number }

const TCP_RE = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:/@[\]]*)):(\d{1,5})$/
const FD_RE = /^fd:(?:\/\/)?(\d{1,6})$/

/**
 * @param option name of the option, for the message
 * @throws {ConfigError} `text` has none of the forms above
 */
export function parseAddress(text: string, option: string): Address {
  const fd = FD_RE.exec(text)
  if (fd !== null) return { kind: 'fd', fd: Number(fd[1]) }
  if (text.startsWith('@') && text.length > 1) return { kind: 'abstract', name: text.slice(1) }
  const tcp = TCP_RE.exec(text)
  if (tcp !== null) {
    const port = Number(tcp[3])
    if (port > 65535) throw bad(text, option, 'a port is at most 65535')
    const name = tcp[1] ?? tcp[2]
    return { kind: 'tcp', host: name === '' || name === '*' ? '0.0.0.0' : name, port }
  }
  if (text.startsWith('unix:') && text.length > 5) return unix(text.slice(5))
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]
  if (scheme !== undefined) {
    throw bad(text, option, scheme === 'fd' ? 'write fd://N' : `leave "${scheme}://" out`)
  }
  if (text.includes('/')) return unix(text)
  if (/^\d+$/.test(text)) throw bad(text, option, `write ":${text}" for a port`)
  throw bad(text, option, 'write HOST:PORT, [V6]:PORT, /PATH, @NAME or fd://N')
}

/** A name without a slash gets one: it is what tells a path from the other forms. */
function unix(path: string): Address {
  return { kind: 'unix', path: path.includes('/') ? path : `./${path}` }
}

function bad(text: string, option: string, advice: string): ConfigError {
  return new ConfigError(`--${option} ${JSON.stringify(text)} is not a socket address: ${advice}`)
}

/** The address in the form in which `parseAddress` takes it. */
export function formatAddress(address: Address): string {
  switch (address.kind) {
    case 'tcp':
      return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
    case 'unix':
      return address.path
    case 'abstract':
      return `@${address.name}`
    case 'fd':
      return `fd://${address.fd}`
  }
}
