// `npm run bench:ladder`: which layer costs what. Six servers that differ by one layer each, in
// interleaved rounds; the ratio of each to L0, the raw limit, by server CPU a request.
//
//   npm run bench:ladder [-- --rounds=15 --seconds=2]
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root, say } from '../scripts/lib.mjs'
import {
  machine,
  median,
  ratio,
  rounds,
  startServer,
  stopServer,
  validate,
  wrk,
} from './measure.mjs'
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
const servers = []
for (const [i, rung] of RUNGS.entries()) servers.push(await startServer(rung, 9300 + i))
try {
  for (const server of servers) await validate(server)
  const report = { machine: machine(), cases: {} }
  for (const [name, script] of [
    ['keep-alive', undefined],
    ['pipelined ×16', 'pipelined.lua'],
  ]) {
    const drive = (server, seconds) => wrk(server, seconds, { script })
    const results = rounds(servers, {
      count: Number(values.rounds),
      seconds: Number(values.seconds),
      drive,
      progress: (done, all) => process.stderr.write(`\r${name}: round ${done} of ${all} `),
    })
    process.stderr.write('\n')
    say(`\n${name}, -c64, server CPU a request\n`)
    say('| rung | what | µs | × L0 | 95 % |')
    say('|---|---|---|---|---|')
    report.cases[name] = RUNGS.map((rung) => {
      const to = ratio(results, rung.name, 'L0')
      const us = median(results.get(rung.name).map((one) => one.us))
      say(
        `| ${rung.name} | ${rung.what} | ${us.toFixed(2)} | ${to.ratio.toFixed(3)} | ${to.low.toFixed(3)}–${to.high.toFixed(3)} |`,
      )
      return { rung: rung.name, us, ...to }
    })
  }
  mkdirSync(join(root, 'bench/results'), { recursive: true })
  writeFileSync(join(root, 'bench/results/ladder.json'), `${JSON.stringify(report, null, 2)}\n`)
} finally {
  for (const server of servers) await stopServer(server)
}
