// Environment files: NAME=VALUE lines, with quotes and comments as dotenv has them. Node reads them;
// this module refuses what Node would pass over in silence.
import { readFileSync } from 'node:fs'
import * as util from 'node:util'
import { ConfigError } from '../errors.js'
import { misplaced } from './settings.js'

const QUOTED_RE = /^(\s*(?:export\s+)?[\w.-]+\s*=\s*)("[^"]*"|'[^']*'|`[^`]*`)/gm
const LINE_RE = /^\s*(#.*)?$|^\s*(export\s+)?[A-Za-z_][\w.-]*\s*=/

/**
 * @param from the place that names the file, for messages; empty: the command line
 * @throws {ConfigError} with the line where there is one
 */
export function readEnvFile(path: string, from: string): Record<string, string> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw misplaced(from, `env-file ${path} cannot be read: ${code}`)
  }
  // Values of several lines become as many empty ones.
  const lines = text
    .replace(/^\uFEFF/, '')
    .replace(QUOTED_RE, (_, name, value) => name + value.replace(/[^\n]/g, ''))
    .split(/\r?\n/)
  const bad = lines.findIndex((line) => !LINE_RE.test(line))
  if (bad >= 0)
    throw misplaced(`${path}:${bad + 1}`, `this is not NAME=VALUE: ${lines[bad].trim()}`)
  if (util.parseEnv === undefined) throw new ConfigError('--env-file needs Node 20.12 or later')
  return util.parseEnv(text) as Record<string, string>
}
