// TOML, YAML, JSON and modules: the same options in each, and mistakes with their lines.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { resolveSettings } from '../../../src/config/settings.js'
import { type Files, readIn, written } from './read.js'

async function optionsOf(name: string, text: string, others: Files = {}) {
  const { settings } = await readIn(written({ [name]: text, ...others }), name, { STAGE: 'prod' })
  return resolveSettings(settings)
}

const EXPECTED = {
  app: 'app.ts',
  socket: [':1', ':2'],
  httpSocket: [':80'],
  processes: 4,
  master: true,
  bufferSize: 32768,
  chmodSocket: 0o660,
  pidfile: '/run/app-prod.pid',
  env: ['A=1', 'B=two'],
}

const TOML = `app = "app.ts"
socket = [":1", ":2"]
http-socket = ":80"
processes = 4
master = true
bufferSize = "32k"
chmod_socket = "660"
pidfile = "/run/%n-$(STAGE).pid"

[env]
A = 1
B = "two"
`
const YAML = `# comment
app: app.ts
socket: [":1", ":2"]
http-socket: :80
processes: 4
master: true
buffer-size: 32k
chmod-socket: "660"
pidfile: /run/%n-$(STAGE).pid
env:
  A: 1
  B: two
`
const JSON_TEXT = `{
  "$schema": "./postern.schema.json",
  "app": "app.ts", "socket": [":1", ":2"], "httpSocket": ":80", "processes": 4, "master": true,
  "bufferSize": "32k", "chmodSocket": "660", "pidfile": "/run/%n-$(STAGE).pid",
  "env": { "A": "1", "B": "two" }
}`
const OBJECT = `{
  app: 'app.ts', socket: [':1', ':2'], 'http-socket': ':80', processes: 4, master: true,
  bufferSize: '32k', chmodSocket: 0o660, pidfile: '/run/app-prod.pid', listen: undefined,
  env: { A: 1, B: 'two' },
}`

/** Ten aliases of ten aliases, and so on. */
const BOMB = Array.from({ length: 9 }, (_, i) => {
  const items =
    i === 0
      ? 'x'
      : Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')
  return `a${i}: &a${i} [${items}]`
}).join('\n')

describe('the same options', () => {
  test.each([
    ['app.toml', TOML],
    ['app.yaml', YAML],
    ['app.yml', YAML],
    ['app.json', JSON_TEXT],
    ['app.yaml', JSON_TEXT],
    ['app.toml', `[postern]\n${TOML.replace('[env]', '[postern.env]')}`],
    ['app.yaml', `uwsgi:\n${YAML.replace(/^/gm, '  ')}`],
    ['app.json', `{"postern": ${JSON_TEXT.replace(/.*schema.*/, '')}}`],
    ['app.config.mjs', `export default ${OBJECT}`],
    ['app.config.js', `export default () => (${OBJECT})`],
    ['app.config.mjs', `export default async () => (${OBJECT})`],
    ['app.config.cjs', `module.exports = ${OBJECT}`],
    ['app.config.cjs', `exports.default = () => (${OBJECT})`],
    ['app.config.ts', `interface O { app: string }\nexport default ${OBJECT} as O`],
    ['app.config.ts', `import { app } from './other.js'\nexport default { ...${OBJECT}, app }`],
  ])('in %s (%#)', async (name, text) => {
    const others = { 'other.ts': "export const app: string = 'app.ts'" }
    expect(await optionsOf(name, text, others)).toMatchObject(EXPECTED)
  })

  test('of an empty file are the defaults', async () => {
    for (const [name, text] of [
      ['a.toml', ''],
      ['a.yaml', ''],
      ['a.yaml', '# nothing'],
      ['a.json', '{}'],
    ]) {
      expect(await optionsOf(name, text)).toEqual(resolveSettings([]))
    }
  })

  test('include files of other formats', async () => {
    const others = { 'b.ini': '[uwsgi]\nlisten = 5' }
    expect(await optionsOf('a.toml', 'include = "b.ini"', others)).toMatchObject({ listen: 5 })
    expect(await optionsOf('a.json', '{"ini": ["b.ini"]}', others)).toMatchObject({ listen: 5 })
  })
})

