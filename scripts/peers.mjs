// Programs of the distribution that tests and checks need beside Node: installed when they are
// missing and that is allowed, else one line that says what to run. Never silently left out.
//
//   node scripts/peers.mjs nginx clang-format      from the command line
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { has, root, say } from './lib.mjs'

/** Command → Debian package, where they differ. */
const PACKAGES = { nginx: 'nginx-light' }

/** Directories of commands that an ordinary user's PATH lacks. */
const SYSTEM_PATHS = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** Ends this script with code 1 if one of the `commands` is missing and cannot be installed. */
export function installPeers(commands) {
  addSystemPaths()
  const missing = commands.filter((command) => !has(command))
  if (missing.length === 0) return
  const packages = missing.map((command) => PACKAGES[command] ?? command)
  const prefix = rootPrefix()
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages]
  if (prefix === null || !has('apt-get')) return giveUp(missing, install)
  say(`installing ${packages.join(', ')} …`)
  // Fresh lists: those of an image are often older than what the archive still has.
  const [apt, ...rest] = install
  const done =
    quietly([...prefix, apt, 'update']) &&
    quietly([...prefix, apt, '-oDPkg::Lock::Timeout=120', ...rest])
  const still = missing.filter((command) => !has(command))
  if (!done || still.length > 0) giveUp(still.length > 0 ? still : missing, install)
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
