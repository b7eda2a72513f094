// The file with the process id of a server, for init scripts and `kill -HUP $(cat FILE)`.
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { StartError } from '../errors.js'

/**
 * Writes the id of this process; the file goes when the process ends. Call it when the sockets are
 * open: a server that is started twice by mistake must not take the file of the one that runs.
 *
 * @param file undefined: none is wanted
 * @throws {StartError} it cannot be written
 */
export function writePidfile(file: string | undefined): void {
  if (file === undefined) return
  // The working directory may change before the end.
  const path = resolve(file)
  try {
    writeFileSync(path, `${process.pid}\n`)
  } catch (cause) {
    throw new StartError(`--pidfile ${file}: ${(cause as Error).message}`, undefined, { cause })
  }
  process.on('exit', () => removePidfile(path))
}

/** Only while it is ours: a successor may have written its own. */
function removePidfile(path: string): void {
  try {
    if (Number(readFileSync(path, 'utf8')) === process.pid) unlinkSync(path)
  } catch {
    // Somebody else removed it.
  }
}
