// Directories for tests, gone when they are over.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'

/** For one test; its path is short enough for that of a unix socket. */
export function ownDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'postern-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** For all tests of a file or a describe. */
export function removedAfterAll(prefix: string): string {
  const dir = mkdtempSync(join(tmpdir(), prefix))
  afterAll(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
