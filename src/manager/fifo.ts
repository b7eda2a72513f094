// The fifos of --master-fifo: letters that are written there are commands, as in uWSGI. Who may write
// is who may open the file (mode 0600). What a letter does is the caller's.
import { execFileSync } from 'node:child_process'
import { closeSync, constants, fstatSync, lstatSync, openSync, unlinkSync } from 'node:fs'
import { Socket } from 'node:net'
import { resolve } from 'node:path'
import { StartError } from '../errors.js'
import type { Log } from '../server/log.js'

export type Letters = Readonly<Record<string, () => void>>

/**
 * Listens on these fifos until the process ends. Call it when the sockets are open: a server that is
 * started twice by mistake must not hear what is meant for the one that runs.
 *
 * @throws {StartError} one cannot be made, or is another kind of file
 */
export function listenOnFifos(files: readonly string[], letters: Letters, log: Log): void {
  const ignored = new Set<string>()
  const take = (letter: string) => {
    if (/\s/.test(letter)) return
    if (Object.hasOwn(letters, letter)) return letters[letter]()
    if (ignored.has(letter)) return
    ignored.add(letter)
    log.warning(`master-fifo: ${JSON.stringify(letter)} has no meaning here and is ignored`)
  }
  for (const file of files) listen(file, take, log)
}

function listen(file: string, take: (letter: string) => void, log: Log): void {
  // The working directory may change before the end.
  const path = resolve(file)
  const fd = openFifo(file, path)
  const { ino } = fstatSync(fd)
  const socket = new Socket({ fd, readable: true, writable: false })
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    for (const letter of text) take(letter)
  })
  socket.on('error', (error) => log.error(`--master-fifo ${file}: ${error.message}`))
  socket.unref()
  process.on('exit', () => removeFifo(path, ino))
}

/** For both directions: so it has a writer always, and never ends. */
function openFifo(file: string, path: string): number {
  let fd = -1
  try {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) {
      // Node has no mkfifo(3).
      execFileSync('mkfifo', ['-m', '600', path], { stdio: 'pipe' })
    }
    const { O_RDWR, O_NONBLOCK, O_NOFOLLOW } = constants
    fd = openSync(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW)
  } catch (cause) {
    const why = (cause as Error).message.trim().split('\n').at(-1)
    throw new StartError(`--master-fifo ${file}: ${why}`, undefined, { cause })
  }
  if (fstatSync(fd).isFIFO()) return fd
  closeSync(fd)
  throw new StartError(`--master-fifo ${file}: there is a file that is not a fifo`)
}

/** Only while it is ours: a successor may have made its own. */
function removeFifo(path: string, ino: number): void {
  try {
    if (lstatSync(path).ino === ino) unlinkSync(path)
  } catch {
    // Somebody else removed it.
  }
}
