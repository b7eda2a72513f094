// `npm run test:long`: what `npm test` has no time for. Each fuzz target for a minute, and the native
// tests ten times over beside a busy machine, which shows those that pass by luck. The last result
// is written to docs/long-tests.md; the code is that of the worst part.
//
//   npm run test:long [-- --seconds=60] [-- --rounds=10]
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { compilerVersion, fuzz, targets } from './fuzz.mjs'
import { root, say } from './lib.mjs'

const REPORT = 'docs/long-tests.md'

function argument(name, fallback) {
  const prefix = `--${name}=`
  const given = process.argv.find((one) => one.startsWith(prefix))
  return given === undefined ? fallback : Number(given.slice(prefix.length))
}

/** One busy process a core, until `stop` is called. */
function makeBusy() {
  const loops = cpus().map(() =>
    spawn(process.execPath, ['-e', 'for (;;) {}'], { stdio: 'ignore' }),
  )
  return () => {
    for (const loop of loops) loop.kill('SIGKILL')
  }
}

/** The native tests, `rounds` times: how often they passed, and what the last one counted. */
function repeatNative(rounds) {
  const script = join(root, 'scripts/test-native.mjs')
  const once = () => spawnSync(process.execPath, [script], { cwd: root, encoding: 'utf8' })
  once() // builds
  const stop = makeBusy()
  try {
    let passed = 0
    let count = '?'
    for (let round = 1; round <= rounds; round++) {
      const { status, stdout, stderr } = once()
      count = /native: (\d+) tests/.exec(stdout)?.[1] ?? count
      if (status === 0) passed++
      else process.stderr.write(stderr)
    }
    say(`native tests, busy machine: ${passed} of ${rounds} rounds passed, ${count} tests each`)
    return { rounds, passed, count }
  } finally {
    stop()
  }
}

function commit() {
  const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.trim()
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', '.', `:!${REPORT}`)
  return `${git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : ' with changes'}`
}

function machine() {
  const model = /model name\s*:\s*(.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '?'
  return `${cpus().length} × ${model}, Linux ${release()}`
}

function report(seconds, results, native) {
  const rows = results.map(
    ({ target, executions, edges, clean, reproducer }) =>
      `| \`${target}\` | ${executions.toLocaleString('en')} | ${edges} | ${clean ? 'clean' : `**failed**: ${reproducer}`} |`,
  )
  return `# Long tests

The last result of \`npm run test:long\`; written by it, not by hand.

- date: ${new Date().toISOString().slice(0, 10)}
- commit: ${commit()}
- machine: ${machine()}
- compiler: ${compilerVersion()}, \`-fsanitize=fuzzer,address,undefined\`

## Fuzzing, ${seconds} s each

| target | executions | edges | result |
|---|---|---|---|
${rows.join('\n')}

What each target states stands in the first lines of \`test/fuzz/TARGET_fuzz.cc\`.

## Native tests on a busy machine

${native.passed} of ${native.rounds} rounds passed, ${native.count} tests each, beside one busy loop a core.
`
}

const seconds = argument('seconds', 60)
const results = await fuzz(targets, seconds)
const native = repeatNative(argument('rounds', 10))
writeFileSync(join(root, REPORT), report(seconds, results, native))
say(`written: ${REPORT}`)
const good = results.every((one) => one.clean) && native.passed === native.rounds
process.exit(good ? 0 : 1)
