// The log files of a server or of a master with its workers: one process opens them, opens them again
// when it is told to, and puts them aside when they are too long. Who writes to them gets descriptors.
import { closeSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Options } from '../config/options.js'
import { loadAddon } from '../native/addon.js'
import type { Log } from './log.js'
import { compress, removeOld } from './log-backups.js'
import { LogFile } from './log-file.js'

/** access: the access log. server: standard output and standard error. */
export type LogKind = 'access' | 'server'

/** Everybody who writes to it is to use this descriptor; fulfilled when nobody uses another one. */
export type HandOver = (kind: LogKind, fd: number) => Promise<void>

const LOOK_MS = 1000
const STANDARD_OUTPUT = 1
const STANDARD_ERROR = 2

export class LogFiles {
  private readonly files = new Map<LogKind, LogFile>()
  private readonly options: Options
  private readonly log: Log
  private handOver: HandOver = async () => {}
  private timer: NodeJS.Timeout | undefined
  /** One at a time: opening again, putting aside. */
  private work: Promise<void> = Promise.resolve()

  /**
   * Opens what the options name. From here on standard output and standard error are the file of
   * --logto, if there is one.
   *
   * @throws {StartError} a file cannot be opened
   */
  constructor(options: Options, log: Log) {
    this.options = options
    this.log = log
    const accessLog = options.accessLog
    const logto = options.logto
    if (logto !== undefined && logto !== '-') {
      this.files.set('server', new LogFile(logto, 'logto'))
      this.takeStreams()
    }
    const same = logto !== undefined && resolve(logto) === resolve(accessLog)
    if (accessLog !== '-' && !same) this.files.set('access', new LogFile(accessLog, 'access-log'))
  }

  /** Where the access log goes. */
  get accessLog(): number {
    return this.files.get('access')?.fd ?? STANDARD_OUTPUT
  }

  /** Every file, with its descriptor of now. */
  get open(): readonly (readonly [LogKind, number])[] {
    return [...this.files].map(([kind, { fd }]) => [kind, fd] as const)
  }

  /** Whether these options name the files that are open. */
  fits({ logto, accessLog }: Options): boolean {
    return logto === this.options.logto && accessLog === this.options.accessLog
  }

  /** From now on files are looked at, and `handOver` is called for each that is opened again. */
  watch(handOver: HandOver): void {
    this.handOver = handOver
    if (this.options.logMaxsize === 0 || this.files.size === 0) return
    this.timer = setInterval(() => this.queue(() => this.putAsideLong()), LOOK_MS)
    this.timer.unref()
  }

  /** Somebody has moved the files: writes go to new ones. */
  reopen(): Promise<void> {
    return this.queue(async () => {
      for (const kind of this.files.keys()) await this.reopenOne(kind)
    })
  }

  close(): void {
    clearInterval(this.timer)
    for (const file of this.files.values()) file.close()
    this.files.clear()
  }

  private queue(work: () => Promise<void>): Promise<void> {
    this.work = this.work.then(work).catch((error) => this.log.error('a log file', error))
    return this.work
  }

  /** @returns whether nobody writes any more to what had the name before */
  private async reopenOne(kind: LogKind): Promise<boolean> {
    const file = this.files.get(kind)
    if (file === undefined) return false
    try {
      closeSync(file.reopen())
    } catch (error) {
      this.log.error(`a log file stays as it is: ${(error as Error).message}`)
      return false
    }
    if (kind === 'server') this.takeStreams()
    await this.handOver(kind, file.fd)
    return true
  }

  private async putAsideLong(): Promise<void> {
    const { options } = this
    const fixed = options.logBackupname
    const keep = options.logBackups
    for (const [kind, file] of this.files) {
      if (file.size < options.logMaxsize) continue
      const backup = file.putAside(fixed)
      const quiet = this.reopenOne(kind)
      if (fixed !== undefined) continue
      // A worker that is stuck keeps its descriptor; the next look at the files does not wait for it.
      void quiet
        .then((isQuiet) => (isQuiet && keep > 0 ? compress(backup) : undefined))
        .then(() => removeOld(file.path, keep))
        .catch((error) => this.log.error(`${backup} cannot be compressed: ${error.message}`))
    }
  }

  private takeStreams(): void {
    const file = this.files.get('server')
    if (file === undefined) return
    loadAddon().replaceDescriptor(file.fd, STANDARD_OUTPUT)
    loadAddon().replaceDescriptor(file.fd, STANDARD_ERROR)
  }
}
