// The sources of this repository in another place, as a fresh clone would have them: what was
// written, and nothing that was made of it.
import { cpSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const MADE: ReadonlySet<string> = new Set([
  '.git',
  '.stamps',
  'build',
  'coverage',
  'dist',
  'node_modules',
  'prebuilds',
])

/** @param folders top-level names to copy as well, although they were made */
export function copySources(to: string, ...folders: string[]): void {
  cpSync(ROOT, to, {
    recursive: true,
    filter: (path) => {
      const parts = relative(ROOT, path).split(sep)
      return folders.includes(parts[0]) || !parts.some((part) => MADE.has(part))
    },
  })
}
