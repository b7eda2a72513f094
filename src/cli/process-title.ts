// The names of processes in ps and top, where options ask for them. What Linux shows of one is as
// long as the command line was.
import type { Options } from '../config/options.js'

/**
 * @param role "master", "worker 1"; empty: there is but one process
 * @returns undefined: it keeps the name that it has
 */
export function processTitle(options: Options, role: string, app: string): string | undefined {
  const spaced = options.procnamePrefixSpaced
  const prefix = `${options.procnamePrefix ?? ''}${spaced === undefined ? '' : `${spaced} `}`
  if (options.procname !== undefined) return prefix + options.procname
  if (!options.autoProcname && prefix === '') return undefined
  return prefix + ['postern', role, app].filter((part) => part !== '').join(' ')
}

export function nameProcess(options: Options, role: string, app: string): void {
  const title = processTitle(options, role, app)
  if (title !== undefined) process.title = title
}
