// Log files that were put aside: their names, that they are compressed whole, and which of them go.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { backupName, compress, removeOld } from '../../src/server/log-backups.js'
import { ownDirectory } from '../support/directories.js'

describe('a backup', () => {
  test('has the time in its name, and never that of another one', () => {
    const path = join(ownDirectory(), 'a.log')
    const names = new Set<string>()
    for (let i = 0; i < 6; i++) {
      const name = backupName(path)
      expect(Math.abs(Number(name.slice(path.length + 1)) - Date.now() / 1000)).toBeLessThan(10)
      names.add(name)
      writeFileSync(i % 2 === 0 ? name : `${name}.gz`, '')
    }
    expect(names.size).toBe(6)
  })

  test('is compressed whole, and nothing else is left of it', async () => {
    const dir = ownDirectory()
    const text = 'a line\n'.repeat(100_000)
    writeFileSync(join(dir, 'a.log.5'), text)
    await compress(join(dir, 'a.log.5'))
    expect(readdirSync(dir)).toEqual(['a.log.5.gz'])
    expect(gunzipSync(readFileSync(join(dir, 'a.log.5.gz'))).toString()).toBe(text)
  })

  test('that cannot be compressed stays', async () => {
    const dir = ownDirectory()
    await expect(compress(join(dir, 'a.log.5'))).rejects.toThrow('ENOENT')
    expect(existsSync(join(dir, 'a.log.5.gz'))).toBe(false)
  })
})

describe('old backups', () => {
  const OTHERS = [
    'a.log',
    'a.log.old',
    'a.log.5.txt',
    'a.log.x5',
    'b.log.1',
    'a.log.5.gz.gz',
    'aalog.1',
  ]

  test.each([
    [9, ['10', '20', '30', '40']],
    [2, ['30', '40']],
    [0, []],
  ])('%i are kept, the newest, and files of others are left alone', async (keep, left) => {
    const dir = ownDirectory()
    const backups = ['a.log.30', 'a.log.10.gz', 'a.log.40.gz', 'a.log.20', 'a.log.20.gz.part']
    for (const name of [...OTHERS, ...backups]) writeFileSync(join(dir, name), '')
    await removeOld(join(dir, 'a.log'), keep)
    const entries = readdirSync(dir)
    expect(OTHERS.filter((name) => !entries.includes(name))).toEqual([])
    const kept = entries.filter((name) => !OTHERS.includes(name)).map((name) => name.split('.')[2])
    expect([...new Set(kept)].sort()).toEqual(left)
  })
})
