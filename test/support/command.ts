// Any command, run as a person would at a terminal: in a process group of its own, to which Ctrl-C
// goes as a whole, and with nothing of the test runner in its environment.
import { type ChildProcess, spawn } from 'node:child_process'

const PATIENCE_MS = 240_000

const alive = new Set<Command>()
process.on('exit', () => {
  for (const command of alive) command.kill()
})

export interface CommandOptions {
  readonly cwd: string
  readonly env?: Record<string, string | undefined>
}

export class Command {
  /** Standard output and standard error, as they came. */
  output = ''
  /** Fulfilled when it has ended and nobody holds its output any more. */
  readonly ended: Promise<number | null>
  private readonly child: ChildProcess
  private readonly name: string
  private over = false
  private watchers: (() => void)[] = []

  constructor(command: string, args: readonly string[], { cwd, env }: CommandOptions) {
    this.name = [command, ...args].join(' ')
    this.child = spawn(command, args, {
      cwd,
      env: { ...environment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
        this.wake()
      })
    }
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code) => {
        this.over = true
        alive.delete(this)
        resolve(code)
        this.wake()
      })
    })
    alive.add(this)
  }

  /** Resolves with what matches, once it is in the output. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      const match = pattern.exec(this.output)
      if (match !== null) return match
      if (this.over) throw new Error(this.complaint(`ended before ${pattern}`))
      if (performance.now() > deadline) throw new Error(this.complaint(`still not ${pattern}`))
      await this.news()
    }
  }

  /** To the whole group, as the terminal does it. */
  signal(signal: NodeJS.Signals): void {
    process.kill(-(this.child.pid as number), signal)
  }

  /** Ends what is left of it. */
  kill(): void {
    try {
      this.signal('SIGKILL')
    } catch {
      // Nobody of the group is left.
    }
  }

  complaint(what: string): string {
    return `${this.name}: ${what}\n--- output ---\n${this.output}---`
  }

  private news(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS)
      this.watchers.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  private wake(): void {
    for (const watcher of this.watchers.splice(0)) watcher()
  }
}

/** Runs a command that ends by itself, and resolves with its output if it ends well. */
export async function run(
  command: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<string> {
  const running = new Command(command, args, options)
  const code = await running.ended
  if (code !== 0) throw new Error(running.complaint(`exit code ${code}`))
  return running.output
}

const STRANGE_RE =
  /^(VITEST.*|NODE_ENV|NODE_OPTIONS|NODE_PATH|POSTERN_.*|HOST|PORT|INIT_CWD|npm_(lifecycle|package)_.*|npm_(command|config_local_prefix)|TEST|PROD|DEV|MODE|BASE_URL|SSR)$/

/** Ours, without what vitest and an npm that runs us have put there. */
function environment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !STRANGE_RE.test(name)))
}
