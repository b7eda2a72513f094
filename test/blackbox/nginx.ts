// Runs the real nginx on nginx/nginx.conf as it is, but for the texts that a test names: addresses and
// folders, and what the comments of the file advise for special cases.
//
// nginx inherits its listening sockets, so that their ports come from the system and are ours from the
// start. What stands behind it is none of this file's business.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { ROOT, type StopOptions } from './postern.js'

/** A change to the file: a text that must be in it, and what comes in its place. */
export type Edit = readonly [text: string, instead: string]

/** Where nginx.conf listens, in its order. */
export const LISTENS = ['127.0.0.1:8080', '127.0.0.1:8081', '127.0.0.1:8082'] as const

const STOP_MS = 15_000
const ALWAYS_ALLOWED = [
  / \[notice\] \d+#\d+: using inherited sockets from /,
  // Of a packaged nginx that begins its log elsewhere, run by an ordinary user.
  /^nginx: \[alert\] could not open error log file/,
]

interface Listener {
  readonly server: Server
  readonly port: number
  readonly fd: number
}

const alive = new Set<Nginx>()
process.on('exit', () => {
  for (const nginx of alive) nginx.signalAll('SIGKILL')
})

export class Nginx {
  /** Of the servers in nginx.conf, in their order. */
  readonly ports: readonly number[]
  /** The error log, as it came. */
  errors = ''
  private readonly child: ChildProcess
  private readonly dir: string
  private readonly ended: Promise<number | null>

  private constructor(dir: string, ports: readonly number[], child: ChildProcess) {
    this.dir = dir
    this.ports = ports
    this.child = child
    alive.add(this)
    for (const pipe of [child.stdout, child.stderr]) {
      pipe?.setEncoding('utf8').on('data', (text: string) => {
        this.errors += text
      })
    }
    this.ended = new Promise((done, fail) => {
      child.on('error', fail)
      child.on('close', (code) => {
        alive.delete(this)
        done(code)
      })
    })
  }

  /**
   * Connections to its ports are accepted from the moment when this resolves.
   *
   * @param dir where the configuration is written to and where it runs
   * @param uid who runs it; default: who runs the tests
   */
  static async start(dir: string, edits: readonly Edit[], uid?: number): Promise<Nginx> {
    const listeners = await Promise.all(LISTENS.map(listen))
    const ports = listeners.map(({ port }) => port)
    const listens = ports.map((port, i): Edit => [LISTENS[i], `127.0.0.1:${port}`])
    writeConfiguration(dir, [...edits, ['/tmp/postern-nginx', join(dir, 'nginx')], ...listens])
    const nginx = new Nginx(dir, ports, spawnNginx(dir, listeners, uid))
    for (const { server } of listeners) server.close()
    return nginx
  }

  /** Lines of the access log so far. */
  get requests(): string[] {
    const path = join(this.dir, 'nginx/access.log')
    if (!existsSync(path)) return []
    return readFileSync(path, 'utf8').split('\n').slice(0, -1)
  }

  /** Lets it finish what it does; checks that all of it has gone, and what it has logged. */
  async stop({ expect = [], allow = [] }: StopOptions = {}): Promise<void> {
    let late = false
    this.child.kill('SIGQUIT')
    const timer = setTimeout(() => {
      late = true
      this.signalAll('SIGKILL')
    }, STOP_MS)
    const code = await this.ended
    clearTimeout(timer)
    assert(!late, this.complaint('it does not stop'))
    assert.equal(code, 0, this.complaint(`exit code ${code}`))
    assert.deepEqual(processesOfGroup(this.group), [], this.complaint('processes left'))
    const lines = this.errors.split('\n').filter((line) => line !== '')
    const known = [...ALWAYS_ALLOWED, ...expect, ...allow]
    const surprises = lines.filter((line) => !known.some((pattern) => pattern.test(line)))
    assert.deepEqual(surprises, [], this.complaint('surprises in the error log'))
    const missing = expect.filter((pattern) => !lines.some((line) => pattern.test(line)))
    assert.deepEqual(missing, [], this.complaint(`not in the error log: ${missing}`))
  }

  /** Ends it at once, for tests that have failed. */
  async kill(): Promise<void> {
    if (!alive.has(this)) return
    this.signalAll('SIGKILL')
    await this.ended
  }

  /** To all of its processes. */
  signalAll(signal: NodeJS.Signals): void {
    process.kill(-this.group, signal)
  }

  private get group(): number {
    const { pid } = this.child
    assert(pid !== undefined, 'nginx was not started')
    return pid
  }

  private complaint(what: string): string {
    return `nginx: ${what}\n--- error log ---\n${this.errors}---`
  }
}

function spawnNginx(dir: string, listeners: readonly Listener[], uid?: number): ChildProcess {
  return spawn('nginx', ['-p', '.', '-c', 'nginx.conf'], {
    cwd: dir,
    env: {
      PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
      // How an nginx that is being replaced tells the new one of its sockets.
      NGINX: listeners.map((_, i) => `${i + 3};`).join(''),
    },
    stdio: ['ignore', 'pipe', 'pipe', ...listeners.map(({ fd }) => fd)],
    // A process group of its own, to find those that it leaves behind.
    detached: true,
    uid,
    gid: uid,
  })
}

function listen(): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      const { fd } = (server as unknown as { _handle: { fd: number } })._handle
      resolve({ server, port, fd })
    })
  })
}

function writeConfiguration(dir: string, edits: readonly Edit[]): void {
  let text = readFileSync(join(ROOT, 'nginx/nginx.conf'), 'utf8')
  for (const [old, instead] of edits) {
    assert(text.includes(old), `nginx.conf has no ${old}`)
    text = text.replaceAll(old, instead)
  }
  writeFileSync(join(dir, 'nginx.conf'), text)
  copyFileSync(join(ROOT, 'nginx/uwsgi_params'), join(dir, 'uwsgi_params'))
}

function processesOfGroup(group: number): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) === group
      } catch {
        return false
      }
    })
}
