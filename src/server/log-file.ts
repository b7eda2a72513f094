// One log file: opened to append, opened again by its name after somebody has moved it, put aside
// when it is too long. Who writes to it, and with which descriptor, is log-files.ts.
import { closeSync, fstatSync, openSync, renameSync } from 'node:fs'
import { resolve } from 'node:path'
import { EXIT, StartError } from '../errors.js'
import { backupName } from './log-backups.js'

const MODE = 0o640
/** Errors of open(2) that may be gone after a while. */
const TEMPORARY: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOSPC', 'EDQUOT'])

export class LogFile {
  /** Absolute: the working directory may be another one when it is opened again. */
  readonly path: string
  fd: number

  /**
   * @param option that names it
   * @throws {StartError} it cannot be opened
   */
  constructor(path: string, option: string) {
    this.path = resolve(path)
    try {
      this.fd = openSync(this.path, 'a', MODE)
    } catch (cause) {
      const { code = '', message } = cause as NodeJS.ErrnoException
      const exit = TEMPORARY.has(code) ? EXIT.TEMPORARY : EXIT.PERMANENT
      throw new StartError(`--${option} ${path}: ${message}`, exit, { cause })
    }
  }

  get size(): number {
    return fstatSync(this.fd).size
  }

  /**
   * Opens what has its name now.
   *
   * @returns the descriptor of before, which is the caller's to close
   * @throws Error of open(2); nothing has changed then
   */
  reopen(): number {
    const before = this.fd
    this.fd = openSync(this.path, 'a', MODE)
    return before
  }

  /**
   * Gives it another name; it is written to until it is opened again.
   *
   * @param fixed that name, or undefined: its own with the time behind it
   * @returns the name
   */
  putAside(fixed: string | undefined): string {
    const name = fixed ?? backupName(this.path)
    renameSync(this.path, name)
    return name
  }

  close(): void {
    closeSync(this.fd)
  }
}
