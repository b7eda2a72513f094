// The floor plan holds: for the sources as they are, and, to see that the checker sees, for trees
// that are wrong on purpose.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import {
  checkNative,
  checkOpenings,
  checkTypeScript,
  importsOf,
  includesOf,
  type Tree,
} from './support/layers.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Everything that somebody wrote, with the files of the top level. */
function repository(): Tree {
  const folders = ['native', 'src', 'test', 'scripts', 'bench', 'examples']
  const paths = [...readdirSync(ROOT), ...folders.flatMap((folder) => filesOf(folder))]
  const sources = paths.filter(
    (path) => /\.(cc|h|ts|mjs|js)$/.test(path) && !/(^|\/)(node_modules|build)\//.test(path),
  )
  return new Map(sources.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]))
}

function filesOf(folder: string): string[] {
  const inside = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  return inside.map((path) => `${folder}/${path}`)
}

function tree(files: Record<string, string>): Tree {
  return new Map(Object.entries(files))
}

const sources = repository()

describe('this repository', () => {
  test('has sources on every floor that the plan has so far', () => {
    const rooms = new Set([...sources.keys()].map((path) => path.split('/').slice(0, 2).join('/')))
    const native = ['base', 'protocols', 'engine', 'binding'].map((floor) => `native/${floor}`)
    const src = ['native', 'gateway', 'adapters', 'config', 'server', 'cli']
    expect([...rooms]).toEqual(
      expect.arrayContaining([...native, ...src.map((floor) => `src/${floor}`)]),
    )
  })

  test('includes go down, without a cycle, and each floor keeps its system headers', () => {
    expect(checkNative(sources)).toEqual([])
  })

  test('imports go down, without a cycle, and each file keeps what is its own', () => {
    expect(checkTypeScript(sources)).toEqual([])
  })

  test('every source file opens with a comment', () => {
    // A native unit test is named after the header that it tests, and includes it first.
    const openings = [...sources].filter(([path]) => !/^test\/native\/.*_test\.cc$/.test(path))
    expect(checkOpenings(new Map(openings))).toEqual([])
  })

  test('index.ts only exports, in at most 40 lines', () => {
    const lines = (sources.get('src/index.ts') as string).split('\n')
    expect(lines.length).toBeLessThanOrEqual(40)
    expect(importsOf(lines.join('\n')).length).toBe(lines.join('\n').match(/ from '/g)?.length)
    expect(lines.filter((line) => /^(import|const|let|function|class)\b/.test(line))).toEqual([])
  })
})

describe('the checker of includes', () => {
  const base = '#include <cstdint>\n'

  test('accepts includes of the same floor and of those below', () => {
    const good = {
      'native/base/bytes.h': base,
      'native/base/buffer.h': '#include "base/bytes.h"\n',
      'native/protocols/uwsgi.h': '#include "base/buffer.h"\n',
      'native/engine/engine.cc': '#include <sys/socket.h>\n#include "protocols/uwsgi.h"\n',
      'native/python/gil.h': '#include <Python.h>\n#include "engine/engine.h"\n',
      'native/engine/engine.h': '#include "base/bytes.h"\n',
      'native/binding/addon.cc':
        '#include <node_api.h>\n#include <uv.h>\n#include "python/gil.h"\n',
    }
    expect(checkNative(tree(good))).toEqual([])
  })

  test.each([
    ['base', 'protocols'],
    ['base', 'binding'],
    ['protocols', 'engine'],
    ['engine', 'python'],
    ['engine', 'binding'],
    ['python', 'binding'],
  ])('refuses an include from %s up to %s', (low, high) => {
    const bad = {
      [`native/${high}/up.h`]: base,
      [`native/${low}/down.cc`]: `#include "${high}/up.h"`,
    }
    expect(checkNative(tree(bad))).toEqual([
      `native/${low}/down.cc: includes "${high}/up.h" from a floor above`,
    ])
  })

  test.each([
    ['sys/socket.h', 'engine', ['base', 'protocols', 'python', 'binding']],
    ['netinet/in.h', 'engine', ['base', 'protocols', 'python', 'binding']],
    ['sys/un.h', 'engine', ['binding']],
    ['arpa/inet.h', 'engine', ['base', 'protocols']],
    ['sys/epoll.h', 'engine', ['binding']],
    ['node_api.h', 'binding', ['base', 'protocols', 'engine', 'python']],
    ['napi.h', 'binding', ['engine']],
    ['uv.h', 'binding', ['base', 'engine']],
    ['Python.h', 'python', ['engine', 'binding']],
  ])('only lets %s into %s', (header, owner, others) => {
    const text = `#include <${header}>\n`
    expect(checkNative(tree({ [`native/${owner}/a.cc`]: text }))).toEqual([])
    for (const floor of others) {
      expect(checkNative(tree({ [`native/${floor}/a.cc`]: text }))).toEqual([
        `native/${floor}/a.cc: includes <${header}>, which only ${owner}/ may`,
      ])
    }
  })

  test('refuses a cycle, on one floor and of a header with itself', () => {
    const cycle = {
      'native/base/a.h': '#include "base/b.h"\n',
      'native/base/b.h': '  #  include "base/c.h"\n',
      'native/base/c.h': '#include "base/a.h"\n',
    }
    expect(checkNative(tree(cycle))).toEqual([
      'a cycle: native/base/a.h → native/base/b.h → native/base/c.h → native/base/a.h',
    ])
    expect(checkNative(tree({ 'native/base/a.h': '#include "base/a.h"\n' }))).toEqual([
      'a cycle: native/base/a.h → native/base/a.h',
    ])
  })

  test('refuses a path that does not start at native/, and a file outside of every floor', () => {
    const files = { 'native/base/a.h': base, 'native/base/b.h': '#include "a.h"\n' }
    expect(checkNative(tree(files))).toHaveLength(1)
    expect(checkNative(tree({ 'native/utils/a.h': base }))).toEqual([
      'native/utils/a.h: is on no floor',
    ])
  })

  test('does not read comments', () => {
    const text = '// #include "engine/x.h"\n/*\n#include "engine/x.h"\n*/\n#include <new>\n'
    expect(includesOf(text)).toEqual([{ name: 'new', system: true }])
  })
})

describe('the checker of imports', () => {
  test('accepts imports of the same floor and of those below', () => {
    const good = {
      'src/errors.ts': '',
      'src/native/addon.ts': "import { E } from '../errors.js'\nrequire('node-gyp-build')",
      'src/gateway/headers.ts': "import { STATUS_CODES } from 'node:http'\nimport '../errors.js'",
      'src/gateway/exchange.ts': "import type { H } from './headers.js'",
      'src/cli/main.ts': "import { x } from '../gateway/exchange.js'",
      'src/cli/lifetime.ts': 'process.exit(0)',
      'src/index.ts': "export { x } from './gateway/exchange.js'",
    }
    expect(checkTypeScript(tree(good))).toEqual([])
  })

  test.each([
    ['native', 'gateway'],
    ['gateway', 'adapters'],
    ['adapters', 'config'],
    ['config', 'server'],
    ['server', 'manager'],
    ['manager', 'emperor'],
    ['emperor', 'cli'],
    ['gateway', 'server'],
  ])('refuses an import from %s up to %s, of whatever kind', (low, high) => {
    for (const text of [
      `import { x } from '../${high}/up.js'`,
      `import type { X } from '../${high}/up.js'`,
      `export * from '../${high}/up.js'`,
      `const x = await import('../${high}/up.js')`,
      `type X = import('../${high}/up.js').X`,
    ]) {
      const bad = { [`src/${high}/up.ts`]: '', [`src/${low}/down.ts`]: text }
      expect(checkTypeScript(tree(bad))).toEqual([
        `src/${low}/down.ts: imports "../${high}/up.js" from a floor above`,
      ])
    }
  })

  test('refuses that a floor imports the public index, and that the index imports the cli', () => {
    const files = {
      'src/index.ts': "export { x } from './cli/main.js'",
      'src/cli/main.ts': '',
      'src/server/server.ts': "import { x } from '../index.js'",
    }
    expect(checkTypeScript(tree(files))).toHaveLength(2)
  })

  test('refuses a cycle, of types too', () => {
    const cycle = {
      'src/server/a.ts': "import type { B } from './b.js'",
      'src/server/b.ts': "import { A } from './a.js'",
    }
    expect(checkTypeScript(tree(cycle))).toEqual([
      'a cycle: src/server/a.ts → src/server/b.ts → src/server/a.ts',
    ])
  })

  test('refuses files and rooms that the plan does not have', () => {
    expect(checkTypeScript(tree({ 'src/utils/a.ts': '' }))).toEqual([
      'src/utils/a.ts: is on no floor',
    ])
    expect(checkTypeScript(tree({ 'src/cli/a.ts': "import './b.js'" }))).toHaveLength(1)
  })

  test('keeps the gateway away from files and sockets', () => {
    for (const name of ['node:fs', 'node:fs/promises', 'net', 'node:child_process']) {
      const files = tree({ 'src/gateway/a.ts': `import { x } from '${name}'` })
      expect(checkTypeScript(files)).toEqual([
        `src/gateway/a.ts: imports "${name}": the gateway is pure`,
      ])
    }
  })

  test('lets only native/addon.ts load the addon, and only cli/lifetime.ts end the process', () => {
    const files = {
      'src/server/a.ts': "const addon = (require('node-gyp-build') as F)(root)",
      'src/server/b.ts': '// process.exit(1) is not ours\nprocess.exit(1)',
      'src/server/c.ts': '// process.exit(1) is not ours\n/* process.exit(1) */',
    }
    expect(checkTypeScript(tree(files))).toEqual([
      'src/server/a.ts: imports "node-gyp-build", which only native/addon.ts may',
      'src/server/b.ts: ends the process, which only cli/lifetime.ts may',
    ])
  })
})

test('the checker of openings wants a comment first, behind an interpreter line too', () => {
  const files = {
    'a.ts': '// a\n',
    'b.ts': '#!/usr/bin/env node\n// b\n',
    'c.ts': '/** c */',
    'd.ts': 'import x\n// d',
    'e.ts': '#!/usr/bin/env node\nimport x',
    'f.ts': '',
  }
  expect(checkOpenings(tree(files)).map((line) => line[0])).toEqual(['d', 'e', 'f'])
})
