// What the command line says when the server listens: which application, where, and what to paste.
import type { Listener } from '../server/server.js'
import { VERSION } from '../version.js'

/**
 * @param app the application as it was named
 * @param what its interface, and how that was found
 */
export function banner(app: string, what: string, listeners: readonly Listener[]): string {
  const lines = [`Postern ${VERSION}: ${app}, ${what}`]
  for (const listener of listeners) {
    const hint =
      listener.protocol === 'uwsgi' ? `   nginx: uwsgi_pass ${nginxName(listener.address)};` : ''
    lines.push(`  ${listener.protocol.padEnd(6)} ${listener.url ?? listener.address}${hint}`)
  }
  const web = listeners.find((listener) => listener.protocol === 'http')
  if (web !== undefined) lines.push(`  try    ${curl(web)}`)
  return `${lines.join('\n')}\n`
}

function nginxName(address: string): string {
  return address.startsWith('/') || address.startsWith('.') ? `unix:${address}` : address
}

function curl(listener: Listener): string {
  if (listener.url !== undefined) return `curl -i ${listener.url}/`
  const socket = listener.address.startsWith('@')
    ? `--abstract-unix-socket ${listener.address.slice(1)}`
    : `--unix-socket ${listener.address}`
  return `curl -i ${socket} http://localhost/`
}
