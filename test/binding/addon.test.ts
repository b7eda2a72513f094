// The border between C++ and TypeScript: what is written on both sides is the same, and what is
// called wrongly is refused, not crashed on.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterEach, describe, expect, test } from 'vitest'
import { camelCase, defaultOptions } from '../../src/config/options.js'
import { loadAddon, type NativeEngine, type NativeOptions } from '../../src/native/addon.js'
import * as layout from '../../src/native/layout.js'

const addon = loadAddon()
const engines: NativeEngine[] = []
const options = { forwardedAllowIps: '', forwardedHeaders: '', proxyMode: 0 } as NativeOptions
const callbacks = { onRound() {}, onDrained() {}, onLog() {}, resource: {} }

function engine(): NativeEngine {
  const made = addon.createEngine(options, callbacks)
  engines.push(made)
  return made
}

afterEach(() => {
  for (const one of engines.splice(0)) {
    try {
      one.close()
    } catch {
      // The test has closed it.
    }
  }
})

function source(path: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')
}

/** Names of the members of an interface of src/native/addon.ts. */
function membersOf(name: string): string[] {
  const file = ts.createSourceFile('addon.ts', source('src/native/addon.ts'), 99)
  const found = file.statements.filter(ts.isInterfaceDeclaration)
  const one = found.find((statement) => statement.name.text === name)
  return (one?.members ?? []).map((member) => (member.name as ts.Identifier).text).sort()
}

describe('the addon', () => {
  test('exports what its interface says, and nothing else', () => {
    expect(Object.keys(addon).sort()).toEqual(membersOf('NativeAddon'))
    expect(Object.keys(engine()).sort()).toEqual(membersOf('NativeEngine'))
  })

  test('reads every option that its interface has', () => {
    const binding = source('native/binding/js_options.cc')
    const read = [...binding.matchAll(/"(\w+)"/g)].map(([, name]) => name)
    expect(membersOf('NativeOptions').filter((name) => !read.includes(name))).toEqual([])
    expect(membersOf('NativeListen').filter((name) => !read.includes(name))).toEqual([])
  })

  test('knows the names of meta-variables, each once', () => {
    expect(addon.keyNames).toContain('REQUEST_METHOD')
    expect(addon.keyNames).toContain('HTTP_HOST')
    expect(new Set(addon.keyNames).size).toBe(addon.keyNames.length)
  })
})

describe('the layout of the shared memory', () => {
  /** "kEventBodyBytes = 8" → EVENT_BODY_BYTES: 8. */
  const native = new Map(
    [...source('native/binding/shared_layout.h').matchAll(/ k(\w+) = ([\d* ]+);/g)].map(
      ([, name, value]) => [
        name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase(),
        value.split('*').reduce((product, factor) => product * Number(factor), 1),
      ],
    ),
  )
  const numbers = Object.entries(layout).filter(([, value]) => typeof value === 'number')

  test.each(numbers)('%s is the same on both sides', (name, value) => {
    expect(native.get(name)).toBe(value)
  })

  test('is compared when the addon is loaded', () => {
    expect(numbers.length).toBeGreaterThan(50)
    expect(layout.checkLayout(addon.layout)).toEqual([])
    expect(layout.checkLayout({ ...addon.layout, eventInts: 15 })).toEqual(['eventInts'])
    expect(layout.checkLayout({}).length).toBeGreaterThan(10)
  })
})

describe('an engine', () => {
  test('is closed once, and refuses everything then', () => {
    const one = engine()
    one.close()
    for (const call of [() => one.close(), () => one.start(), () => one.stats()]) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_POSTERN_CLOSED' }))
    }
  })

  test('is the only receiver of its functions', () => {
    const { stats, close } = engine()
    for (const receiver of [undefined, null, {}, 5, Object.create(engine())]) {
      expect(() => stats.call(receiver as never)).toThrow('not a Postern engine')
      expect(() => close.call(receiver as never)).toThrow('not a Postern engine')
    }
  })

  test('does nothing for an exchange that it does not have, whatever its numbers are', () => {
    const one = engine()
    for (const id of [0, 1, -1, 4e9]) {
      // More than any high-water mark: who writes to a client that has gone shall stop.
      expect(one.write(id, 1, Buffer.from('x'))).toBeGreaterThan(2 ** 53)
      expect(one.queued(id, 1, true)).toBeGreaterThan(2 ** 53)
      expect(one.trailers(id, 1)).toBe('')
      one.startResponse(id, 1, '200 OK', '', 0, -1)
      one.end(id, 1)
      one.abort(id, 1)
    }
  })

  test('bears arguments of every wrong type', () => {
    const one = engine() as unknown as Record<string, (...all: unknown[]) => unknown>
    const wrong = [undefined, null, 'x', {}, [], Symbol('x'), 5n, () => {}, new Uint8Array(0)]
    const names = membersOf('NativeEngine').filter((name) => typeof one[name] === 'function')
    for (const name of names.filter((candidate) => candidate !== 'close')) {
      for (const value of wrong) {
        try {
          one[name](value, value, value, value, value, value)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }
    }
    expect(one.stats()).toEqual({ connections: 0, requests: 0 })
  })

  test('names the system call and the reason when it cannot listen', () => {
    const how = { kind: 0, host: '192.0.2.1', port: 0, fd: -1, mode: -1, protocol: 0, backlog: 0 }
    expect(() => engine().listen({ ...how, reusePort: false })).toThrow(
      expect.objectContaining({
        code: 'EADDRNOTAVAIL',
        message: expect.stringContaining('bind EADDRNOTAVAIL'),
      }),
    )
  })
})

test('every option of the table is one of the server or of the command line', () => {
  const server = source('src/server/server.ts') + source('src/server/sockets.ts')
  const files = [
    ...['cli/main', 'cli/plan', 'cli/run-master', 'cli/worker'],
    ...['config/command-line', 'config/configuration', 'config/options'],
    ...[
      'cli/identity',
      'cli/process-title',
      'cli/run-alone',
      'manager/cheaper',
      'manager/stats-server',
      'manager/tiredness',
      'manager/worker-handle',
      'server/access-log',
      'server/log-files',
      'server/open-socket',
    ],
  ]
  const line = files.map((file) => source(`src/${file}.ts`)).join('')
  const unused = Object.keys(defaultOptions()).filter(
    (name) =>
      !server.includes(`options.${camelCase(name)}`) &&
      !new RegExp(`(options|limits)\\.${name}`).test(line) &&
      // Settings that are looked at before there are options.
      !line.includes(
        `name === '${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}'`,
      ),
  )
  expect(unused).toEqual([])
})
