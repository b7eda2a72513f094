// Fuzzes every parser and the engine: builds test/fuzz with clang and libFuzzer, runs two targets
// at a time, and fails with the path of the input that broke something.
//
//   npm run fuzz                             each target, 60 seconds
//   npm run fuzz -- --seconds=600 engine     one of them, longer
//
// What a run has learned stays in build/fuzz/corpus and is where the next one starts. A finding
// belongs into test/fuzz/regressions/TARGET once it is understood: `npm test` replays those.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { SEEDS, writeSeeds } from './fuzz-seeds.mjs'
import { root, say } from './lib.mjs'
import { compile, link, pureSources, sourcesUnder } from './native-build.mjs'
import { installPeers } from './peers.mjs'

const OUT = 'build/fuzz'
const COMPILER = [
  ...['clang++', '-std=c++20', '-O1', '-g1', '-fno-exceptions', '-fno-rtti'],
  ...['-fsanitize=fuzzer-no-link,address,undefined', '-fno-sanitize-recover=all'],
  ...['-fno-omit-frame-pointer', '-DPOSTERN_DEBUG', '-Inative', '-Itest/fuzz'],
  ...['-Wall', '-Wextra', '-Werror', '-Wno-missing-field-initializers'],
]
const LINKER = ['clang++', '-fsanitize=fuzzer,address,undefined']
const MAIN = 'test/fuzz/libfuzzer_main.cc'

export const targets = sourcesUnder('test/fuzz')
  .filter((path) => path.endsWith('_fuzz.cc'))
  .map((path) => basename(path, '_fuzz.cc'))

async function build(wanted) {
  const natives = await compile(pureSources(), `${OUT}/objects`, COMPILER)
  for (const name of wanted) {
    const own = await compile([MAIN, `test/fuzz/${name}_fuzz.cc`], `${OUT}/objects`, COMPILER)
    link([...own, ...natives], `${OUT}/bin/${name}`, LINKER)
  }
}

function argumentsOf(name, seconds) {
  const folders = [`${OUT}/corpus/${name}`, `${SEEDS}/${name}`, `test/fuzz/regressions/${name}`]
  const dictionary = `test/fuzz/${name}.dict`
  mkdirSync(join(root, folders[0]), { recursive: true })
  mkdirSync(join(root, OUT, 'findings', name), { recursive: true })
  return [
    ...[`-max_total_time=${seconds}`, '-max_len=4096', '-timeout=10', '-rss_limit_mb=1500'],
    ...['-print_final_stats=1', `-artifact_prefix=${OUT}/findings/${name}/`],
    ...(existsSync(join(root, dictionary)) ? [`-dict=${dictionary}`] : []),
    ...folders.filter((folder) => existsSync(join(root, folder))),
  ]
}

/** What the log of libFuzzer says in the end. */
function resultOf(name, code, log) {
  const last = (pattern) => [...log.matchAll(pattern)].at(-1)?.[1]
  return {
    target: name,
    clean: code === 0,
    executions: Number(last(/^stat::number_of_executed_units:\s*(\d+)/gm) ?? 0),
    edges: Number(last(/ cov: (\d+)/g) ?? 0),
    reproducer: last(/Test unit written to (\S+)/g),
  }
}

function runOne(name, seconds) {
  const env = {
    ...process.env,
    // Memory that was given back is watched for a while; fresh pages for each run are slow.
    ASAN_OPTIONS: 'detect_leaks=1:quarantine_size_mb=16',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  }
  const child = spawn(join(root, OUT, 'bin', name), argumentsOf(name, seconds), { cwd: root, env })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8')
    stream.on('data', (text) => {
      log += text
    })
  }
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const file = `${OUT}/${name}.log`
      writeFileSync(join(root, file), log)
      const result = resultOf(name, code, log)
      const rate = Math.round(result.executions / seconds)
      say(
        result.clean
          ? `${name}: clean, ${result.executions} executions (${rate}/s), ${result.edges} edges`
          : `${name}: FAILED on ${result.reproducer ?? '(no input was written)'}, see ${file}`,
      )
      resolve(result)
    })
  })
}

/**
 * Builds and runs `wanted` for `seconds` each, two at a time.
 *
 * @returns one result a target, in order
 */
export async function fuzz(wanted, seconds) {
  installPeers(['clang++'])
  installPeers(['libfuzzer'])
  writeSeeds()
  await build(wanted)
  say(`fuzzing ${wanted.join(', ')}: ${seconds} s each, two at a time`)
  const queue = [...wanted]
  const results = new Map()
  const worker = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      results.set(name, await runOne(name, seconds))
    }
  }
  await Promise.all([worker(), worker()])
  return wanted.map((name) => results.get(name))
}

/** The version of the compiler, for reports. */
export function compilerVersion() {
  return spawnSync('clang++', ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0]
}

async function main() {
  const args = process.argv.slice(2)
  const seconds = Number(args.find((one) => one.startsWith('--seconds='))?.slice(10) ?? 60)
  const names = args.filter((one) => !one.startsWith('-'))
  const unknown = names.filter((name) => !targets.includes(name))
  if (unknown.length > 0 || !(seconds > 0)) {
    say(`usage: npm run fuzz -- [--seconds=60] [TARGET…], targets: ${targets.join(', ')}`)
    process.exit(2)
  }
  const results = await fuzz(names.length > 0 ? names : targets, seconds)
  const failed = results.filter((result) => !result.clean)
  if (failed.length === 0) return
  for (const { target, reproducer } of failed) {
    process.stderr.write(`to see it again: ${OUT}/bin/${target} ${reproducer ?? ''}\n`)
  }
  process.exit(1)
}

if (process.argv[1] === join(root, 'scripts/fuzz.mjs')) await main()
