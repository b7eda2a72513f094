// The stats socket: who connects and says nothing gets one JSON object and the end, as uWSGI does it;
// who speaks HTTP gets /metrics, and the JSON for everything else. Few connections, all of them short.
import { lstatSync, unlinkSync } from 'node:fs'
import { createServer as createHttpServer, type ServerResponse } from 'node:http'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type Address, formatAddress, parseAddress } from '../config/address.js'
import type { Options } from '../config/options.js'
import { EXIT, StartError } from '../errors.js'
import { SocketFiles } from '../server/socket-files.js'
import { type Facts, prometheus, uwsgiStats } from './stats.js'

/** A client that speaks HTTP has spoken by then. */
const SILENCE_MS = 100
/** Nobody keeps it busy for longer. */
const PATIENCE_MS = 5000

/**
 * Opens the stats socket, if the options ask for one, until the process ends.
 *
 * @returns where it is; undefined: none is wanted
 * @throws {StartError} it cannot be opened
 */
export async function serveStats(
  options: Options,
  facts: () => Facts,
): Promise<string | undefined> {
  if (options.stats === undefined) return undefined
  const server = new StatsServer(facts)
  process.on('exit', () => server.close())
  return server.listen(options.stats)
}

export class StatsServer {
  private readonly facts: () => Facts
  private readonly http = createHttpServer()
  private readonly server: Server
  private readonly files = new SocketFiles()

  constructor(facts: () => Facts) {
    this.facts = facts
    this.http.on('request', ({ url }, response) => this.respond(url ?? '/', response))
    this.server = createServer((socket) => this.take(socket))
    // Nobody waits for it: it ends with the process.
    this.server.unref()
  }

  /**
   * @returns where it listens, as options write it
   * @throws {StartError} it cannot
   */
  async listen(text: string): Promise<string> {
    const address = parseAddress(text, 'stats')
    const target = targetOf(address, text)
    if (address.kind === 'unix') await removeStale(address.path)
    await new Promise<void>((done, fail) => {
      this.server.once('error', (error: NodeJS.ErrnoException) => fail(explain(error, text)))
      this.server.listen(target, () => done())
    })
    if (address.kind === 'unix') this.files.add(address.path)
    const bound = this.server.address()
    if (bound === null || typeof bound === 'string') return formatAddress(address)
    return formatAddress({ kind: 'tcp', host: bound.address, port: bound.port })
  }

  close(): void {
    this.files.remove()
    this.server.close()
  }

  private take(socket: Socket): void {
    socket.on('error', () => {})
    socket.setTimeout(PATIENCE_MS, () => socket.destroy())
    const silent = setTimeout(() => {
      socket.removeAllListeners('data')
      socket.end(this.json())
    }, SILENCE_MS)
    socket.once('data', (bytes) => {
      clearTimeout(silent)
      socket.pause()
      socket.unshift(bytes)
      this.http.emit('connection', socket)
      socket.resume()
    })
    socket.once('close', () => clearTimeout(silent))
  }

  private respond(url: string, response: ServerResponse): void {
    response.shouldKeepAlive = false
    const [type, body] =
      url.split('?', 1)[0] === '/metrics'
        ? ['text/plain; version=0.0.4; charset=utf-8', prometheus(this.facts())]
        : ['application/json', this.json()]
    response.writeHead(200, { 'Content-Type': type, 'Access-Control-Allow-Origin': '*' }).end(body)
  }

  private json(): string {
    return `${JSON.stringify(uwsgiStats(this.facts()), null, '\t')}\n`
  }
}

function targetOf(address: Address, text: string): object {
  if (address.kind === 'tcp') return { host: address.host, port: address.port }
  if (address.kind === 'unix') return { path: address.path }
  if (address.kind === 'abstract') return { path: `\0${address.name}` }
  throw new StartError(`--stats ${text}: give HOST:PORT, /PATH or @NAME`)
}

/** A file that a server has left behind: nobody answers there any more. */
async function removeStale(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return
  const code = await new Promise<string | undefined>((done) => {
    const probe = connect({ path }, () => done(undefined))
    probe.on('error', (error: NodeJS.ErrnoException) => done(error.code))
    probe.on('connect', () => probe.destroy())
  })
  if (code === 'ECONNREFUSED') unlinkSync(path)
}

function explain(error: NodeJS.ErrnoException, text: string): StartError {
  const taken = error.code === 'EADDRINUSE'
  const why = taken ? 'somebody is listening there already' : error.message
  return new StartError(`--stats ${text}: ${why}`, taken ? EXIT.TEMPORARY : EXIT.PERMANENT, {
    cause: error,
  })
}
