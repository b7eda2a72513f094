// What the command line says when the server listens: which application, where, and what to paste.
import type { Listener } from '../server/sockets.js'
import { VERSION } from '../version.js'

/**
 * @param app the application as it was named
 * @param what its interface, and how that was found
 * @param stats where the stats socket is, if there is one
 */
export function banner(
  app: string,
  what: string,
  listeners: readonly Listener[],
  stats?: string,
): string {
  const lines = [`Postern ${VERSION}: ${app}, ${what}`]
  for (const listener of listeners) {
    const shown = `  ${listener.protocol.padEnd(6)} ${listener.url ?? listener.address}`
    lines.push(shown + (listener.protocol === 'uwsgi' ? uwsgiHint(listener.address) : ''))
  }
  if (stats !== undefined) lines.push(`  stats  ${stats}`)
  const web = listeners.find((listener) => listener.protocol === 'http')
  if (web !== undefined) lines.push(`  try    ${curl(web)}`)
  return `${lines.join('\n')}\n`
}

/** For nginx's configuration; nginx knows no abstract sockets. */
function uwsgiHint(address: string): string {
  if (address.startsWith('@')) return ''
  const name = address.startsWith('/')
    ? `unix:${address}`
    : address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:')
  return `   nginx: uwsgi_pass ${name};`
}

function curl(listener: Listener): string {
  if (listener.url !== undefined) return `curl -i ${listener.url}/`
  const socket = listener.address.startsWith('@')
    ? `--abstract-unix-socket ${listener.address.slice(1)}`
    : `--unix-socket ${listener.address}`
  return `curl -i ${socket} http://localhost/`
}
