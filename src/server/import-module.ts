// A file → its module: JavaScript by import(), TypeScript as it is, by Node itself where it strips
// types, else by jiti. When that fails: why, and where in the user's files.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describeError, StartError } from '../errors.js'

const TYPESCRIPT: ReadonlySet<string> = new Set(['.ts', '.mts', '.cts'])
const JSX: ReadonlySet<string> = new Set(['.tsx', '.jsx'])
export const LOADABLE: ReadonlySet<string> = new Set(['.js', '.mjs', '.cjs', ...TYPESCRIPT, ...JSX])

/** Frames of a stack that are not the user's. */
const FOREIGN_FRAMES = [
  '(node:',
  ' node:',
  '/node_modules/jiti/',
  new URL('..', import.meta.url).href,
]
/** What makes TypeScript more than JavaScript with types: Node finds it before it runs anything. */
const NEEDS_COMPILER: ReadonlySet<unknown> = new Set([
  'ERR_UNSUPPORTED_DIR_IMPORT',
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
  'ERR_UNKNOWN_FILE_EXTENSION',
])
const PLACE_TIMEOUT_MS = 10_000

export type Module = Record<string, unknown>

export interface ImportOptions {
  /** As it is in the file now, even if it was imported before; what it imports itself is not read again. */
  readonly anew?: boolean
}

let imports = 0

/**
 * @param path the file as the user named it, for messages
 * @throws {StartError} it does not load
 */
export async function importModule(
  file: string,
  path: string,
  options: ImportOptions = {},
): Promise<Module> {
  try {
    return await importFile(file, options.anew === true)
  } catch (error) {
    const reason = explain(error, file)
    throw new StartError(`${path} does not load: ${reason}`, undefined, { cause: error })
  }
}

/** By Node where it can: 22.18 and later strip types themselves, but compile nothing. */
async function importFile(file: string, anew: boolean): Promise<Module> {
  const extension = extname(file)
  const { href } = pathToFileURL(file)
  // Modules are kept by their URLs, those of CommonJS by their paths.
  const url = anew ? `${href}?import=${++imports}` : href
  if (anew) delete createRequire(import.meta.url).cache[file]
  const strips = Boolean((process.features as { typescript?: unknown }).typescript)
  if (JSX.has(extension) || (TYPESCRIPT.has(extension) && !strips)) return importByJiti(file)
  try {
    return (await import(url)) as Module
  } catch (error) {
    if (!TYPESCRIPT.has(extension) || !needsCompiler(error)) throw error
    return importByJiti(file)
  }
}

function needsCompiler(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, url } = error as { code?: unknown; url?: unknown }
  if (NEEDS_COMPILER.has(code)) return true
  // "./other.js" and "./other" mean other.ts to a compiler.
  const missing = /^(file:.*?)(?:\.([cm]?)jsx?)?$/.exec(String(url))
  if (code !== 'ERR_MODULE_NOT_FOUND' || missing === null) return false
  const [, base, kind = ''] = missing
  return [`.${kind}ts`, '.tsx'].some((extension) => existsSync(new URL(base + extension)))
}

async function importByJiti(file: string): Promise<Module> {
  const require = createRequire(import.meta.url)
  const { createJiti } = require('jiti') as typeof import('jiti')
  // No cache of compiled files: it would be a directory under /tmp whose name everybody knows, and
  // what anybody puts there first would be run.
  const jiti = createJiti(import.meta.url, { fsCache: false, jsx: JSX.has(extname(file)) })
  const module = await jiti.import(file)
  // `module.exports = app` comes as it is, not in a module as import() would give it.
  return typeof module === 'object' && module !== null ? (module as Module) : { default: module }
}

/** The error, its stack without what is not the user's, and its causes. */
function explain(error: unknown, file: string): string {
  const lines = describeError(error).split('\n').filter(isTheirs)
  if (lines[0].startsWith('SyntaxError')) lines.unshift(...placeOf(file))
  return lines.join('\n')
}

function isTheirs(line: string): boolean {
  if (/^\s+at /.test(line)) return !FOREIGN_FRAMES.some((part) => line.includes(part))
  return line.trim() !== ''
}

/**
 * Where the syntax error of an ES module is: the error itself does not know, only Node's own report
 * of one that nobody catches. So another Node links the module, which finds the error again, and
 * would throw before a line of the module is run if it did not.
 */
function placeOf(file: string): string[] {
  const imports = ['data:text/javascript,throw 0', pathToFileURL(file).href]
  const code = imports.map((url) => `import ${JSON.stringify(url)}`).join('\n')
  const args = [...process.execArgv, '--input-type=module', '--eval', code]
  const { stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    timeout: PLACE_TIMEOUT_MS,
  })
  const report = (stderr ?? '').split('\n')
  const end = report.findIndex((line) => line.startsWith('SyntaxError'))
  const start = report.findIndex((line) => /^(file:\/\/)?\/.*:\d+$/.test(line))
  return start < 0 || end < start ? [] : report.slice(start, end).filter(isTheirs)
}
