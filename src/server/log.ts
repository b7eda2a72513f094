// The server's own log: one line, once, to one stream. Time, pid, level, text; the stack of an
// error on the lines behind it, indented, so that it stays with its line.
import { describeError } from '../errors.js'
import type { ErrorStream } from '../gateway/types.js'

export type LogLevel = 'info' | 'warning' | 'error'

/** Takes whole lines, line end included. */
export type LogSink = (line: string) => void

const LEVELS: readonly LogLevel[] = ['info', 'warning', 'error']

export class Log {
  /** Entries below it are not written. */
  least: LogLevel = 'info'
  private readonly sink: LogSink

  constructor(sink: LogSink = (line) => void process.stderr.write(line)) {
    this.sink = sink
  }

  info(message: string): void {
    this.write('info', message)
  }

  warning(message: string): void {
    this.write('warning', message)
  }

  error(message: string, error?: unknown): void {
    this.write('error', error === undefined ? message : `${message}: ${describeError(error)}`)
  }

  /** `level`: 0 info, 1 warning, 2 error, as the native side counts. */
  native(level: number, message: string): void {
    this.write(LEVELS[level] ?? 'info', message)
  }

  /** wsgi.errors. Text of applications goes out as it is, one write a call. */
  errorStream(): ErrorStream {
    const put = (text: unknown): void => {
      if (typeof text !== 'string') {
        throw new TypeError(`wsgi.errors takes text, not ${text === null ? 'null' : typeof text}`)
      }
      if (text !== '') this.sink(text)
    }
    return {
      write: put,
      writelines(lines) {
        for (const line of lines) put(line)
      },
      flush() {},
    }
  }

  private write(level: LogLevel, message: string): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.least)) return
    const time = new Date().toISOString()
    const line = `${time} [${process.pid}] ${level}: ${message.replaceAll('\n', '\n    ')}\n`
    try {
      this.sink(line)
    } catch {
      // A line is lost. Thrown on, it would take the other requests of the round with it.
    }
  }
}
