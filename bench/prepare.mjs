// Builds what the benchmarks need and the product does not have: the peers from npm, the limit
// server, the rungs, the load generator; and installs wrk and strace where it may.
import { join } from 'node:path'
import { digest, root, run, runQuietly, say, unlessFresh } from '../scripts/lib.mjs'
import { installPeers } from '../scripts/peers.mjs'
import { setUp } from '../scripts/setup.mjs'

const CXX = ['-std=c++20', '-O3', '-fno-exceptions', '-fno-rtti', '-DNDEBUG', '-Inative', '-I.']
const PROTOCOLS = ['http1', 'uwsgi', 'keys', 'authority', 'body_framing']

export function prepare() {
  setUp()
  installPeers(['wrk', 'strace'])
  unlessFresh('bench-peers', digest(['bench/package.json']), 'bench/node_modules', () => {
    say('installing the peers …')
    run(
      'npm',
      [
        'install',
        '--no-audit',
        '--no-fund',
        '--ignore-scripts',
        '--no-package-lock',
        '--loglevel=error',
      ],
      {
        cwd: join(root, 'bench'),
      },
    )
  })
  const sources = digest(['native', 'bench/native', 'bench/binding.gyp'])
  unlessFresh('bench-native', sources, 'bench/build/limit', () => {
    say('building the ladder …')
    const gyp = join(root, 'node_modules/.bin/node-gyp')
    const cwd = join(root, 'bench')
    runQuietly('npm', ['exec', '--no', '--loglevel=error', '--', gyp, 'rebuild'], { cwd })
    const protocols = PROTOCOLS.map((name) => `native/protocols/${name}.cc`)
    for (const name of ['limit', 'uwsgi_load']) {
      runQuietly('g++', [
        ...CXX,
        `bench/native/${name}.cc`,
        ...protocols,
        '-o',
        `bench/build/${name}`,
      ])
    }
  })
}
