// Makes a checkout ready to run: dependencies, addon, TypeScript; each only if it is stale.
//
//   node scripts/setup.mjs [--debug]      --debug: the addon with assertions, in build/Debug;
//                                         POSTERN_ADDON=build/Debug/postern.node uses it
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { digest, has, root, run, runQuietly, say, unlessFresh } from './lib.mjs'

/** @param debug build the addon with assertions instead of optimised */
export function setUp({ debug = false } = {}) {
  checkNode()
  unlessFresh('dependencies', digest(['package.json', 'package-lock.json']), 'node_modules', () => {
    say('installing dependencies …')
    // Not `npm ci`: where a registry lacks optional packages of other platforms, npm 11 and 12 refuse
    // the lock file that they wrote themselves (npm/cli#9846). This reads the same lock file.
    const flags = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    run('npm', ['install', ...flags])
  })
  const kind = debug ? 'Debug' : 'Release'
  const sources = digest(['native', 'binding.gyp'], `${process.version} ${process.arch}`)
  unlessFresh(`addon-${kind}`, sources, `build/${kind}/postern.node`, () => {
    say(`building the addon (${kind}) …`)
    buildAddon(kind)
  })
  unlessFresh(
    'typescript',
    digest(['src', 'tsconfig.json', 'package.json']),
    'dist/index.js',
    () => {
      say('compiling TypeScript …')
      rmSync(join(root, 'dist'), { recursive: true, force: true })
      runQuietly('node_modules/.bin/tsc', ['-p', 'tsconfig.json'])
    },
  )
}

function checkNode() {
  const major = Number(process.versions.node.split('.')[0])
  if (major >= 20) return
  process.stderr.write(`Postern needs Node 20 or later; this is ${process.version}\n`)
  process.exit(1)
}

/** node-gyp says the same in fifty lines. */
function checkCompiler() {
  const wanted = [
    ['g++', process.env.CXX !== undefined || ['g++', 'c++', 'clang++'].some(has)],
    ['make', has('make')],
    ['python3', process.env.PYTHON !== undefined || ['python3', 'python'].some(has)],
  ]
  const missing = wanted.filter(([, there]) => !there).map(([name]) => name)
  if (missing.length === 0) return
  process.stderr.write(
    `Postern's addon is C++20; to build it, install ${missing.join(', ')} ` +
      `(Debian: sudo apt-get install g++ make python3)\n`,
  )
  process.exit(1)
}

function buildAddon(kind) {
  checkCompiler()
  // Through npm, so that its settings (nodedir, proxies) reach node-gyp.
  const gyp = (...args) =>
    runQuietly('npm', ['exec', '--no', '--loglevel=error', '--', 'node-gyp', ...args])
  gyp('configure', kind === 'Debug' ? '--debug' : '--release')
  gyp('build', kind === 'Debug' ? '--debug' : '--release', '-j', 'max')
}

if (process.argv[1] === join(root, 'scripts/setup.mjs')) {
  setUp({ debug: process.argv.includes('--debug') })
}
