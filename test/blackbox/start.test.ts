// `npm start` on a fresh clone: it installs, builds, serves the example and says how to reach it; the
// second time it serves at once. One test in four acts, because each stands on the one before it.
// Where nothing can be compiled, it says so in one line.
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, type NetConnectOpts } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { VERSION } from '../../src/version.js'
import { Command } from '../support/command.js'
import { ownDirectory } from '../support/directories.js'
import { copySources } from '../support/source-tree.js'

const MADE_RE = /^(installing dependencies|building the addon|compiling TypeScript)/gm

function isFree(where: NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(where, () => {
      socket.destroy()
      resolve(false)
    })
    socket.on('error', () => resolve(true))
  })
}

/** What `npm start` listens on besides HTTP cannot be chosen: elsewhere, if somebody has it. */
async function socketArguments(): Promise<string[]> {
  const uwsgi = [{ path: '/tmp/postern.sock' }, { host: '127.0.0.1', port: 3031 }]
  if ((await Promise.all(uwsgi.map(isFree))).every(Boolean)) return []
  const sockets = [
    '--http-socket',
    '127.0.0.1:0',
    '--socket',
    './a.sock',
    '--socket',
    '127.0.0.1:0',
  ]
  return ['--', 'examples/hello/app.ts', ...sockets]
}

async function start(dir: string, args: readonly string[]) {
  const npm = new Command('npm', ['start', ...args], { cwd: dir, env: { PORT: '0' } })
  onTestFinished(() => npm.kill())
  const [, url] = await npm.until(/^ {2}try {4}curl -i (http:\S+\/)$/m)
  expect(await (await fetch(url)).text()).toBe('Hello from Postern: GET /\n')
  return { npm, made: npm.output.match(MADE_RE) ?? [] }
}

/** A PATH with what npm needs and nothing that compiles. */
function pathWithout(dir: string): string {
  const bin = join(dir, '../bin')
  mkdirSync(bin)
  const places = (process.env.PATH ?? '').split(':')
  for (const name of ['node', 'npm', 'sh']) {
    const found = places.map((place) => join(place, name)).find((path) => existsSync(path))
    symlinkSync(realpathSync(found as string), join(bin, name))
  }
  return bin
}

/** Ctrl-C, which reaches npm, its shell and the server at the same time. */
async function interrupt(npm: Command): Promise<void> {
  npm.signal('SIGINT')
  await npm.ended
  expect(npm.output).toContain(' info: SIGINT: finishing what runs, then stopping\n')
  expect(npm.output).not.toContain('again')
}

test('npm start makes what is missing and serves, the second time it makes nothing', async () => {
  const dir = join(ownDirectory(), 'postern')
  copySources(dir)
  const args = await socketArguments()

  const poor = new Command('npm', ['start'], { cwd: dir, env: { PATH: pathWithout(dir) } })
  expect(await poor.ended).not.toBe(0)
  expect(poor.output.match(MADE_RE)).toEqual(['installing dependencies', 'building the addon'])
  expect(poor.output).toContain("Postern's addon is C++20; to build it, install g++, make, python3")

  const first = await start(dir, args)
  expect(first.made).toEqual(['building the addon', 'compiling TypeScript'])
  const what = 'examples/hello/app.ts, gateway interface (a function of 2 parameters)'
  expect(first.npm.output).toContain(`Postern ${VERSION}: ${what}\n  http   http://127.0.0.1:`)
  expect(first.npm.output).toMatch(
    /^ {2}uwsgi {2}\/.*\.sock {3}nginx: uwsgi_pass unix:\/.*\.sock;\n {2}uwsgi {2}127/m,
  )
  const socket = /uwsgi {2}(\/\S+)/.exec(first.npm.output)?.[1] as string
  expect(existsSync(socket)).toBe(true)
  await interrupt(first.npm)
  expect(existsSync(socket)).toBe(false)

  const second = await start(dir, args)
  expect(second.made).toEqual([])
  await interrupt(second.npm)

  const changed = join(dir, 'src/cli/banner.ts')
  writeFileSync(changed, `${readFileSync(changed, 'utf8')}// changed\n`)
  const third = await start(dir, args)
  expect(third.made).toEqual(['compiling TypeScript'])
  await interrupt(third.npm)
}, 480_000)
