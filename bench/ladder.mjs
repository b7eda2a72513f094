// `npm run bench:ladder`: which layer costs what. Six servers that differ by one layer each, in
// interleaved rounds; the ratio of each to L0, the raw limit, by server CPU a request.
//
//   npm run bench:ladder [-- --rounds=15 --seconds=2]
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root, say } from '../scripts/lib.mjs'
import { machine, median, ratio, rounds, wrk } from './measure.mjs'
import { describe, replaceBetween } from './pages.mjs'
import { prepare } from './prepare.mjs'

const NODE = process.execPath
const RUNGS = [
  {
    name: 'L0',
    what: 'raw epoll, fixed bytes, nothing parsed',
    command: ['bench/build/limit', '{port}', '0'],
  },
  { name: 'L1', what: 'L0 and the parser', command: ['bench/build/limit', '{port}', '1'] },
  {
    name: 'L2',
    what: "L1 nested in Node's loop",
    command: [NODE, 'bench/servers/rung.mjs', 'nested', '{port}'],
  },
  {
    name: 'L3',
    what: 'the engine, answered in C++',
    command: [NODE, 'bench/servers/rung.mjs', 'engine', '{port}'],
  },
  {
    name: 'L4',
    what: 'the addon, answered by constant JavaScript',
    command: [NODE, 'bench/servers/rung.mjs', 'smallest', '{port}'],
  },
  {
    name: 'gateway',
    what: 'the product: environ, startResponse, a string',
    ready: 'Postern',
    command: [
      NODE,
      'dist/cli/main.js',
      '--no-server-header',
      '--disable-logging',
      '--http-socket',
      '127.0.0.1:{port}',
      'bench/servers/app.mjs',
    ],
  },
]

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, seconds: { type: 'string', default: '2' } },
})

prepare()
const how = { count: Number(values.rounds), seconds: Number(values.seconds) }
const report = { machine: machine(), ...how, cases: {} }
const text = [describe(report.machine, how)]
for (const [name, script] of [
  ['keep-alive', undefined],
  ['pipelined ×16', 'pipelined.lua'],
]) {
  const results = await rounds(RUNGS, {
    ...how,
    drive: (server, seconds) => wrk(server, seconds, { script }),
    progress: (done, all) => process.stderr.write(`\r${name}: round ${done} of ${all} `),
  })
  process.stderr.write('\n')
  report.cases[name] = RUNGS.map(({ name: rung, what }) => ({
    rung,
    what,
    us: median(results.get(rung).map((one) => one.us)),
    ...ratio(results, rung, 'L0'),
  }))
  text.push('', `### ${name}`, '', '| rung | what | µs | × L0 | 95 % |', '|---|---|---|---|---|')
  for (const { rung, what, us, ratio: to, low, high } of report.cases[name]) {
    const spread = `${low.toFixed(3)}–${high.toFixed(3)}`
    text.push(`| ${rung} | ${what} | ${us.toFixed(2)} | ${to.toFixed(3)} | ${spread} |`)
  }
}
say(text.join('\n'))
mkdirSync(join(root, 'bench/results'), { recursive: true })
writeFileSync(join(root, 'bench/results/ladder.json'), `${JSON.stringify(report, null, 2)}\n`)
replaceBetween('docs/performance.md', 'ladder', text.join('\n'))
