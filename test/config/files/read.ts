// Reads configuration files as a start would, from a directory of their own.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ConfigReader } from '../../../src/config/files/reader.js'
import { importModule } from '../../../src/server/import-module.js'
import { ownDirectory } from '../../support/directories.js'

export interface Files {
  readonly [name: string]: string
}

/** Writes files into a fresh directory, and returns that. */
export function written(files: Files): string {
  const dir = ownDirectory()
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  return dir
}

/** Reads `named` of the directory. */
export async function readIn(
  dir: string,
  named: string,
  env: NodeJS.ProcessEnv = {},
  placeholders: readonly string[] = [],
): Promise<ConfigReader> {
  const reader = new ConfigReader({
    env,
    placeholders,
    importModule: (file, path) => importModule(file, path, { anew: true }),
  })
  await reader.read(join(dir, named), undefined, '')
  return reader
}

/** "name=value" of each setting of an ini file whose section has these lines. */
export async function iniSettings(
  lines: readonly string[],
  env: NodeJS.ProcessEnv = {},
  others: Files = {},
): Promise<string[]> {
  const dir = written({ 'site/app.ini': ['[uwsgi]', ...lines].join('\n'), ...others })
  const { settings } = await readIn(dir, 'site/app.ini', env)
  return settings.map(({ name, value }) => `${name}=${value}`.replaceAll(dir, 'DIR'))
}
