// README.md is true: its code runs, what it shows is what one sees, and what it names exists. (That
// `npm start` works on a fresh checkout is for start.test.ts.)
import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ROOT, runToEnd, start, temporaryDirectory } from './postern.js'
import { exchange } from './raw-client.js'

const run = promisify(execFile)
const README = read('README.md')
const NGINX = read('nginx/nginx.conf')
const START = read('scripts/start.mjs')

/** What `npm start` listens on. */
const ADDRESSES = ['127.0.0.1:8000', '/tmp/postern.sock', '127.0.0.1:3031'] as const

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** The code blocks of a kind, in their order. */
function blocks(language: string): string[] {
  return [...README.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, found]) => found === language)
    .map(([, , text]) => text)
}

function folder(): string {
  const dir = temporaryDirectory()
  onTestFinished(() => rmSync(dir, { recursive: true }))
  return dir
}

describe('its code', () => {
  const [application, library] = blocks('ts')

  test('the application answers with its path', async () => {
    const dir = folder()
    writeFileSync(join(dir, 'app.ts'), application)
    const postern = await start(['app.ts'], { dir, env: { PORT: '0' } })
    onTestFinished(() => postern.kill())
    const response = await exchange(postern.where(), 'GET /path HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(response.body.toString()).toBe('Hello from /path\n')
    await postern.stop()
  })

  test('the library serves in this process, says where, and stops', async () => {
    const dir = folder()
    // As `npm install ../postern` leaves it.
    writeFileSync(join(dir, 'package.json'), '{ "private": true }')
    mkdirSync(join(dir, 'node_modules'))
    symlinkSync(resolve(ROOT), join(dir, 'node_modules/postern'))
    const program = `${library}\n${application.replace('export default ', '')}`
    writeFileSync(join(dir, 'program.mjs'), program)
    const addon = join(ROOT, process.env.POSTERN_ADDON ?? '')
    const { stdout, stderr } = await run(process.execPath, ['program.mjs'], {
      cwd: dir,
      env: { ...process.env, ...(process.env.POSTERN_ADDON && { POSTERN_ADDON: addon }) },
      timeout: 15_000,
    })
    expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\n$/)
    expect(stderr).toBe('')
  })
})

describe('npm start', () => {
  test('the banner is the one that is shown', async () => {
    const socket = join(folder(), 'postern.sock')
    const sockets = ['--http-socket', '127.0.0.1:0', '--socket', socket, '--socket', '127.0.0.1:0']
    const postern = await start(['examples/hello/app.ts', ...sockets], { dir: ROOT })
    onTestFinished(() => postern.kill())
    const shown = postern.fronts.reduce(
      (output, { address }, i) => output.replaceAll(address, ADDRESSES[i]),
      postern.output,
    )
    expect(blocks('')).toContain(shown)
    await postern.stop()
  })

  test('it listens where nginx.conf connects to, with the permissions that nginx needs', () => {
    const [http, unix, tcp] = ADDRESSES
    const [host, port] = http.split(':')
    for (const part of [host, port, unix, tcp]) expect(START).toContain(`'${part}'`)
    expect(START).toMatch(/'--chmod-socket',\s+'666'/)
    expect(NGINX).toContain(`server ${http};`)
    expect(NGINX).toContain(`uwsgi_pass unix:${unix};`)
    expect(NGINX).toContain(`uwsgi_pass ${tcp};`)
  })
})

describe('what it names', () => {
  test('every option is in --help', async () => {
    const help = (await runToEnd(['--help'])).output
    const options = new Set(README.match(/(?<![\w-])--[a-z][a-z-]+/g))
    expect(options.size).toBeGreaterThan(3)
    for (const option of options) expect(help).toContain(option)
  })

  test('every npm script is in package.json', () => {
    const { scripts } = JSON.parse(read('package.json'))
    const inCode = README.match(/^```sh$.*?^```$|`npm [^`]+`/gms)?.join('\n') ?? ''
    const named = [...inCode.matchAll(/\bnpm (?:run )?([a-z:]+)/g)].map(([, name]) => name)
    expect(named).toEqual(expect.arrayContaining(['start', 'test', 'bench']))
    const builtIn = ['install']
    expect(named.filter((name) => !(name in scripts || builtIn.includes(name)))).toEqual([])
  })

  test('the version of Node is that of package.json', () => {
    expect(`>=${/needs Node (\d+) or later/.exec(README)?.[1]}`).toBe(
      JSON.parse(read('package.json')).engines.node,
    )
  })

  test('nginx.conf listens on the ports that are named, each for what it says', () => {
    const section = /^## Behind nginx$.*?^## /ms.exec(README)?.[0] ?? ''
    const ports = [...section.matchAll(/\b(80[0-9]{2})\b/g)].map(([, port]) => port)
    expect(ports).toEqual(['8080', '8081', '8082'])
    const servers = NGINX.split(/^ {4}server \{$/m).slice(1)
    const passes = servers.map((text) => /listen 127.0.0.1:(\d+);.*?(\w+)_pass (\w+)/s.exec(text))
    expect(passes.map((match) => match?.slice(1))).toEqual([
      ['8080', 'uwsgi', 'unix'],
      ['8081', 'uwsgi', '127'],
      ['8082', 'proxy', 'http'],
    ])
  })

  test('nginx is started as nginx.conf says', () => {
    const command = 'nginx -p . -c nginx/nginx.conf'
    expect(README).toContain(command)
    expect(NGINX).toContain(command)
  })

  test('as many cases as it says are in the corpora', () => {
    const claim = /(\d+) HTTP\/1 byte streams and (\d+) uwsgi packets/.exec(README)
    const counts = ['http1', 'uwsgi'].map((name) => {
      const cases = JSON.parse(read(`test/corpus/${name}.json`))
      return String((cases.cases ?? cases).length)
    })
    expect(claim?.slice(1)).toEqual(counts)
  })

  const pages = [
    'README.md',
    'DESIGN.md',
    ...readdirSync(join(ROOT, 'docs')).map((f) => `docs/${f}`),
  ]
  test.each(pages)('every relative link of %s leads to a file', (page) => {
    const prose = read(page).replace(/^```.*?^```$|`[^`\n]*`/gms, '')
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link)
    const files = links.filter((link) => !/^(https?:|#)/.test(link))
    const lost = files.filter((link) => !existsSync(join(ROOT, dirname(page), link.split('#')[0])))
    expect(lost).toEqual([])
  })
})
