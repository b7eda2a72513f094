// The file with the process id of a server, for init scripts and `kill -HUP $(cat FILE)`.
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { resolve } from 'node:path'
import { StartError } from '../errors.js'

export class Pidfile {
  private readonly file: string | undefined
  private readonly vacuum: boolean
  private path = ''
  private fd = -1

  /**
   * @param file undefined: none is wanted
   * @param vacuum whether it goes when the process ends
   */
  constructor(file: string | undefined, vacuum: boolean) {
    this.file = file
    this.vacuum = vacuum
  }

  /**
   * Opens it and leaves what it says: for a process that is about to lose the right to. It stays
   * root's, so that nobody else can say whom an init script kills.
   *
   * @throws {StartError} it cannot be opened
   */
  open(): void {
    if (this.file === undefined || this.fd >= 0) return
    // The working directory may change before the end.
    this.path = resolve(this.file)
    this.do(() => {
      this.fd = openSync(this.path, 'a', 0o644)
    })
    process.on('exit', () => this.remove())
  }

  /**
   * Writes the id of this process. Call it when the server serves: one that is started twice by
   * mistake must not take the file of the one that runs.
   *
   * @throws {StartError} it cannot be written
   */
  write(): void {
    this.open()
    if (this.fd < 0) return
    this.do(() => {
      ftruncateSync(this.fd)
      writeSync(this.fd, `${process.pid}\n`)
    })
  }

  private do(what: () => void): void {
    try {
      what()
    } catch (cause) {
      throw new StartError(`--pidfile ${this.file}: ${(cause as Error).message}`, undefined, {
        cause,
      })
    }
  }

  /** Only while it is ours: a successor may have written its own. */
  private remove(): void {
    if (!this.vacuum) return
    try {
      const [there, ours] = [statSync(this.path), fstatSync(this.fd)]
      if (there.dev !== ours.dev || there.ino !== ours.ino) return
      const text = readFileSync(this.path, 'utf8')
      if (text !== '' && Number(text) !== process.pid) return
      // Where the directory is not ours to change, at least it names nobody.
      ftruncateSync(this.fd)
      unlinkSync(this.path)
    } catch {
      // Somebody else removed it, or it has to stay.
    } finally {
      closeSync(this.fd)
    }
  }
}
