// What an init system has told this process in its environment, as sd_notify(3) has it. Taken out of
// the environment as soon as this file is loaded: it is meant for this process, and for none that this
// one starts. What is said to the init system: notifier.ts.

export interface InitSystem {
  /** A path or "@name"; undefined: nobody wants to hear anything. */
  readonly notifySocket: string | undefined
  /** The process is killed when it has said nothing for so long; 0: it is not. */
  readonly watchdogMs: number
}

const VARIABLES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const

/** Reads the variables, and takes them out of `env`. A watchdog of another process is not ours. */
export function takeInitSystem(env: NodeJS.ProcessEnv, pid: number): InitSystem {
  const said: NodeJS.ProcessEnv = {}
  for (const name of VARIABLES) {
    said[name] = env[name]
    delete env[name]
  }
  const ours = !said.WATCHDOG_PID || Number(said.WATCHDOG_PID) === pid
  return {
    notifySocket: said.NOTIFY_SOCKET || undefined,
    watchdogMs: ours ? wholeNumber(said.WATCHDOG_USEC) / 1000 : 0,
  }
}

function wholeNumber(text: string | undefined): number {
  return /^\d{1,15}$/.test(text ?? '') ? Number(text) : 0
}

export const initSystem: InitSystem = takeInitSystem(process.env, process.pid)
