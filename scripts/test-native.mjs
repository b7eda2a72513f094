// Builds and runs the C++ tests of test/native, under AddressSanitizer and UBSan.
//
//   node scripts/test-native.mjs                    all
//   node scripts/test-native.mjs corpus             one executable: unit, engine, timeouts, corpus,
//                                                   fuzz-replay (the fuzz targets with known inputs)
//   node scripts/test-native.mjs unit "chunk size"  the tests whose title contains that text
//   node scripts/test-native.mjs corpus own/te/01   one case of the corpus (a prefix of its id)
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { writeCorpus } from './corpus-lines.mjs'
import { SEEDS, writeSeeds } from './fuzz-seeds.mjs'
import { root, say } from './lib.mjs'
import { compile, link, pureSources, sourcesUnder } from './native-build.mjs'

const OUT = 'build/native-tests'
const SANITIZE = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
const COMPILER = [
  ...['g++', '-std=c++20', '-O1', '-g1', '-fno-exceptions', '-fno-rtti', ...SANITIZE],
  ...['-fno-omit-frame-pointer', '-DPOSTERN_DEBUG', '-Inative', '-Itest/native', '-Itest/fuzz'],
  ...['-Wall', '-Wextra', '-Werror', '-Wno-missing-field-initializers'],
]
const MAIN = 'test/native/main.cc'
const FUZZER_MAIN = 'test/fuzz/libfuzzer_main.cc'

/** The executables and their sources. */
function programs() {
  const all = sourcesUnder('test/native').filter((path) => path !== MAIN)
  const engine = all.filter((path) => /\/engine\/engine_.*\.cc$/.test(path))
  const rig = engine.filter((path) => !path.endsWith('_test.cc'))
  const timeouts = engine.filter((path) => path.endsWith('timeout_test.cc'))
  const corpus = all.filter((path) => path.startsWith('test/native/corpus'))
  const unit = all.filter((path) => !engine.includes(path) && !corpus.includes(path))
  return {
    timeouts: [...rig, ...timeouts],
    corpus,
    unit,
    engine: engine.filter((path) => !timeouts.includes(path)),
    'fuzz-replay': sourcesUnder('test/fuzz').filter((path) => path !== FUZZER_MAIN),
  }
}

async function build(wanted) {
  const natives = await compile(pureSources(), OUT, COMPILER)
  const built = []
  for (const [name, sources] of Object.entries(programs())) {
    if (wanted !== undefined && name !== wanted) continue
    // The replay of the fuzzers has a main of its own.
    const all = name === 'fuzz-replay' ? sources : [MAIN, ...sources]
    const objects = await compile(all, OUT, COMPILER)
    link([...objects, ...natives], `${OUT}/${name}`, ['g++', ...SANITIZE])
    built.push(name)
  }
  return built
}

function runProgram(name, args) {
  const env = {
    ...process.env,
    ASAN_OPTIONS: 'abort_on_error=0:handle_abort=1:detect_leaks=1:detect_stack_use_after_return=1',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    POSTERN_CORPUS: join(root, OUT, 'corpus-lines'),
    POSTERN_FUZZ_SEEDS: join(root, SEEDS),
  }
  const child = spawn(join(root, OUT, name), args, { cwd: root, env })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8')
    stream.on('data', (text) => {
      output += text
    })
  }
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ name, output, code, signal }))
  })
}

/** What a reader needs: from each failing test its diagnostics, or all behind the last title. */
function explain({ name, output, code, signal }) {
  const lines = output.split('\n')
  if (!lines.some((line) => line.startsWith('1..'))) {
    const last = lines.findLastIndex((line) => /^(not )?ok /.test(line))
    return [`${name} died (${signal ?? `exit ${code}`}) in:`, ...lines.slice(last + 1)].join('\n')
  }
  const failed = []
  let since = 0
  for (const [at, line] of lines.entries()) {
    if (!/^(not )?ok /.test(line)) continue
    if (line.startsWith('not ok')) failed.push(...lines.slice(since, at + 1))
    since = at + 1
  }
  // A leak is found when all is over.
  if (failed.length === 0) failed.push(...lines.slice(since))
  return `${name} failed:\n${failed.join('\n')}`
}

const [wanted, ...args] = process.argv.slice(2)
if (wanted !== undefined && programs()[wanted] === undefined) {
  say(`no such executable: ${wanted} (there are ${Object.keys(programs()).join(', ')})`)
  process.exit(2)
}
const started = Date.now()
writeCorpus(join(OUT, 'corpus-lines'))
writeSeeds()
const built = await build(wanted)
const buildSeconds = (Date.now() - started) / 1000
const results = await Promise.all(built.map((name) => runProgram(name, args)))
let checks = 0
let tests = 0
let failed = 0
for (const result of results) {
  const summary = /# tests (\d+) checks (\d+) failed (\d+)/.exec(result.output)
  tests += Number(summary?.[1] ?? 0)
  checks += Number(summary?.[2] ?? 0)
  if (result.code !== 0) {
    failed++
    process.stderr.write(`${explain(result)}\n`)
  } else if (wanted !== undefined) {
    process.stdout.write(result.output)
  }
  for (const note of result.output.match(/^# note: .*$/gm) ?? []) {
    if (wanted === undefined) say(note)
  }
}
const seconds = (Date.now() - started) / 1000 - buildSeconds
say(
  `native: ${tests} tests, ${checks} checks, ${failed === 0 ? 'all passed' : `${failed} executables FAILED`} ` +
    `(build ${buildSeconds.toFixed(1)} s, run ${seconds.toFixed(1)} s)`,
)
process.exit(failed === 0 ? 0 : 1)
