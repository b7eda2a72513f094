// Where results go besides their JSON: between two marks of a page, so that prose and figures can be
// edited apart.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../scripts/lib.mjs'

/** Puts `text` between `<!-- mark -->` and `<!-- end of mark -->` of a page. */
export function replaceBetween(page, mark, text) {
  const path = join(root, page)
  const before = readFileSync(path, 'utf8')
  const marks = new RegExp(`(<!-- ${mark} -->\n)[\\s\\S]*(<!-- end of ${mark} -->)`)
  if (!marks.test(before)) throw new Error(`${page} has no marks for ${mark}`)
  writeFileSync(
    path,
    before.replace(marks, (_all, first, last) => `${first}\n${text}\n\n${last}`),
  )
}

/** One line about what the figures were measured on. */
export function describe({ date, commit, cpu, cores, kernel, node }, { count, seconds }) {
  return (
    `Measured ${date.slice(0, 10)} at ${commit}: ${cpu}, ${cores} cores, Linux ${kernel}, Node ${node}; ` +
    `${count} rounds of ${seconds} s. Indicative only: the machine is shared, the ratios hold.`
  )
}
