// How many cores this process is granted: those that it may run on, and no more than the quota of its
// cgroup (v2), which is what a container's limit is. Not how many the machine has.
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** @param cpuMax path of cgroup v2's cpu.max: "QUOTA PERIOD" in µs, QUOTA may be "max" */
export function grantedCores(cpuMax: string = '/sys/fs/cgroup/cpu.max'): number {
  return Math.max(1, Math.min(availableParallelism(), quota(cpuMax)))
}

/** A part of a core is worth a worker: 1.5 cores are 2. */
function quota(cpuMax: string): number {
  try {
    const [granted, period] = readFileSync(cpuMax, 'utf8').trim().split(' ').map(Number)
    return granted > 0 && period > 0 ? Math.ceil(granted / period) : Number.POSITIVE_INFINITY
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
