// What the scripts share: running commands, and knowing what is fresh. Node alone, no packages: it
// has to work before anything is installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stamps = join(root, '.stamps')

export function say(text) {
  process.stdout.write(`${text}\n`)
}

/** Runs a command in the foreground; ends this script with its code if it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (result.error !== undefined) {
    process.stderr.write(`${command}: ${result.error.message}\n`)
    process.exit(1)
  }
  if (result.status !== 0) {
    process.stderr.write(`failed: ${command} ${args.join(' ')}\n`)
    process.exit(result.status ?? 1)
  }
}

/** Runs a command quietly and shows its output only if it fails. */
export function runQuietly(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  })
  if (result.status === 0) return result.stdout
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}\n`)
  process.stderr.write(`failed: ${command} ${args.join(' ')}\n`)
  process.exit(result.status ?? 1)
}

export function has(command) {
  const paths = (process.env.PATH ?? '').split(':')
  return paths.some((path) => existsSync(join(path, command)))
}

/** All files under `path`, sorted. */
export function filesUnder(path) {
  if (!existsSync(path)) return []
  if (statSync(path).isFile()) return [path]
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesUnder(join(path, name)))
}

/** A digest of the names and contents of files, relative to the root. */
export function digest(paths, extra = '') {
  const hash = createHash('sha256').update(extra)
  for (const path of paths.flatMap((one) => filesUnder(join(root, one)))) {
    hash.update(path).update('\0').update(readFileSync(path)).update('\0')
  }
  return hash.digest('hex')
}

/** Runs `make` unless the last successful run was for the same digest and `output` is still there. */
export function unlessFresh(name, current, output, make) {
  const stamp = join(stamps, name)
  const fresh = existsSync(stamp) && readFileSync(stamp, 'utf8') === current
  if (fresh && existsSync(join(root, output))) return false
  make()
  mkdirSync(stamps, { recursive: true })
  writeFileSync(stamp, current)
  return true
}
