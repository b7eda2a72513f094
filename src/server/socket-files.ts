// The files of the unix sockets that a server has bound, and how they go: each one once, and only
// while it is the file that the server made. A successor may have put its own in the same place.
import { lstatSync, unlinkSync } from 'node:fs'
import { resolve } from 'node:path'

interface SocketFile {
  readonly path: string
  readonly device: number
  readonly inode: number
}

export class SocketFiles {
  private readonly files: SocketFile[] = []
  private readonly vacuum: boolean

  /** @param vacuum false: they stay */
  constructor(vacuum: boolean = true) {
    this.vacuum = vacuum
  }

  /** Right after bind(2). */
  add(path: string): void {
    const found = lstatSync(path, { throwIfNoEntry: false })
    // The application may change the working directory before the file is removed.
    if (found !== undefined) {
      this.files.push({ path: resolve(path), device: found.dev, inode: found.ino })
    }
  }

  remove(): void {
    if (!this.vacuum) return
    for (const { path, device, inode } of this.files.splice(0)) {
      try {
        const now = lstatSync(path)
        if (now.dev === device && now.ino === inode) unlinkSync(path)
      } catch {
        // Somebody else removed it: then it is not ours to complain about.
      }
    }
  }
}
