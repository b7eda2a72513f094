// Programs of the distribution that tests and checks need beside Node: installed when they are
// missing and that is allowed, else one line that says what to run. Never silently left out.
//
//   node scripts/peers.mjs nginx clang-format      from the command line
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { has, root, say } from './lib.mjs'

/** What is needed → its Debian package, where that has another name. */
const PACKAGES = {
  nginx: 'nginx-light',
  'clang++': 'clang',
  libfuzzer: () => `libclang-rt-${/version (\d+)/.exec(outputOf('clang++', '--version'))?.[1]}-dev`,
}

/** How to see that something is there which is no command. */
const CHECKS = { libfuzzer: hasFuzzer }

/** Directories of commands that an ordinary user's PATH lacks. */
const SYSTEM_PATHS = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/**
 * Ends this script with code 1 if one of the `peers` is missing and cannot be installed.
 *
 * @param peers commands, or `libfuzzer`: the library of the clang that is there
 */
export function installPeers(peers) {
  addSystemPaths()
  const missing = peers.filter((peer) => !isThere(peer))
  if (missing.length === 0) return
  const packages = missing.map(packageOf)
  const prefix = rootPrefix()
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages]
  if (prefix === null || !has('apt-get')) return giveUp(missing, install)
  say(`installing ${packages.join(', ')} …`)
  // Fresh lists: those of an image are often older than what the archive still has.
  const [apt, ...rest] = install
  const done =
    quietly([...prefix, apt, 'update']) &&
    quietly([...prefix, apt, '-oDPkg::Lock::Timeout=120', ...rest])
  const still = missing.filter((peer) => !isThere(peer))
  if (!done || still.length > 0) giveUp(still.length > 0 ? still : missing, install)
}

function isThere(peer) {
  return CHECKS[peer]?.() ?? has(peer)
}

function packageOf(peer) {
  const found = PACKAGES[peer] ?? peer
  return typeof found === 'function' ? found() : found
}

/** clang says the whole path of a library that it has, and the mere name of one that it has not. */
function hasFuzzer() {
  const arch = { x64: 'x86_64', arm64: 'aarch64' }[process.arch] ?? process.arch
  return outputOf('clang++', `-print-file-name=libclang_rt.fuzzer-${arch}.a`).startsWith('/')
}

function outputOf(command, ...args) {
  return spawnSync(command, args, { encoding: 'utf8' }).stdout ?? ''
}

function addSystemPaths() {
  const paths = (process.env.PATH ?? '').split(':')
  process.env.PATH = [...paths, ...SYSTEM_PATHS.filter((path) => !paths.includes(path))].join(':')
}

/** What makes a command run as root; null: nothing does. */
function rootPrefix() {
  const env = ['env', 'DEBIAN_FRONTEND=noninteractive']
  if (process.getuid?.() === 0) return env
  const sudo = has('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0
  return sudo ? ['sudo', '-n', ...env] : null
}

function quietly([command, ...args]) {
  return spawnSync(command, args, { stdio: ['ignore', 'ignore', 'ignore'] }).status === 0
}

function giveUp(missing, install) {
  process.stderr.write(`${missing.join(', ')} is missing; install it: sudo ${install.join(' ')}\n`)
  process.exit(1)
}

if (process.argv[1] === join(root, 'scripts/peers.mjs')) installPeers(process.argv.slice(2))
