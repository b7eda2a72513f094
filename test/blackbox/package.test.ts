// The package as npm would carry it: what is in it, and that it runs where nothing can be compiled.
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { VERSION } from '../../src/version.js'
import { Command, run } from '../support/command.js'
import { removedAfterAll } from '../support/directories.js'
import { copySources } from '../support/source-tree.js'
import { ROOT } from './postern.js'

const NAME = `postern-${VERSION}.tgz`
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const tsc = join(ROOT, 'node_modules/.bin/tsc')
const dir = removedAfterAll('postern-package-')
const tree = join(dir, 'tree')
/** Somebody's project, in which the package is installed. */
const project = join(dir, 'project')
let packed: { path: string; mode: number }[] = []

/** Makes prebuilds and the tarball from a copy: node-gyp clears the build directory where it runs. */
async function pack(): Promise<void> {
  copySources(tree, 'dist')
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  await run('npm', ['run', 'prebuild'], { cwd: tree })
  const output = await run('npm', ['pack', '--json', '--loglevel=error'], { cwd: tree })
  packed = JSON.parse(output.slice(output.indexOf('[')))[0].files
}

async function install(): Promise<void> {
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  await run('npm', ['install', ...flags, join(tree, NAME)], { cwd: project })
}

beforeAll(async () => {
  await pack()
  await install()
}, 240_000)

describe('the manifest', () => {
  test('says what it is and where it runs', () => {
    expect(manifest).toMatchObject({
      name: 'postern',
      license: 'MIT',
      type: 'module',
      engines: { node: '>=20' },
      os: ['linux'],
      bin: { postern: 'dist/cli/main.js' },
    })
  })

  test('exports the library with its types', () => {
    const { types, default: main } = manifest.exports['.']
    expect(packed.map(({ path }) => `./${path}`)).toEqual(expect.arrayContaining([types, main]))
    expect(manifest.types).toBe(types)
  })

  test('has the schema where docs/configuration.md says', () => {
    const page = readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8')
    const path = /node_modules\/postern\/([\w./]+schema\.json)/.exec(page)?.[1]
    expect(packed.map((file) => file.path)).toContain(path)
  })

  test('runs nothing when it is installed, also not what npm makes of a binding.gyp', () => {
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'prepack', 'prepublish']
    expect(Object.keys(manifest.scripts).filter((name) => hooks.includes(name))).toEqual([])
    expect(manifest.gypfile).toBe(false)
  })

  test('depends on four packages at run time, and uWebSockets is not one of any kind', () => {
    expect(Object.keys(manifest.dependencies)).toEqual([
      'jiti',
      'node-gyp-build',
      'smol-toml',
      'yaml',
    ])
    const others = { ...manifest.devDependencies, ...manifest.optionalDependencies }
    expect(Object.keys(others).filter((name) => /uwebsockets/i.test(name))).toEqual([])
  })
})

describe('the package', () => {
  test('holds what is run, what can be compiled again, and what is to be read: nothing else', () => {
    const rooms = [
      /^dist\/.*\.(js|js\.map|d\.ts)$/,
      /^native\/.*\.(cc|h|md)$/,
      /^docs\/(.*\.md|postern\.schema\.json)$/,
      /^nginx\/[^/]+$/,
      /^prebuilds\/linux-[a-z0-9]+\/postern\.(glibc|musl)\.node$/,
      /^(CHANGELOG|DESIGN|README)\.md$/,
      /^(LICENSE|binding\.gyp|package\.json)$/,
    ]
    const paths = packed.map(({ path }) => path)
    expect(paths.filter((path) => !rooms.some((room) => room.test(path)))).toEqual([])
    for (const room of rooms.filter((one) => !one.source.includes('nginx'))) {
      expect(paths.some((path) => room.test(path))).toBe(true)
    }
  })

  test('holds every module of src/ and every source that binding.gyp names', () => {
    const paths = new Set(packed.map(({ path }) => path))
    const modules = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => `dist/${path.replace(/\.ts$/, '.js')}`)
    const sources = readFileSync(join(ROOT, 'binding.gyp'), 'utf8').match(/native\/\S+\.cc/g) ?? []
    expect(sources.length).toBeGreaterThan(10)
    expect([...modules, ...sources].filter((path) => !paths.has(path))).toEqual([])
  })

  test('has a prebuild for this machine, without the symbols that only a debugger wants', () => {
    const platform = `linux-${process.arch}`
    expect(packed.map(({ path }) => path)).toContain(`prebuilds/${platform}/postern.glibc.node`)
    const file = join(tree, 'prebuilds', platform, 'postern.glibc.node')
    expect(readFileSync(file).includes('.debug_info')).toBe(false)
    expect(readFileSync(file).includes('.symtab')).toBe(false)
  })
})