describe('a mistake', () => {
  test.each([
    ['a.toml', 'dev = true\nlisten = = 5', '2: invalid value'],
    ['a.toml', 'dev = true\nlisten = "x"', '2: listen is a whole number, not "x"'],
    ['a.toml', '\n[postern]\nlisten = true', '3: listen is a whole number, not true'],
    ['a.toml', '[env]\nlisten = 1\n[postern]\nlisten = "x"', '4: listen is a whole number'],
    ['a.toml', 'listen = 1.5', '1: listen is a whole number, not 1.5'],
    ['a.toml', 'listen = 1979-05-27', '1: listen is a whole number, not '],
    ['a.toml', '\nchmod-socket = 660', '2: chmod-socket is an octal mode in quotes: "660"'],
    ['a.toml', '\nlisten = [5]', '2: listen has one value, not a list'],
    ['a.toml', '\n[listen]\na = 1', '2: listen has a value, not a table'],
    ['a.toml', '"listen" = -1', '1: listen is at least 0, not -1'],
    ['a.toml', '\npidfile = "%(nothing)"', '2: nothing sets %(nothing)'],
    ['a.yaml', 'a: 1\nb: 2\na: 3', '3: Map keys must be unique'],
    ['a.yaml', 'dev: true\nlisten: [', '2: Flow sequence'],
    ['a.yaml', 'dev: true\n\nlisten: many', '3: listen is a whole number, not "many"'],
    ['a.yaml', 'uwsgi:\n  dev: true\n  listen: many', '3: listen is a whole number, not "many"'],
    ['a.yaml', 'dev:', '1: dev has no value'],
    ['a.yaml', BOMB, '1: Excessive alias count'],
    ['a.yaml', '- dev', '1: it is not a table of options'],
    ['a.yaml', '\nenv: {A: [1]}', '2: A of env is not text'],
    ['a.yaml', 'env: {A: null}', '1: A of env is not text'],
    ['a.yaml', 'env: [A]', '1: env is NAME=VALUE, not "A"'],
    ['a.json', '{\n  "dev": true,\n}', '3: this is not JSON: '],
    ['a.json', '{\n  "dev": true', '2: this is not JSON: '],
    ['a.json', '{\n  "dev": true,\n  "listen": "x"\n}', '3: listen is a whole number'],
    ['a.json', '{\n  "dev": true,\n  "dev": false\n}', '3: Map keys must be unique'],
    ['a.json', '[]', '1: it is not a table of options'],
    ['a.json', '\n{"include": "no.ini"}', '2: there is no file no.ini'],
  ])('in %s, %j, has its line', async (name, text, message) => {
    await expect(optionsOf(name, text)).rejects.toThrow(new RegExp(`/${name}:${literal(message)}`))
  })

  test.each([
    ['export default 5', ': its default export is an object of options'],
    ['export const listen = 5', ': its default export is an object of options'],
    ['export default { listen: "x" }', ': listen is a whole number, not "x"'],
    ['export default { listen: () => 5 }', ': listen is a whole number, not [Function: listen]'],
    ['export default { listen: null }', ': listen has no value'],
    ['export default () => { throw new Error("no") }', ': its function throws Error: no'],
    ['export default {', ' does not load: '],
  ])('of a module, %s', async (text, message) => {
    await expect(optionsOf('a.mjs', text)).rejects.toThrow(`/a.mjs${message}`)
  })

  test('that is an unknown key is reported with its line', async () => {
    const dir = written({ 'a.yaml': 'dev: true\nlistn: 5\nlist: [1, 2]\ntable: {a: 1}' })
    const { unknown } = await readIn(dir, 'a.yaml')
    expect(unknown.map(({ key, place }) => [key, place.split(':')[1]])).toEqual([
      ['listn', '2'],
      ['list', '3'],
      ['list', '3'],
      ['table', '4'],
    ])
  })
})

describe('a module that never comes to an end', () => {
  test.each([
    ['of loading', 'await new Promise(() => {})\nexport default {}'],
    ['of computing', 'export default () => new Promise(() => {})'],
  ])('%s is given up', async (_, text) => {
    const dir = written({ 'a.mjs': text })
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const reading = readIn(dir, 'a.mjs')
    vi.advanceTimersByTime(60_000)
    await expect(reading).rejects.toThrow('/a.mjs: it has not come to an end in 60 seconds')
  })
})

test('the function of a module is given the environment', async () => {
  const text = "export default ({ env }) => ({ app: env.STAGE + '%n' })"
  expect(await optionsOf('a.mjs', text)).toMatchObject({ app: 'prod%n' })
})

describe('a module that has changed is read again', () => {
  test.each([
    ['a.mjs', 'export default { listen: N }'],
    ['a.js', 'export default { listen: N }'],
    ['a.cjs', 'module.exports = { listen: N }'],
    ['a.ts', 'export default { listen: N as number }'],
    ['a.ts', "import './b.js'\nexport default { listen: N as number }"],
  ])('%s (%#)', async (name, text) => {
    const dir = written({ [name]: '', 'b.ts': '' })
    for (const n of ['1', '2', '3']) {
      writeFileSync(join(dir, name), text.replace('N', n))
      const { settings } = await readIn(dir, name)
      expect(settings[0].value).toBe(Number(n))
    }
  })
})

function literal(text: string): string {
  return text.replace(/[$()*+.?[\]^{|}]/g, '\\$&')
}
