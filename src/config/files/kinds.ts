// Which files are configuration, by their names, and "file:section" of ini files.
import { basename, extname } from 'node:path'

export type FileKind = 'ini' | 'toml' | 'yaml' | 'json' | 'module'

const BY_EXTENSION: Readonly<Record<string, FileKind>> = {
  '.ini': 'ini',
  '.toml': 'toml',
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.json': 'json',
}

const MODULE_EXTENSION_RE = /\.[cm]?[jt]s$/
/** Looked for in the working directory, in this order. */
export const USUAL_MODULES = [
  'postern.config.ts',
  'postern.config.js',
  'postern.config.mjs',
] as const

/** @param name of an option that names files: its format, undefined: the extension says it */
export function kindOfOption(name: string): FileKind | undefined {
  return name === 'yml' ? 'yaml' : BY_EXTENSION[`.${name}`]
}

/**
 * Whether a bare word of the command line is a configuration file, and of which format: JavaScript
 * and TypeScript files are applications, unless they are called postern.config.
 */
export function fileKindOf(word: string): FileKind | undefined {
  const { path } = splitSection(word)
  if (/^postern\.config\.[cm]?[jt]s$/.test(basename(path))) return 'module'
  return BY_EXTENSION[extname(path).toLowerCase()]
}

/** As `fileKindOf`, for a file that is known to be configuration. */
export function configKindOf(path: string): FileKind | undefined {
  return fileKindOf(path) ?? (MODULE_EXTENSION_RE.test(path) ? 'module' : undefined)
}

/** "app.ini:prod" → path and section; ":prod" is a section of the same file. */
export function splitSection(word: string): { path: string; section: string | undefined } {
  const match = /^(.*\.ini|):([^:/]+)$/i.exec(word)
  return match === null ? { path: word, section: undefined } : { path: match[1], section: match[2] }
}
