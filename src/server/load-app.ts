// "path/app.ts:export" → the application. How a file becomes a module is in import-module.ts.
import { existsSync, statSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { type Detected, detectApp, type InterfaceName } from '../adapters/detect.js'
import { StartError } from '../errors.js'
import { importModule, LOADABLE, type Module } from './import-module.js'

/** Exports that are looked for when none is named, in this order. */
const USUAL_EXPORTS = ['default', 'application', 'app', 'handler']
/** Files that a directory's application is often in. */
const USUAL_FILES = ['app', 'index', 'server', 'main']

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
  const match = /^(.+):([\p{ID_Start}_$][\p{ID_Continue}$]*)$/u.exec(spec)
  return match === null ? { path: spec, name: undefined } : { path: match[1], name: match[2] }
}

function findFile(path: string): string {
  const file = resolve(path)
  const found = statSync(file, { throwIfNoEntry: false })
  if (found?.isDirectory()) throw directory(path, file)
  if (found !== undefined) {
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

function directory(path: string, file: string): StartError {
  const inside = USUAL_FILES.flatMap((name) => [...LOADABLE].map((extension) => name + extension))
  const usual = inside.find((name) => existsSync(join(file, name)))
  const hint = usual === undefined ? 'name a file in it' : `did you mean ${join(path, usual)}?`
  return new StartError(`${path} is a directory: ${hint}`)
}

function pickExport(module: Module, name: string | undefined, path: string): [string, unknown] {
  if (name !== undefined) {
    const holder = [module, nested(module)].find((one) => Object.hasOwn(one, name))
    if (holder !== undefined) return [name, holder[name]]
    throw new StartError(`${path} has no export "${name}": it has ${listExports(module)}`)
  }
  for (const usual of USUAL_EXPORTS) {
    if (Object.hasOwn(module, usual) && module[usual] !== undefined) {
      return [usual, unwrap(module[usual])]
    }
  }
  throw new StartError(
    `${path} exports no application: it has ${listExports(module)}; export it as default, or name it, ${path}:NAME`,
  )
}

/** A CommonJS module comes as the default export of an ES module. */
function nested(module: Module): Module {
  const inner = module.default
  return (typeof inner === 'object' && inner !== null) || typeof inner === 'function'
    ? (inner as Module)
    : {}
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
