// What the options say about the access log. Its lines are made and written by the native side
// (native/engine/access_log.h); no line of it passes through JavaScript.
import type { Options } from '../config/options.js'
import { ConfigError } from '../errors.js'
import type { NativeOptions } from '../native/addon.js'

/** Whether there is one: with --disable-logging only what the filters ask for. */
export function logsRequests(options: Options): boolean {
  const { log4xx, log5xx, logZero, logSlow, logBig } = options
  return !options.disableLogging || log4xx || log5xx || logZero || logSlow > 0 || logBig > 0
}

type NativeLogOptions = Pick<
  NativeOptions,
  | 'logFormat'
  | 'logAll'
  | 'log4xx'
  | 'log5xx'
  | 'logZero'
  | 'logSlowMs'
  | 'logBigBytes'
  | 'logForwardedFor'
  | 'logWorker'
>

export function nativeLogOptions(options: Options, worker: number): NativeLogOptions {
  return {
    logFormat: options.accessLogFormat,
    logAll: !options.disableLogging,
    log4xx: options.log4xx,
    log5xx: options.log5xx,
    logZero: options.logZero,
    logSlowMs: options.logSlow,
    logBigBytes: options.logBig,
    logForwardedFor: options.logXForwardedFor,
    logWorker: worker,
  }
}

/** The error of an engine that could not be made, named after the option that is wrong. */
export function explainFormat(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ERR_POSTERN_LOG_FORMAT'
    ? new ConfigError(`--access-log-format ${message}`)
    : error
}
