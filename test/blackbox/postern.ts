// Runs the real command line as a user would: starts it, waits until it says where it listens, and
// at the end stops it and looks whether it left in good order. Nothing here knows how Postern works
// inside.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Where } from './raw-client.js'

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url))
const MAIN = join(ROOT, 'dist/cli/main.js')
const START_MS = 20_000

/** A socket of the server, as its banner names it. */
export interface Front {
  readonly protocol: string
  /** "127.0.0.1:8000", "/path", "@name". */
  readonly address: string
  readonly where: Where
}

export interface StartOptions {
  /** Its working directory; default: a fresh temporary one, removed by stop(). */
  readonly dir?: string
  readonly env?: Record<string, string>
  /** What the command runs under, such as ["prlimit", "--nofile=64"]. */
  readonly under?: readonly string[]
  /** Descriptors that it inherits, from 3 on. */
  readonly descriptors?: readonly number[]
}

export interface StopOptions {
  /** Each of these must be in the log. */
  readonly expect?: readonly RegExp[]
  /** These may be in the log. Every other line is a failure. */
  readonly allow?: readonly RegExp[]
}

/** "127.0.0.1 - - [27/Nov/2026:00:45:04 +0000] "GET / HTTP/1.1" 200 9 "-" "curl/7.88.1"" */
const ACCESS_LINE_RE =
  /^\S+ - \S+ \[\d\d\/[A-Z][a-z]{2}\/\d{4}(:\d\d){3} [-+]\d{4}\] "[^"]*" \d{3} \d+ "[^"]*" "[^"]*"$/

/** What a server that is told to stop says, and nothing else. */
const ALWAYS_ALLOWED = [/ info: SIGTERM: finishing what runs, then stopping$/]

const alive = new Set<Postern>()
process.on('exit', () => {
  for (const one of alive) one.child.kill('SIGKILL')
})

/** The path of an application in test/fixtures/apps. */
export function fixture(name: string): string {
  return join(ROOT, 'test/fixtures/apps', name)
}

/** A fresh directory, short enough for the path of a unix socket. */
export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'postern-'))
}

export class Postern {
  readonly child: ChildProcess
  readonly dir: string
  readonly fronts: Front[] = []
  /** Standard output, as it came, without the lines of the access log. */
  output = ''
  /** Lines of an access log on standard output, in the default format. */
  readonly accessLog: string[] = []
  /** The log: standard error, as it came. */
  errors = ''
  /** Fulfilled when the process has ended and its pipes are closed. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  private readonly mark: string
  private readonly ownsDir: boolean
  private readonly watchers = new Set<() => void>()
  /** Of standard output, the beginning of a line. */
  private unfinished = ''

