// docs/postern.schema.json is what the option table makes of it, and tells good files from bad ones
// as the server does.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { jsonSchema } from '../../src/cli/json-schema.js'
import { OPTIONS } from '../../src/config/options.js'
import { QUESTIONS } from '../../src/config/settings.js'
import { ROOT } from '../blackbox/postern.js'

const schema = JSON.parse(jsonSchema())
const fits = new Ajv({ strict: true, allowUnionTypes: true }).compile(schema)

test('docs/postern.schema.json is fresh: else `npm run generate`', () => {
  expect(readFileSync(join(ROOT, 'docs/postern.schema.json'), 'utf8')).toBe(jsonSchema())
})

test('every option that a file may have is offered, with its documentation', () => {
  const options = OPTIONS.filter(({ name }) => !QUESTIONS.has(name))
  for (const { name, doc } of options) {
    expect(schema.properties[name]?.description).toBe(doc)
    expect(schema.definitions.section.properties).toHaveProperty(name)
  }
  expect(Object.keys(schema.properties)).toHaveLength(options.length + 3)
})

describe('a document', () => {
  test.each([
    {},
    { $schema: './postern.schema.json', app: 'app.ts', processes: 'auto', master: true },
    { socket: ':1', 'http-socket': [':2', '/x.sock'], httpSocket: ':3', chmod_socket: '660' },
    { env: { A: '1', B: 2 }, bufferSize: '32k', limitPost: 5, 'proxy-protocol': 'require' },
    { env: ['A=1'], listen: '%(x)', maxRequests: '$(N)', pidfile: '%n.pid' },
    { uwsgi: { listen: 5, workers: 2 }, postern: { app: 'app.ts' }, 'thunder-lock': true },
  ])('%j fits', (document) => {
    expect(fits(document)).toBe(true)
  })

  test.each([
    { listn: 5 },
    { listen: -1 },
    { listen: 1.5 },
    { listen: 'many' },
    { listen: [5] },
    { processes: 5000 },
    { master: 'yes' },
    { chmodSocket: 660 },
    { chmod_socket: '9' },
    { proxyProtocol: 'on' },
    { env: ['A'] },
    { uwsgi: { listn: 5 } },
    { help: true },
  ])('%j does not', (document) => {
    expect(fits(document)).toBe(false)
  })
})
