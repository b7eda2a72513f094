// The half of `validate` that looks at what a server gives: the environ and the streams in it.
import { GatewayError } from '../errors.js'
import { isBytes } from './blocks.js'
import type { Environ, ErrorStream } from './types.js'

const LATIN1_RE = /^[\0-\xff]*$/
const METHOD_RE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const READS: ReadonlySet<string> = new Set(['read', 'readline', 'readlines'])

export function check(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new GatewayError('ERR_VALIDATE', `gateway interface: ${rule}`)
}

export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return isBytes(value) ? 'bytes' : typeof value
}

export function checkEnviron(environ: Environ): void {
  check(environ !== null && typeof environ === 'object', 'environ is an object')
  for (const key of [
    'REQUEST_METHOD',
    'SERVER_NAME',
    'SERVER_PORT',
    'SERVER_PROTOCOL',
    'wsgi.version',
    'wsgi.url_scheme',
    'wsgi.input',
    'wsgi.errors',
    'wsgi.multithread',
    'wsgi.multiprocess',
    'wsgi.run_once',
  ]) {
    check(Object.hasOwn(environ, key), `environ has no ${key}`)
  }
  check(!('toString' in environ), 'environ has inherited keys')
  for (const key of ['HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH']) {
    check(!(key in environ), `environ has ${key}: the name is ${key.slice(5)}`)
  }
  for (const [key, value] of Object.entries(environ)) {
    if (key.includes('.')) continue
    check(typeof value === 'string', `environ.${key} is ${kindOf(value)}, not a string`)
    check(LATIN1_RE.test(value), `environ.${key} has characters above U+00FF`)
  }
  checkRequest(environ)
}

function checkRequest(environ: Environ): void {
  const version = environ['wsgi.version']
  check(
    Array.isArray(version) && version[0] === 1 && version[1] === 0,
    'environ["wsgi.version"] is [1, 0]',
  )
  check(
    environ['wsgi.url_scheme'] === 'http' || environ['wsgi.url_scheme'] === 'https',
    `environ["wsgi.url_scheme"] is http or https`,
  )
  for (const key of ['wsgi.multithread', 'wsgi.multiprocess', 'wsgi.run_once']) {
    check(typeof environ[key] === 'boolean', `environ["${key}"] is a boolean`)
  }
  check(METHOD_RE.test(environ.REQUEST_METHOD), 'REQUEST_METHOD is a token')
  check(
    environ.SERVER_NAME !== '' && environ.SERVER_PORT !== '',
    'SERVER_NAME and SERVER_PORT are not empty',
  )
  const { SCRIPT_NAME: script = '', PATH_INFO: path = '' } = environ
  check(!script.endsWith('/'), 'SCRIPT_NAME does not end with "/"')
  check(script === '' || script.startsWith('/'), 'SCRIPT_NAME starts with "/"')
  check(path === '' || path === '*' || path.startsWith('/'), 'PATH_INFO starts with "/"')
  check(script !== '' || path !== '', 'SCRIPT_NAME or PATH_INFO is not empty')
  const length = environ.CONTENT_LENGTH
  check(length === undefined || /^\d*$/.test(length), 'CONTENT_LENGTH is digits')
}

export function checkedInput<T extends object>(input: T): T {
  check(input !== null && typeof input === 'object', 'wsgi.input is an object')
  for (const name of READS) {
    check(
      typeof (input as Record<string, unknown>)[name] === 'function',
      `wsgi.input has ${name}()`,
    )
  }
  check(Symbol.asyncIterator in input, 'wsgi.input can be iterated')
  return new Proxy(input, {
    get(target, key) {
      const value = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      const name = String(key)
      if (!READS.has(name)) return value.bind(target)
      return (...values: unknown[]) => {
        check(values.length <= 1, `wsgi.input.${name}() takes one argument at most`)
        const result = checkRead(name, value.apply(target, values))
        result.catch(() => {}) // nobody has to wait for it
        return result
      }
    },
  })
}

async function checkRead(name: string, reading: unknown): Promise<unknown> {
  const got = await reading
  const good = name === 'readlines' ? Array.isArray(got) && got.every(isBytes) : isBytes(got)
  check(good, `wsgi.input.${name}() gives bytes, not ${kindOf(got)}`)
  return got
}

export function checkedErrors(errors: ErrorStream): ErrorStream {
  check(errors !== null && typeof errors === 'object', 'wsgi.errors is an object')
  for (const name of ['write', 'writelines', 'flush'] as const) {
    check(typeof errors[name] === 'function', `wsgi.errors has ${name}()`)
  }
  return {
    write(...values: unknown[]) {
      check(values.length === 1, 'wsgi.errors.write() takes one argument')
      check(typeof values[0] === 'string', `wsgi.errors takes text, not ${kindOf(values[0])}`)
      errors.write(values[0])
    },
    writelines(lines) {
      for (const line of lines) this.write(line)
    },
    flush() {
      errors.flush()
    },
  }
}
