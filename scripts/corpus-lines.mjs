// test/corpus/*.json as lines that a C++ test reads without a JSON parser: a keyword, then words.
// Bytes are hexadecimal ("-" for none), or "#" length and SHA-256 where the corpus gives only those.
//
//   case id · raw bytes · config name value · shutdown · outcome status… prefer app may_wait · end
//   message opens what one request must look like: the first, then those pipelined behind it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { digest, root, unlessFresh } from './lib.mjs'

const FILES = ['http1', 'uwsgi']

const hex = (bytes) => (bytes.length === 0 ? '-' : bytes.toString('hex'))
/** Strings of the corpus are latin-1; those of bodies and of uwsgi variables are UTF-8 text. */
const latin1 = (text) => hex(Buffer.from(text, 'latin1'))
const utf8 = (text) => hex(Buffer.from(text, 'utf8'))

export function rawOf(one) {
  if (one.raw !== undefined) return Buffer.from(one.raw, 'base64')
  return inflateSync(Buffer.from(one.raw_z, 'base64'))
}

function printed(value) {
  return typeof value === 'string' ? latin1(value) : `#${value.len}:${value.sha256}`
}

function bodyOf(expect) {
  if (expect.body_b64 !== undefined) return hex(Buffer.from(expect.body_b64, 'base64'))
  if (expect.body_sha256 !== undefined) return `#${expect.body_len}:${expect.body_sha256}`
  return expect.body === undefined ? undefined : utf8(expect.body)
}

function* messageLines(expect) {
  yield `message ${expect.outcome} ${expect.prefer ?? '-'} ${expect.app ?? '-'} ${expect.connection ?? '-'} ${expect.may_wait === true ? 'may_wait' : '-'}`
  yield `status ${expect.status.map((status) => status ?? 0).join(' ')}`
  for (const key of ['method', 'target', 'path', 'path_decoded', 'query', 'version']) {
    if (expect[key] !== undefined) yield `${key} ${printed(expect[key])}`
  }
  for (const key of [
    'remote_addr',
    'remote_port',
    'scheme',
    'host',
    'server_name',
    'server_port',
  ]) {
    if (expect[key] !== undefined) yield `${key} ${printed(expect[key])}`
  }
  for (const [name, value] of expect.headers ?? []) yield `header ${latin1(name)} ${printed(value)}`
  for (const [name, value] of expect.trailers ?? [])
    yield `trailer ${latin1(name)} ${printed(value)}`
  for (const name of expect.absent_headers ?? []) yield `absent ${latin1(name)}`
  for (const [name, value] of Object.entries(expect.env ?? {})) {
    yield `env ${utf8(name)} ${utf8(value)}`
  }
  for (const name of expect.absent_env ?? []) yield `absent_env ${utf8(name)}`
  const body = bodyOf(expect)
  if (body !== undefined) yield `body ${body}`
  if (expect.response_b64 !== undefined) {
    yield `response ${hex(Buffer.from(expect.response_b64, 'base64'))}`
  }
}

function* caseLines(one) {
  yield `case ${one.id}`
  yield `title ${utf8(one.description)}`
  yield `raw ${hex(rawOf(one))}`
  for (const [name, value] of Object.entries(one.config ?? {})) {
    const words = Array.isArray(value) ? value : [value]
    yield `config ${name} ${words.join(',')}`
  }
  if (one.after_send === 'shutdown_wr') yield 'shutdown'
  if (one.expect.max_responses !== undefined) yield `max_responses ${one.expect.max_responses}`
  yield* messageLines(one.expect)
  for (const next of one.expect.next ?? []) yield* messageLines(next)
  yield 'end'
}

/** Writes `<directory>/http1.txt` and `uwsgi.txt`. */
export function writeCorpus(directory) {
  const corpora = FILES.map((name) => `test/corpus/${name}.json`)
  const sources = [...corpora, 'scripts/corpus-lines.mjs']
  unlessFresh(
    'corpus-lines',
    digest(sources, directory),
    join(directory, `${FILES[1]}.txt`),
    () => {
      for (const name of FILES) {
        const { cases } = JSON.parse(readFileSync(join(root, `test/corpus/${name}.json`), 'utf8'))
        const output = join(root, directory, `${name}.txt`)
        mkdirSync(dirname(output), { recursive: true })
        writeFileSync(output, `${cases.flatMap((one) => [...caseLines(one)]).join('\n')}\n`)
      }
    },
  )
}
