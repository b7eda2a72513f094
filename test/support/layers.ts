// The floor plan of architecture.md §3 as functions over a tree of sources, path → text: which file
// may include or import which, and what only one floor may touch. Reads no files; each function
// returns complaints, one line each, and an empty list when all is well.
import ts from 'typescript'

/** Paths relative to the root of the repository, with forward slashes. */
export type Tree = ReadonlyMap<string, string>

interface Edge {
  readonly from: string
  readonly to: string
}

/** From the ground up: a file may use its own floor and those before it. */
const NATIVE_FLOORS = ['base', 'protocols', 'engine', 'python', 'binding']

const TYPESCRIPT_FLOORS: readonly (readonly string[])[] = [
  ['native', 'errors.ts', 'version.ts'],
  ['gateway'],
  ['adapters'],
  ['config'],
  ['server'],
  ['manager'],
  ['emperor'],
  ['index.ts'],
  ['cli'],
]

/** System headers that belong to one floor of native/. */
const OWNED_HEADERS: readonly { readonly headers: RegExp; readonly floor: string }[] = [
  {
    headers:
      /^(sys\/(socket|un|epoll|eventfd|signalfd|timerfd|sendfile|uio|ioctl|select)|poll|netdb|ifaddrs|(arpa|net|netinet|netpacket|linux)\/.*)\.h$/,
    floor: 'engine',
  },
  {
    headers: /^((node|js_native)_api(_types)?|napi(-inl)?|node|v8|uv)\.h$|^uv\//,
    floor: 'binding',
  },
  { headers: /^(Python|structmember)\.h$/, floor: 'python' },
]

/** Modules with which a file could reach outside of the process: not for the gateway. */
const OUTSIDE_RE =
  /^(node:)?(child_process|cluster|dgram|dns|fs|http2|https|net|tls|worker_threads)(\/.*)?$/

const CPP_RE = /^native\/.*\.(cc|h)$/
const TS_RE = /^src\/.*\.ts$/

/** Includes of native/: upward, unknown, circular, or of a header that another floor owns. */
export function checkNative(tree: Tree): string[] {
  const complaints: string[] = []
  const edges: Edge[] = []
  for (const [path, text] of tree) {
    if (!CPP_RE.test(path)) continue
    for (const { name, system } of includesOf(text)) {
      const wrong = system ? badSystem(path, name) : badInclude(tree, path, name)
      if (wrong !== null) complaints.push(`${path}: ${wrong}`)
      if (!system) edges.push({ from: path, to: `native/${name}` })
    }
    if (nativeFloor(path) < 0) complaints.push(`${path}: is on no floor`)
  }
  return [...complaints, ...findCycles(edges)]
}

function badInclude(tree: Tree, path: string, name: string): string | null {
  const target = `native/${name}`
  if (!tree.has(target)) return `includes "${name}", which is no path from native/`
  return nativeFloor(target) > nativeFloor(path) ? `includes "${name}" from a floor above` : null
}

function badSystem(path: string, name: string): string | null {
  const owner = OWNED_HEADERS.find(({ headers }) => headers.test(name))
  if (owner === undefined || path.startsWith(`native/${owner.floor}/`)) return null
  return `includes <${name}>, which only ${owner.floor}/ may`
}

function nativeFloor(path: string): number {
  return NATIVE_FLOORS.indexOf(path.split('/')[1])
}

export function includesOf(text: string): { name: string; system: boolean }[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '')
  const found = code.matchAll(/^[ \t]*#[ \t]*include[ \t]*(?:<([^>]+)>|"([^"]+)")/gm)
  return [...found].map(([, angle, quoted]) =>
    angle === undefined ? { name: quoted, system: false } : { name: angle, system: true },
  )
}

/** Imports of src/: upward, unknown, circular; and what only one file may do. */
export function checkTypeScript(tree: Tree): string[] {
  const complaints: string[] = []
  const edges: Edge[] = []
  for (const [path, text] of tree) {
    if (!TS_RE.test(path)) continue
    for (const name of importsOf(text)) {
      const wrong = name.startsWith('.') ? badImport(tree, path, name) : badModule(path, name)
      if (wrong !== null) complaints.push(`${path}: ${wrong}`)
      if (name.startsWith('.')) edges.push({ from: path, to: resolveImport(path, name) })
    }
    if (typescriptFloor(path) < 0) complaints.push(`${path}: is on no floor`)
  }
  return [...complaints, ...findCycles(edges), ...checkExits(tree)]
}

function badImport(tree: Tree, path: string, name: string): string | null {
  const target = resolveImport(path, name)
  if (!tree.has(target)) return `imports "${name}", which is no file of src/`
  return typescriptFloor(target) > typescriptFloor(path)
    ? `imports "${name}" from a floor above`
    : null
}

function badModule(path: string, name: string): string | null {
  if (path.startsWith('src/gateway/') && OUTSIDE_RE.test(name)) {
    return `imports "${name}": the gateway is pure`
  }
  const addon = name === 'node-gyp-build' || name.endsWith('.node')
  return addon && path !== 'src/native/addon.ts'
    ? `imports "${name}", which only native/addon.ts may`
    : null
}

/** Every way to name another module: import, export from, import(), require(), import types. */
export function importsOf(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName)
}

/** "src/a/b.ts" and "../c/d.js" → "src/c/d.ts". */
function resolveImport(from: string, name: string): string {
  const url = new URL(name, `file:///${from}`)
  return url.pathname.slice(1).replace(/\.js$/, '.ts')
}

function typescriptFloor(path: string): number {
  const room = path.split('/')[1]
  return TYPESCRIPT_FLOORS.findIndex((floor) => floor.includes(room))
}

function checkExits(tree: Tree): string[] {
  return [...tree]
    .filter(([path]) => TS_RE.test(path) && path !== 'src/cli/lifetime.ts')
    .filter(([, text]) => /\bprocess\.(exit|abort|kill)\(/.test(withoutComments(text)))
    .map(([path]) => `${path}: ends the process, which only cli/lifetime.ts may`)
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')
}

/** One complaint for each way back that a walk over the edges finds. */
function findCycles(edges: readonly Edge[]): string[] {
  const next = new Map<string, string[]>()
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to])
  const done = new Set<string>()
  const complaints: string[] = []
  const walk = (at: string, path: readonly string[]): void => {
    const seen = path.indexOf(at)
    if (seen >= 0) complaints.push(`a cycle: ${[...path.slice(seen), at].join(' → ')}`)
    if (seen >= 0 || done.has(at)) return
    for (const to of next.get(at) ?? []) walk(to, [...path, at])
    done.add(at)
  }
  for (const from of next.keys()) walk(from, [])
  return complaints
}

/** Files that do not say at their top what they are. */
export function checkOpenings(tree: Tree): string[] {
  return [...tree]
    .filter(([, text]) => !/^(#!.*\n)?\/[/*]/.test(text))
    .map(([path]) => `${path}: does not open with a comment`)
}
