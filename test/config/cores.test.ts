// What --processes auto is: as many cores as there are, as long as the cgroup grants them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { grantedCores } from '../../src/config/cores.js'

function granted(cpuMax: string): number {
  const dir = mkdtempSync(join(tmpdir(), 'postern-cores-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  writeFileSync(join(dir, 'cpu.max'), cpuMax)
  return grantedCores(join(dir, 'cpu.max'))
}

const all = availableParallelism()

test.each([
  ['max 100000\n', all],
  ['50000 100000\n', 1],
  ['100000 100000\n', 1],
  ['150000 100000\n', Math.min(all, 2)],
  ['999900000 100000\n', all],
  ['nonsense', all],
])('%j', (cpuMax, cores) => {
  expect(granted(cpuMax)).toBe(cores)
})

test('no cgroup: all', () => {
  expect(grantedCores('/nowhere/cpu.max')).toBe(all)
})
