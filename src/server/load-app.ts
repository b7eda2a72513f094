// "path/app.ts:export" → the application. JavaScript by import(), TypeScript as it is: by Node
// itself where it strips types, else by jiti.
import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Detected, detectApp, type InterfaceName } from '../adapters/detect.js'
import { StartError } from '../errors.js'

const TYPESCRIPT: ReadonlySet<string> = new Set(['.ts', '.mts', '.cts', '.tsx'])
const LOADABLE: ReadonlySet<string> = new Set(['.js', '.mjs', '.cjs', '.jsx', ...TYPESCRIPT])
/** Exports that are looked for when none is named, in this order. */
const USUAL_EXPORTS = ['default', 'application', 'app', 'handler']

type Module = Record<string, unknown>

/**
 * @param spec file, and after a colon the name of the export
 * @throws {StartError} with what was looked for and what there is
 */
export async function loadApp(spec: string, wanted: 'auto' | InterfaceName): Promise<Detected> {
  const { path, name } = splitSpec(spec)
  const file = findFile(path)
  const module = await importModule(file, path)
  const [found, value] = pickExport(module, name, path)
  return detectApp(value, wanted, `${path}:${found}`)
}

/** The last colon separates, unless what is behind it cannot be a name. */
function splitSpec(spec: string): { path: string; name: string | undefined } {
  const match = /^(.+):([A-Za-z_$][\w$]*)$/.exec(spec)
  return match === null ? { path: spec, name: undefined } : { path: match[1], name: match[2] }
}

function findFile(path: string): string {
  const file = resolve(path)
  if (existsSync(file) && statSync(file).isFile()) {
    if (LOADABLE.has(extname(file))) return file
    throw new StartError(`${path} is not a JavaScript or TypeScript file`)
  }
  for (const extension of LOADABLE) {
    if (existsSync(file + extension)) {
      throw new StartError(`there is no file ${path}: did you mean ${path}${extension}?`)
    }
  }
  throw new StartError(`there is no file ${path} (looked for ${file})`)
}

async function importModule(file: string, path: string): Promise<Module> {
  try {
    if (TYPESCRIPT.has(extname(file)) && !stripsTypes()) return await importTypeScript(file)
    return (await import(pathToFileURL(file).href)) as Module
  } catch (error) {
    throw new StartError(`${path} does not load: ${explain(error, path)}`, undefined, {
      cause: error,
    })
  }
}

/** Node 22.18 and later strip types themselves. */
function stripsTypes(): boolean {
  return Boolean((process.features as { typescript?: unknown }).typescript)
}

async function importTypeScript(file: string): Promise<Module> {
  const require = createRequire(import.meta.url)
  const { createJiti } = require('jiti') as typeof import('jiti')
  return (await createJiti(import.meta.url).import(file)) as Module
}

/** The error in one line, then its stack: the place in the user's file is what they need. */
function explain(error: unknown, path: string): string {
  if (!(error instanceof Error)) return String(error)
  const stack = error.stack ?? error.message
  // A syntax error names its place only in the lines above its message.
  return error instanceof SyntaxError && !stack.includes(path)
    ? `${error.name}: ${error.message}\n${stack}`
    : stack
}

function pickExport(module: Module, name: string | undefined, path: string): [string, unknown] {
  if (name !== undefined) {
    const holder = name in module ? module : nested(module)
    if (name in holder) return [name, holder[name]]
    throw new StartError(`${path} has no export "${name}": it has ${listExports(module)}`)
  }
  for (const usual of USUAL_EXPORTS) {
    if (usual in module && module[usual] !== undefined) return [usual, unwrap(module[usual])]
  }
  throw new StartError(
    `${path} exports no application: it has ${listExports(module)}; export it as default, or name it, ${path}:NAME`,
  )
}

/** A CommonJS module comes as the default export of an ES module. */
function nested(module: Module): Module {
  const inner = module.default
  return inner !== null && typeof inner === 'object' ? (inner as Module) : {}
}

/** `exports.default = app`, seen through import(). */
function unwrap(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value
  const inner = value as Module
  for (const usual of USUAL_EXPORTS) if (typeof inner[usual] === 'function') return inner[usual]
  return value
}

function listExports(module: Module): string {
  const names = Object.keys(module).filter(
    (name) => name !== '__esModule' && name !== 'module.exports',
  )
  return names.length === 0 ? 'no exports' : `the exports ${names.join(', ')}`
}
