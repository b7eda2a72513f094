// `npm run bench`: the gateway hello against node:http and uWebSockets.js.
//
//   npm run bench [-- --rounds=15 --seconds=2 --only=keep-alive,pipelined,environ,master,access-log,syscalls,idle]
//
// By server CPU a request, requests a second and system calls a request; interleaved rounds, the
// median of the ratios round by round with its spread, replies validated before and after. An A/A
// control (ours a second time) that differs from itself makes the run invalid. The results of a run
// of all cases go to bench/results/latest.json, as tables to docs/performance.md and as a summary
// to README.md.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root, say } from '../scripts/lib.mjs'
import { CASES } from './cases.mjs'
import { machine } from './measure.mjs'
import { describe, replaceBetween } from './pages.mjs'
import { prepare } from './prepare.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
})
const only = values.only?.split(',')
const unknown = only?.find((name) => CASES[name] === undefined)
if (unknown !== undefined) {
  process.stderr.write(`no case "${unknown}": there are ${Object.keys(CASES).join(', ')}\n`)
  process.exit(2)
}

function progress(name) {
  return (done, all) =>
    process.stderr.write(`\r${name}: round ${done} of ${all}  ${done === all ? '\n' : ''}`)
}

/** Server CPU a request as multiples of ours, for the first screen. */
function summary(report) {
  const cells = (name) => {
    const { rows } = report.cases[name]
    const ours = rows.find((row) => row.server === 'postern').us
    return (server) => `${(rows.find((row) => row.server === server).us / ours).toFixed(2)} ×`
  }
  const keepAlive = cells('keep-alive')
  const pipelined = cells('pipelined')
  const rows = ['postern', 'uWebSockets.js', 'node:http'].map(
    (server) => `| ${server} | ${keepAlive(server)} | ${pipelined(server)} |`,
  )
  return [
    'Server CPU a request, hello world, 64 connections (`npm run bench`):',
    '',
    '| | keep-alive | pipelined ×16 |',
    '|---|---|---|',
    ...rows,
  ].join('\n')
}

prepare()
const how = { count: Number(values.rounds), seconds: Number(values.seconds) }
const report = { machine: machine(), rounds: how.count, seconds: how.seconds, cases: {} }
const text = []
const folder = mkdtempSync(join(tmpdir(), 'postern-bench-'))
try {
  for (const [name, run] of Object.entries(CASES)) {
    if (only !== undefined && !only.includes(name)) continue
    const { lines, json } = await run({ ...how, progress: progress(name) }, folder)
    report.cases[name] = json
    text.push(...lines)
    say(lines.join('\n'))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
if (only === undefined) {
  mkdirSync(join(root, 'bench/results'), { recursive: true })
  writeFileSync(join(root, 'bench/results/latest.json'), `${JSON.stringify(report, null, 2)}\n`)
  const tables = text.join('\n').trim()
  replaceBetween('docs/performance.md', 'results', `${describe(report.machine, how)}\n\n${tables}`)
  replaceBetween('README.md', 'figures', summary(report))
}
