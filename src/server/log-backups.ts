// Log files that were put aside: "FILE.1764203154", uWSGI's names, compressed to
// "FILE.1764203154.gz"; the oldest go when there are too many.
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

const BACKUP_RE = /^\.(\d+)(\.gz(\.part)?)?$/

/** A name that is free, with the time of now. */
export function backupName(path: string): string {
  let seconds = Math.floor(Date.now() / 1000)
  while (existsSync(`${path}.${seconds}`) || existsSync(`${path}.${seconds}.gz`)) seconds++
  return `${path}.${seconds}`
}

/** Nobody writes to it any more. */
export async function compress(backup: string): Promise<void> {
  const part = `${backup}.gz.part`
  await pipeline(createReadStream(backup), createGzip(), createWriteStream(part, { mode: 0o640 }))
  await rename(part, `${backup}.gz`)
  await rm(backup)
}

/** Removes all but the newest `keep` backups of a file. */
export async function removeOld(path: string, keep: number): Promise<void> {
  const directory = dirname(path)
  const name = basename(path)
  const times = new Map<number, string[]>()
  for (const entry of await readdir(directory)) {
    const match = entry.startsWith(name) ? BACKUP_RE.exec(entry.slice(name.length)) : null
    if (match === null) continue
    const time = Number(match[1])
    times.set(time, [...(times.get(time) ?? []), entry])
  }
  const newest = [...times.keys()].sort((a, b) => b - a)
  for (const time of newest.slice(keep)) {
    for (const entry of times.get(time) ?? []) await rm(join(directory, entry), { force: true })
  }
}
