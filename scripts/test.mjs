// `npm test`: everything but what takes long. Sets up, lints, tests C++ under sanitizers, then unit,
// contract and black-box tests against the debug addon; ends with the counts, and fails if there are
// fewer tests than there were: a test that vanished is a test that failed.
//
//   npm test [-- FILTER]      with a filter: only the vitest files that match it
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, run, say } from './lib.mjs'
import { installPeers } from './peers.mjs'
import { setUp } from './setup.mjs'

const filters = process.argv.slice(2)
const started = Date.now()
const least = JSON.parse(readFileSync(join(root, 'test/least.json'), 'utf8'))

function step(name) {
  say(`\n== ${name} (${Math.round((Date.now() - started) / 1000)} s)`)
}

function runVitest() {
  const folder = mkdtempSync(join(tmpdir(), 'postern-test-'))
  const report = join(folder, 'vitest.json')
  try {
    const result = spawnSync(
      'node_modules/.bin/vitest',
      [
        'run',
        '--silent=passed-only',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
        ...filters,
      ],
      {
        cwd: root,
        stdio: 'inherit',
        env: { ...process.env, NO_COLOR: '1', POSTERN_ADDON: 'build/Debug/postern.node' },
      },
    )
    if (result.status !== 0) process.exit(result.status ?? 1)
    return JSON.parse(readFileSync(report, 'utf8'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

step('set up')
setUp({ debug: true })
if (filters.length === 0) {
  installPeers(['nginx', 'clang-format', 'clang-tidy', 'curl'])
  step('lint')
  run(process.execPath, ['scripts/lint.mjs'])
  step('native, under address and undefined-behaviour sanitizers')
  run(process.execPath, ['scripts/test-native.mjs'])
}
step('vitest')
const { numPassedTests: passed, numPendingTests: skipped } = runVitest()
const seconds = Math.round((Date.now() - started) / 1000)
say(`\n${passed} tests passed in TypeScript, ${skipped} skipped; all of it took ${seconds} s`)
if (filters.length === 0 && (passed < least.vitest || skipped > 0)) {
  process.stderr.write(
    `there should be at least ${least.vitest} tests and none skipped (test/least.json)\n`,
  )
  process.exit(1)
}
