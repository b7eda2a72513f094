// Formatter and linter for both languages. `npm run lint` checks, `npm run format` mends.
import { join } from 'node:path'
import { digest, filesUnder, root, run, runQuietly, say, unlessFresh } from './lib.mjs'
import { installPeers } from './peers.mjs'

const write = process.argv.includes('--write')

/** C++ files of the product, its tests and its benchmarks, relative to the root. */
function cppFiles(kinds = /\.(cc|h)$/) {
  return ['native', 'test/native', 'test/fuzz', 'bench/native']
    .flatMap((folder) => filesUnder(join(root, folder)))
    .filter((file) => kinds.test(file))
    .map((file) => file.slice(root.length + 1))
}

export function lint() {
  installPeers(['clang-format', 'clang-tidy'])
  run('node_modules/.bin/biome', ['check', '--error-on-warnings', ...(write ? ['--write'] : [])])
  run('clang-format', [write ? '-i' : '--dry-run', '--Werror', ...cppFiles()])
  if (write) return
  runQuietly('node_modules/.bin/tsc', ['-p', 'tsconfig.json', '--noEmit'])
  runQuietly('node_modules/.bin/tsc', ['-p', 'test/tsconfig.json', '--noEmit'])
  tidy()
  say('lint: clean')
}

/** clang-tidy reads one file a second: only when a C++ file of the product has changed. */
function tidy() {
  unlessFresh('clang-tidy', digest(['native', '.clang-tidy']), '.clang-tidy', () => {
    const files = cppFiles(/\.cc$/).filter((file) =>
      /^native\/(base|protocols|engine)\//.test(file),
    )
    say(`clang-tidy on ${files.length} files …`)
    const flags = ['--quiet', '--warnings-as-errors=*']
    const compiler = ['--', '-std=c++20', '-Inative', '-fno-exceptions', '-fno-rtti']
    const halves = [files.filter((_, i) => i % 2 === 0), files.filter((_, i) => i % 2 === 1)]
    // xargs runs two at once, one for each core of the smallest machine that matters.
    const list = halves.map((half) => half.join(' ')).join('\n')
    runQuietly(
      'xargs',
      ['-P2', '-L1', 'sh', '-c', `clang-tidy ${flags.join(' ')} "$@" ${compiler.join(' ')}`, '_'],
      {
        input: list,
      },
    )
  })
}

if (process.argv[1] === join(root, 'scripts/lint.mjs')) lint()
