// Compiles C++ outside of node-gyp, for the native tests and the fuzzers: each object again only if
// its source, one of its headers or its command has changed, two at a time.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { digest, filesUnder, root, runQuietly, unlessFresh } from './lib.mjs'

const JOBS = 2

/** The sources of a folder, as paths relative to the root. */
export function sourcesUnder(folder) {
  return filesUnder(join(root, folder))
    .filter((path) => path.endsWith('.cc'))
    .map((path) => path.slice(root.length + 1))
}

/** Everything of native/ that knows neither Node nor Python. */
export function pureSources() {
  return ['base', 'protocols', 'engine'].flatMap((room) => sourcesUnder(`native/${room}`))
}

/** What a source was last compiled from: itself and its headers. */
function dependenciesOf(object) {
  const file = `${object}.d`
  if (!existsSync(join(root, file))) return null
  const text = readFileSync(join(root, file), 'utf8')
  return text
    .slice(text.indexOf(':') + 1)
    .split(/[\s\\]+/)
    .filter((path) => path !== '' && !path.startsWith('/'))
}

function isFresh(object, command) {
  const stamp = join(root, `${object}.stamp`)
  const dependencies = dependenciesOf(object)
  if (dependencies === null || !existsSync(join(root, object)) || !existsSync(stamp)) return false
  if (!dependencies.every((path) => existsSync(join(root, path)))) return false
  return readFileSync(stamp, 'utf8') === digest(dependencies, command)
}

function compileOne(object, command) {
  mkdirSync(dirname(join(root, object)), { recursive: true })
  return new Promise((resolve) => {
    const child = spawn(command[0], command.slice(1), { cwd: root, stdio: 'inherit' })
    child.on('exit', (code) => {
      if (code !== 0) {
        process.stderr.write(`failed: ${command.join(' ')}\n`)
        process.exit(1)
      }
      writeFileSync(
        join(root, `${object}.stamp`),
        digest(dependenciesOf(object), command.join(' ')),
      )
      resolve()
    })
  })
}

/**
 * Compiles `sources` into `directory` and returns their objects, in order.
 *
 * @param compiler the command and its flags
 */
export async function compile(sources, directory, compiler) {
  const stale = []
  const objects = sources.map((source) => {
    const object = `${directory}/${source.replace(/\.cc$/, '.o')}`
    const command = [...compiler, '-MMD', '-MF', `${object}.d`, '-c', source, '-o', object]
    if (!isFresh(object, command.join(' '))) stale.push({ object, command })
    return object
  })
  const worker = async () => {
    for (let job = stale.shift(); job !== undefined; job = stale.shift()) {
      await compileOne(job.object, job.command)
    }
  }
  await Promise.all(Array.from({ length: JOBS }, worker))
  return objects
}

/** Links `objects` into `output`. */
export function link(objects, output, linker) {
  const stamps = objects.map((object) => readFileSync(join(root, `${object}.stamp`), 'utf8'))
  const current = digest([], [...linker, output, ...objects, ...stamps].join(' '))
  unlessFresh(output.replaceAll('/', '-'), current, output, () => {
    mkdirSync(dirname(join(root, output)), { recursive: true })
    runQuietly(linker[0], [...linker.slice(1), ...objects, '-o', output])
  })
}
