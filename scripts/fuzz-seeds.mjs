// What the fuzzers start from: the bytes of test/corpus, cut to what each target reads, as files
// below build/fuzz/seeds. In front of them stand the options of test/fuzz/target.h.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rawOf } from './corpus-lines.mjs'
import { digest, root, unlessFresh } from './lib.mjs'

export const SEEDS = 'build/fuzz/seeds'
const CORPORA = ['http1', 'uwsgi'].map((name) => `test/corpus/${name}.json`)
const MOST_BYTES = 8192
/** Options of the engine, see engine_fuzz.cc; each case gets one of them besides the plain one. */
const ENGINE_FLAGS = [0x02, 0x80, 0x10, 0x88, 0x18, 0x20, 0x82, 0x50, 0x90, 0x1a, 0x08, 0xa8]

function casesOf(file) {
  const { cases } = JSON.parse(readFileSync(join(root, file), 'utf8'))
  return cases
    .map((one) => rawOf(one).subarray(0, MOST_BYTES))
    .map((raw) => ({ raw, text: raw.toString('latin1') }))
}

/** Head and what is behind it, as text. */
function partsOf(text) {
  const end = text.indexOf('\r\n\r\n')
  const head = end < 0 ? text : text.slice(0, end)
  const lines = head.split('\r\n')
  return { first: lines[0], fields: lines.slice(1), rest: end < 0 ? '' : text.slice(end + 4) }
}

function* httpSeeds({ raw, text }, index) {
  const { first, fields, rest } = partsOf(text)
  yield ['http1_head', 0, raw]
  if (index % 4 === 0) yield ['http1_head', 0x1f, raw]
  yield ['meta_variables', 0, raw]
  yield ['engine', 0, raw]
  yield ['engine', ENGINE_FLAGS[index % ENGINE_FLAGS.length], raw]
  if (index % 8 === 0) yield ['scan', 1, raw.subarray(0, 300)]
  if (text.startsWith('PROXY') || text.startsWith('\r\n\r\n\0')) {
    yield ['proxy', 0, raw]
    yield ['engine', 0x04, raw]
  }
  if (/chunked/i.test(text) && rest !== '')
    yield ['chunked', index % 2, Buffer.from(rest, 'latin1')]
  const forwarding = fields.filter((line) => /^(x-|forwarded)/i.test(line)).join('\r\n')
  if (forwarding !== '') yield ['forwarded', (index % 4) << 2, Buffer.from(forwarding, 'latin1')]
  yield ['response', index % 256, Buffer.from(`200 OK\n${fields.join('\r\n')}\r\n`, 'latin1')]
  const host = fields.find((line) => /^host:/i.test(line))
  const target = first.split(' ')[1] ?? ''
  for (const word of [host?.slice(5).trim(), target]) {
    if (word) yield ['authority', 0, Buffer.from(word, 'latin1')]
  }
}

function* uwsgiSeeds({ raw }, index) {
  yield ['uwsgi', 0, raw]
  yield ['meta_variables', 1, raw]
  yield ['engine', 0x01, raw]
  yield ['engine', 0x01 | ENGINE_FLAGS[index % ENGINE_FLAGS.length], raw]
}

function* allSeeds() {
  const [http, uwsgi] = CORPORA.map(casesOf)
  for (const [index, one] of http.entries()) yield* httpSeeds(one, index)
  for (const [index, one] of uwsgi.entries()) yield* uwsgiSeeds(one, index)
}

/** Writes `build/fuzz/seeds/TARGET/NUMBER`. */
export function writeSeeds() {
  const current = digest([...CORPORA, 'scripts/fuzz-seeds.mjs'])
  unlessFresh('fuzz-seeds', current, SEEDS, () => {
    rmSync(join(root, SEEDS), { recursive: true, force: true })
    const counts = new Map()
    for (const [target, flags, bytes] of allSeeds()) {
      const number = counts.get(target) ?? 0
      counts.set(target, number + 1)
      const folder = join(root, SEEDS, target)
      if (number === 0) mkdirSync(folder, { recursive: true })
      const options = Buffer.from([flags, number & 0xff, number >> 8, 0, 0])
      const name = String(number).padStart(4, '0')
      writeFileSync(join(folder, name), Buffer.concat([options, bytes]))
    }
  })
}