describe('installed with scripts off', () => {
  test('nothing is compiled', () => {
    const installed = readdirSync(join(project, 'node_modules/postern'))
    expect(installed).toContain('prebuilds')
    expect(installed).not.toContain('build')
    expect(
      readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.')),
    ).toEqual(['jiti', 'node-gyp-build', 'postern', 'smol-toml', 'yaml'])
  })

  test('npx postern serves an application of TypeScript, and Ctrl-C ends it in good order', async () => {
    writeFileSync(
      join(project, 'app.ts'),
      `import type { GatewayApp } from 'postern'
      const app: GatewayApp = (environ, startResponse) => {
        startResponse('200 OK', [['Content-Type', 'text/plain']])
        return \`installed \${environ.SERVER_SOFTWARE}\`
      }
      export default app`,
    )
    const args = ['postern', 'app.ts', '--http-socket', '127.0.0.1:0']
    const npx = new Command('npx', args, { cwd: project })
    onTestFinished(() => npx.kill())
    const [, url] = await npx.until(/^ {2}try {4}curl -i (\S+)$/m)
    expect(await (await fetch(url)).text()).toBe(`installed postern/${VERSION}`)
    npx.signal('SIGINT')
    await npx.ended
    expect(npx.output).toMatch(/ info: SIGINT: finishing what runs, then stopping\n$/)
  })

  test('npx postern --version says the version', async () => {
    expect(await run('npx', ['postern', '--version'], { cwd: project })).toBe(
      `postern ${VERSION}\n`,
    )
  })

  test('the library is imported, serves and closes', async () => {
    writeFileSync(
      join(project, 'library.js'),
      `import { serve, VERSION } from 'postern'
      const app = (environ, startResponse) => {
        startResponse('200 OK', [])
        return 'from the library'
      }
      const server = await serve(app, { httpSocket: '127.0.0.1:0' })
      console.log(VERSION, await (await fetch(server.url)).text())
      await server.close()`,
    )
    const output = await run(process.execPath, ['library.js'], { cwd: project })
    expect(output).toBe(`${VERSION} from the library\n`)
  })

  test('its types compile in a strict project, and refuse what is wrong', async () => {
    writeFileSync(
      join(project, 'typed.ts'),
      `import { createReadStream } from 'node:fs'
      import {
        type Address, type Environ, type GatewayApp, type Listener, type RunningServer,
        type ServeOptions, type StartResponse, ConfigError, EXIT, serve, validate,
      } from 'postern'
      export default function app(environ: Environ, startResponse: StartResponse): string {
        const write = startResponse('200 OK', [['Content-Type', 'text/plain']])
        const more: boolean = write(Buffer.from('x'))
        return \`\${environ.PATH_INFO} \${more}\`
      }
      export const stream: GatewayApp = async function* (environ) {
        for await (const line of environ['wsgi.input']) yield line
        yield* createReadStream('/dev/null')
      }
      const options: ServeOptions = { httpSocket: [':0'], socket: '/run/a.sock', bufferSize: 1024 }
      export const server: RunningServer = await serve(validate(app), options)
      export const listeners: readonly Listener[] = server.listeners
      export const address: Address = { kind: 'unix', path: '/run/a.sock' }
      export const code: 100 = EXIT.PERMANENT
      export const isStart: boolean = new ConfigError('x') instanceof Error
      // @ts-expect-error a port is written ":8000"
      await serve(app, { httpSocket: 8000 })
      // @ts-expect-error there is no such option
      await serve(app, { htpSocket: ':0' })
      // @ts-expect-error the command line's
      await serve(app, { chdir: '/' })
      // @ts-expect-error an application is a function
      await serve({ fetch: app })`,
    )
    const types = join(ROOT, 'node_modules/@types')
    const flags = ['--strict', '--noEmit', '--module', 'NodeNext', '--target', 'ES2022']
    const modules = ['--moduleResolution', 'NodeNext', '--typeRoots', types, '--types', 'node']
    const output = await run(tsc, [...flags, ...modules, 'typed.ts'], { cwd: project })
    expect(output).toBe('')
  }, 120_000)
})
