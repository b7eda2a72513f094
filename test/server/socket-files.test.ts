// The files of unix sockets go once, and only ours.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { SocketFiles } from '../../src/server/socket-files.js'
import { ownDirectory } from '../support/directories.js'

function fileIn(dir: string, name = 'a.sock'): string {
  const path = `${dir}/${name}`
  writeFileSync(path, '')
  return path
}

test('what was added is removed', () => {
  const dir = ownDirectory()
  const paths = [fileIn(dir, 'a'), fileIn(dir, 'b')]
  const files = new SocketFiles()
  for (const path of paths) files.add(path)
  files.remove()
  expect(paths.filter((path) => existsSync(path))).toEqual([])
})

test('a file that a successor has put in its place stays', () => {
  const dir = ownDirectory()
  const path = fileIn(dir)
  const files = new SocketFiles()
  files.add(path)
  // Made before the first one goes: it cannot get the same inode.
  renameSync(fileIn(dir, 'successor'), path)
  files.remove()
  expect(existsSync(path)).toBe(true)
})

test('a file is removed once: the same name is free for others then', () => {
  const path = fileIn(ownDirectory())
  const files = new SocketFiles()
  files.add(path)
  files.remove()
  writeFileSync(path, '')
  files.remove()
  expect(existsSync(path)).toBe(true)
})

test('a file that is gone already, or never was there, is no error', () => {
  const path = fileIn(ownDirectory())
  const files = new SocketFiles()
  files.add(path)
  files.add(`${path}.none`)
  rmSync(path)
  expect(() => files.remove()).not.toThrow()
})

test('a relative path is that of the time when it was added', () => {
  const dir = ownDirectory()
  const before = process.cwd()
  onTestFinished(() => process.chdir(before))
  process.chdir(dir)
  fileIn(dir)
  const files = new SocketFiles()
  files.add('./a.sock')
  mkdirSync('elsewhere')
  process.chdir('elsewhere')
  files.remove()
  expect(existsSync(`${dir}/a.sock`)).toBe(false)
})
