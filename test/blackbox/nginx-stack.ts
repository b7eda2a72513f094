// A `postern` that serves test/fixtures/apps/nginx.mjs on the sockets of `npm start`, nginx in front of
// it, and the three ways through both.
import { chmodSync, chownSync, rmSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { type Edit, Nginx } from './nginx.js'
import { fixture, type Postern, type StopOptions, start, temporaryDirectory } from './postern.js'
import { exchange, RawClient, type RawResponse } from './raw-client.js'

/** The servers of nginx.conf, in their order. */
export const WAYS = ['uwsgi over a unix socket', 'uwsgi over TCP', 'HTTP with keep-alive'] as const

export type Way = (typeof WAYS)[number]

export const MIB: number = 1024 * 1024

export interface StackOptions {
  /** What is changed in nginx.conf besides addresses and folders. */
  readonly edits?: readonly Edit[]
  /** Who runs nginx; default: who runs the tests. */
  readonly uid?: number
  /** More arguments of postern. */
  readonly args?: readonly string[]
}

export interface StackLogs {
  readonly postern?: StopOptions
  readonly nginx?: StopOptions
}

/**
 * There are many loopback addresses. On one that no other process uses, a server finds its ports free
 * when it is started for the second time.
 */
const HOST = [127, 64 + ((process.pid >> 16) & 63), (process.pid >> 8) & 255, process.pid & 255]

export class Stack {
  readonly nginx: Nginx
  postern: Postern
  private readonly dir: string

  private constructor(dir: string, postern: Postern, nginx: Nginx) {
    this.dir = dir
    this.postern = postern
    this.nginx = nginx
  }

  static async start({ edits = [], uid, args = [] }: StackOptions = {}): Promise<Stack> {
    const dir = temporaryDirectory()
    // Started by root, nginx works as somebody else, whom the folder must let in.
    chmodSync(dir, 0o755)
    if (uid !== undefined) chownSync(dir, uid, uid)
    const any = `${HOST.join('.')}:0`
    const postern = await startPostern(dir, [any, `${dir}/postern.sock`, any], args)
    const [http, unix, tcp] = postern.fronts.map(({ address }) => address)
    const addresses: Edit[] = [
      ['127.0.0.1:8000', http],
      ['unix:/tmp/postern.sock', `unix:${unix}`],
      ['127.0.0.1:3031', tcp],
    ]
    try {
      return new Stack(dir, postern, await Nginx.start(dir, [...edits, ...addresses], uid))
    } catch (error) {
      await postern.kill()
      rmSync(dir, { recursive: true, force: true })
      throw error
    }
  }

  where(way: Way): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.nginx.ports[WAYS.indexOf(way)] }
  }

  /** Starts a server again, where the last one was. */
  async restartPostern(): Promise<void> {
    const addresses = this.postern.fronts.map(({ address }) => address)
    this.postern = await startPostern(this.dir, addresses)
  }

  /** Stops both; checks that they go in good order, with nothing unexpected in their logs. */
  async stop(logs: StackLogs = {}): Promise<void> {
    try {
      await this.nginx.stop(logs.nginx)
      await this.postern.stop(logs.postern)
    } finally {
      await this.kill()
    }
  }

  /** Ends both at once, for tests that have failed. */
  async kill(): Promise<void> {
    await this.nginx.kill()
    await this.postern.kill()
    rmSync(this.dir, { recursive: true, force: true })
  }
}

/** The arguments are those of `npm start`, but for the addresses. */
function startPostern(
  dir: string,
  [http, unix, tcp]: readonly string[],
  args: readonly string[] = [],
): Promise<Postern> {
  const sockets = [
    '--http-socket',
    http,
    '--socket',
    unix,
    '--chmod-socket',
    '666',
    '--socket',
    tcp,
  ]
  return start([fixture('nginx.mjs'), ...sockets, ...args], { dir })
}

/** A stack that ends with the test that has started it. */
export async function startStack(options?: StackOptions): Promise<Stack> {
  const stack = await Stack.start(options)
  onTestFinished(() => stack.kill())
  return stack
}

/** A request without a body. `fields`: whole lines. */
export function request(target: string, method = 'GET', fields: readonly string[] = []): string {
  return `${[`${method} ${target} HTTP/1.1`, 'Host: localhost', ...fields].join('\r\n')}\r\n\r\n`
}

export async function ask(stack: Stack, way: Way, target: string): Promise<string> {
  const response = await exchange(stack.where(way), request(target))
  return response.body.toString()
}

/** A connection to nginx that ends with the test. */
export async function open(stack: Stack, way: Way): Promise<RawClient> {
  const client = await RawClient.connect(stack.where(way))
  onTestFinished(() => client.destroy())
  return client
}

/** What the application says that it was asked, see fixtures/apps/nginx.mjs. */
export function told(response: RawResponse): { env: Record<string, string>; body: string } {
  return JSON.parse(response.body.toString())
}

/** Asks until the answer stays the same for a while: what was in motion has come to rest. */
export async function settled<T>(question: () => Promise<T>): Promise<T> {
  let last = await question()
  for (let same = 0; same < 50; ) {
    const now = await question()
    same = now === last ? same + 1 : 0
    last = now
  }
  return last
}
