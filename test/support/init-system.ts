// An init system's notification socket: keeps what it is told. Node has no datagram sockets of
// AF_UNIX, Python has.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

const LISTEN = `
import json, socket, sys
name = sys.argv[1]
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind("\\0" + name[1:] if name.startswith("@") else name)
print(json.dumps("bound"), flush=True)
while True:
    print(json.dumps(server.recv(65536).decode()), flush=True)
`
const PATIENCE_MS = 20_000

export class NotifySocket {
  /** Every datagram, in the order in which they came. */
  readonly heard: string[] = []
  private readonly child: ChildProcess
  private watchers: (() => void)[] = []

  private constructor(name: string) {
    this.child = spawn('python3', ['-c', LISTEN, name], { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface({ input: this.child.stdout as NodeJS.ReadableStream })
    lines.on('line', (line) => {
      this.heard.push(JSON.parse(line))
      for (const look of this.watchers.splice(0)) look()
    })
  }

  /** @param name a path or "@name" */
  static async open(name: string): Promise<NotifySocket> {
    const socket = new NotifySocket(name)
    onTestFinished(() => void socket.child.kill('SIGKILL'))
    await socket.hears(/^bound$/)
    socket.heard.length = 0
    return socket
  }

  /** How many datagrams match. */
  count(pattern: RegExp): number {
    return this.heard.filter((text) => pattern.test(text)).length
  }

  /** Resolves when `times` datagrams match, so far. */
  async hears(pattern: RegExp, times = 1): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    while (this.count(pattern) < times) {
      if (performance.now() > deadline) {
        throw new Error(`the init system has not heard ${pattern}: ${JSON.stringify(this.heard)}`)
      }
      await new Promise<void>((look) => {
        const timer = setTimeout(look, PATIENCE_MS)
        this.watchers.push(() => {
          clearTimeout(timer)
          look()
        })
      })
    }
  }
}