  /** Use `start`. */
  constructor(args: readonly string[], options: StartOptions) {
    this.ownsDir = options.dir === undefined
    this.dir = options.dir ?? temporaryDirectory()
    this.mark = `POSTERN_TEST_MARK=${randomUUID()}`
    const [command, ...rest] = [...(options.under ?? []), process.execPath, MAIN, ...args]
    this.child = spawn(command, rest, {
      cwd: this.dir,
      env: { ...environment(), ...options.env, POSTERN_TEST_MARK: this.mark.split('=')[1] },
      stdio: ['ignore', 'pipe', 'pipe', ...(options.descriptors ?? [])],
    })
    alive.add(this)
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.takeOutput(text)
      this.tellWatchers()
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text
      this.tellWatchers()
    })
    this.ended = new Promise((done) => {
      this.child.on('close', (code, signal) => {
        alive.delete(this)
        this.output += this.unfinished
        this.unfinished = ''
        done({ code, signal })
        this.tellWatchers()
      })
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** Lines of the log so far. */
  get log(): string[] {
    return this.errors.split('\n').filter((line) => line !== '')
  }

  /** Where the first socket of a protocol listens. */
  where(protocol = 'http'): Where {
    const front = this.fronts.find((one) => one.protocol === protocol)
    assert(front !== undefined, `no ${protocol} socket in the banner:\n${this.output}`)
    return front.where
  }

  /** "127.0.0.1:8000" or a path. */
  address(protocol = 'http'): string {
    const front = this.fronts.find((one) => one.protocol === protocol)
    assert(front !== undefined, `no ${protocol} socket in the banner:\n${this.output}`)
    return front.address
  }

  /** Resolves when `condition` is true; looked at whenever the server has written something. */
  until(condition: () => boolean, what: string): Promise<void> {
    return new Promise((done, fail) => {
      const finish = (result: () => void) => {
        clearTimeout(timer)
        this.watchers.delete(look)
        result()
      }
      const look = () => {
        if (condition()) finish(done)
        else if (!alive.has(this)) finish(() => fail(this.complaint(`ended before ${what}`)))
      }
      const timer = setTimeout(
        () => finish(() => fail(this.complaint(`still not: ${what}`))),
        START_MS,
      )
      this.watchers.add(look)
      look()
    })
  }

  /** Resolves when a line of the log matches. */
  logs(pattern: RegExp): Promise<void> {
    return this.until(() => this.log.some((line) => pattern.test(line)), `log line ${pattern}`)
  }

  /**
   * Stops it with SIGTERM and checks that it went in good order: exit code 0, nothing unexpected in
   * the log, no process left behind, no socket file left behind.
   */
  async stop(options: StopOptions = {}): Promise<void> {
    this.child.kill('SIGTERM')
    await this.stopped(options)
  }

  /** As stop(), when somebody else has sent the signal. */
  async stopped({ expect = [], allow = [] }: StopOptions = {}): Promise<void> {
    const { code, signal } = await this.ended
    const left = processesWith(this.mark)
    for (const pid of left) process.kill(pid, 'SIGKILL')
    const sockets = this.fronts.flatMap(({ where }) =>
      'path' in where && where.path.startsWith('/') && existsSync(where.path) ? [where.path] : [],
    )
    this.removeDir()
    assert(code === 0, this.complaint(`exit code ${code}, signal ${signal}`))
    assert.deepEqual(left, [], this.complaint(`processes left: ${left}`))
    assert.deepEqual(sockets, [], this.complaint(`socket files left: ${sockets}`))
    const known = [...ALWAYS_ALLOWED, ...expect, ...allow]
    const surprises = this.log.filter((line) => !known.some((pattern) => pattern.test(line)))
    assert.deepEqual(surprises, [], this.complaint('surprises in the log'))
    const missing = expect.filter((pattern) => !this.log.some((line) => pattern.test(line)))
    assert.deepEqual(missing, [], this.complaint(`not in the log: ${missing}`))
  }

  /** Ends it at once, for tests that have failed. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
    for (const pid of processesWith(this.mark)) process.kill(pid, 'SIGKILL')
    this.removeDir()
  }

  /** The processes of its workers, the oldest first. */
  workers(): number[] {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'latin1')
    return children.trim().split(' ').map(Number)
  }

  /** Reads the banner as far as it has come. True: it is whole. */
  readBanner(): boolean {
    if (!this.output.endsWith('\n')) return false
    const lines = this.output.split('\n')
    const first = lines.findIndex((line) => line.startsWith('Postern '))
    if (first < 0) return false
    this.fronts.length = 0
    for (const line of lines.slice(first + 1)) {
      const match = /^ {2}(?!try)([a-z0-9]+) +(\S+)/.exec(line)
      if (match !== null) this.fronts.push(front(match[1], match[2]))
    }
    return this.fronts.length > 0
  }

  /** Lines come whole, though not in one piece; access lines stand among those of everybody else. */
  private takeOutput(text: string): void {
    const lines = (this.unfinished + text).split('\n')
    this.unfinished = lines.pop() as string
    for (const line of lines) {
      if (ACCESS_LINE_RE.test(line)) this.accessLog.push(line)
      else this.output += `${line}\n`
    }
  }

  private removeDir(): void {
    if (this.ownsDir) rmSync(this.dir, { recursive: true, force: true })
  }

  private tellWatchers(): void {
    for (const look of [...this.watchers]) look()
  }

  private complaint(what: string): string {
    return `postern: ${what}\n--- output ---\n${this.output}--- log ---\n${this.errors}---`
  }
}

/**
 * Starts `postern args…` and resolves when it listens on as many sockets as `args` name (one, if
 * they name none).
 */
export async function start(args: readonly string[], options: StartOptions = {}): Promise<Postern> {
  const wanted = args.filter((arg) => /^(--(http-|uwsgi-)?socket|-s)(=|$)/.test(arg)).length
  const postern = new Postern(args, options)
  await postern.until(
    () => postern.readBanner() && postern.fronts.length >= Math.max(wanted, 1),
    'the banner',
  )
  return postern
}

/** Runs a command that is expected to end by itself, such as one with a mistake in it. */
export async function runToEnd(
  args: readonly string[],
  options: StartOptions = {},
): Promise<{ code: number | null; output: string; errors: string }> {
  const postern = new Postern(args, options)
  const { code } = await postern.ended
  await postern.kill()
  return { code, output: postern.output, errors: postern.errors }
}

function front(protocol: string, name: string): Front {
  const address = name.replace(/^https?:\/\//, '')
  if (address.startsWith('@'))
    return { protocol, address, where: { path: `\0${address.slice(1)}` } }
  const tcp = /^(?:\[(.+)\]|([^:/]+)):(\d+)$/.exec(address)
  if (tcp === null) return { protocol, address, where: { path: address } }
  return { protocol, address, where: { host: tcp[1] ?? tcp[2], port: Number(tcp[3]) } }
}

/** Ours, without what would change how Postern or Node behave; the addon by its full path. */
function environment(): Record<string, string | undefined> {
  const { HOST, PORT, NODE_OPTIONS, VITEST, NODE_ENV, POSTERN_ADDON, ...rest } = process.env
  const addon = POSTERN_ADDON === undefined ? undefined : resolve(ROOT, POSTERN_ADDON)
  return addon === undefined ? rest : { ...rest, POSTERN_ADDON: addon }
}

/** Processes that have this line in their environment: children of children too, orphans too. */
function processesWith(mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark)
      } catch {
        return false
      }
    })
    .map(Number)
}
