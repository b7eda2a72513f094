// serve(): the server as a library. What it takes, what it opens, what it says when it cannot.
import {
  closeSync,
  existsSync,
  linkSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { hostname } from 'node:os'
import { afterAll, describe, expect, test } from 'vitest'
import { EXIT, StartError } from '../../src/errors.js'
import type { GatewayApp } from '../../src/gateway/types.js'
import { type ServeOptions, serve } from '../../src/server/serve.js'
import { exchange, fieldOf } from '../blackbox/raw-client.js'
import { uwsgiRequest } from '../blackbox/uwsgi-packet.js'
import { ownDirectory } from '../support/directories.js'
import { answer } from '../support/results.js'
import { ask, get, serveHere, whereOf } from '../support/serving.js'

const hello = answer(() => 'hello')

/** What the environ says about the server. */
const names: GatewayApp = (environ, startResponse) => {
  startResponse('200 OK', [])
  return [environ.SERVER_NAME, environ.SERVER_PORT, environ['wsgi.multiprocess']].join(' ')
}

async function errorOf(options: object, app: unknown = hello): Promise<StartError> {
  try {
    const server = await serve(app as GatewayApp, options as ServeOptions)
    await server.close(0)
  } catch (error) {
    if (error instanceof StartError) return error
    throw error
  }
  throw new Error('it is accepted')
}

describe('serve()', () => {
  test('resolves when it listens, and says where', async () => {
    const { url, listeners, where } = await serveHere(hello)
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
    expect(listeners).toEqual([{ protocol: 'http', address: url?.slice(7), url }])
    expect(await ask(where)).toBe('hello')
    expect(await (await fetch(url as string)).text()).toBe('hello')
  })

  test('runs several servers in one process, each with its application and its log', async () => {
    const servers = await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        serveHere((environ, startResponse) => {
          environ['wsgi.errors'].write(`log of ${name}\n`)
          startResponse('200 OK', [])
          return name
        }),
      ),
    )
    const answers = await Promise.all([...servers, ...servers].map(({ where }) => ask(where)))
    expect(answers).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
    expect(servers.map(({ log }) => log)).toEqual(
      ['a', 'b', 'c'].map((name) => [`log of ${name}\n`, `log of ${name}\n`]),
    )
  })

  test('takes one socket or several, of both protocols', async () => {
    const dir = ownDirectory()
    const { listeners, url } = await serveHere(hello, {
      httpSocket: [`${dir}/http.sock`, '127.0.0.1:0'],
      socket: `${dir}/uwsgi.sock`,
    })
    expect(listeners.map(({ protocol }) => protocol)).toEqual(['http', 'http', 'uwsgi'])
    expect(url).toBe(listeners[1].url)
    expect(await ask(whereOf(listeners[0]))).toBe('hello')
    expect(await ask(whereOf(listeners[1]))).toBe('hello')
    const response = await exchange(whereOf(listeners[2]), uwsgiRequest('GET', '/'))
    expect(response.body.toString()).toBe('hello')
  })

  test('has no URL without HTTP over TCP', async () => {
    const { url, listeners } = await serveHere(hello, { httpSocket: `${ownDirectory()}/a.sock` })
    expect(url).toBeUndefined()
    expect(listeners[0].url).toBeUndefined()
  })

  test('counts connections and requests', async () => {
    const { where, stats } = await serveHere(hello)
    expect(stats()).toEqual({ connections: 0, requests: 0 })
    await ask(where)
    await ask(where)
    expect(stats().requests).toBe(2)
  })

  test('passes its options on to the engine', async () => {
    const { where } = await serveHere(hello, { serverHeader: false, limitRequestFields: 1 })
    expect(fieldOf(await exchange(where, get()), 'server')).toBeUndefined()
    const two = 'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n'
    expect((await exchange(where, two)).status).toBe(431)
  })

  test('shows no stack to clients, unless dev is on', async () => {
    const fail = () => {
      throw new Error('secret')
    }
    const closed = await serveHere(fail)
    const open = await serveHere(fail, { dev: true })
    expect(await ask(closed.where)).not.toContain('secret')
    expect(await ask(open.where)).toContain('secret')
    expect(closed.log.join('')).toContain('Error: secret')
  })
})

describe('the name of the server in the environ', () => {
  test('is the address that it listens on', async () => {
    const { where, url } = await serveHere(names)
    expect(await ask(where)).toBe(`127.0.0.1 ${new URL(url as string).port} false`)
  })

  test('is that of the machine where it listens on all addresses', async () => {
    const { url, listeners } = await serveHere(names, { httpSocket: ':0' })
    const { port } = new URL(url as string)
    expect(listeners[0].address).toBe(`0.0.0.0:${port}`)
    expect(url).toBe(`http://127.0.0.1:${port}`)
    expect(await (await fetch(url as string)).text()).toBe(`${hostname()} ${port} false`)
  })

  test('W08: is never empty, on a unix socket neither', async () => {
    const { where } = await serveHere(names, { httpSocket: `${ownDirectory()}/a.sock` })
    expect(await ask(where)).toBe('localhost 80 false')
  })

  test('W19: with reuse-port another process may have the same application', async () => {
    const { where } = await serveHere(names, { reusePort: true })
    expect(await ask(where)).toMatch(/ true$/)
  })
})

describe('an address', () => {
  test('may be a name', async () => {
    const { url, where } = await serveHere(hello, { httpSocket: 'localhost:0' })
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(await ask(where)).toBe('hello')
  })

  test('may be of IPv6, and all of IPv6 is not all of IPv4', async () => {
    const { url, listeners } = await serveHere(hello, { httpSocket: '[::]:0' })
    const { port } = new URL(url as string)
    expect(listeners[0].address).toBe(`[::]:${port}`)
    expect(url).toBe(`http://[::1]:${port}`)
    expect(await ask({ host: '::1', port: Number(port) })).toBe('hello')
    await expect(ask({ host: '127.0.0.1', port: Number(port) })).rejects.toThrow('ECONNREFUSED')
  })

  test('may be taken by several servers with reuse-port', async () => {
    const first = await serveHere(hello, { reusePort: true })
    const again = { httpSocket: first.listeners[0].address }
    const second = await serveHere(hello, { ...again, reusePort: true })
    expect(second.url).toBe(first.url)
    expect((await errorOf(again)).exitCode).toBe(EXIT.TEMPORARY)
  })

  test('may be a unix socket, which gets its mode', async () => {
    const path = `${ownDirectory()}/a.sock`
    await serveHere(hello, { httpSocket: path, chmodSocket: 0o640 })
    expect(statSync(path).mode & 0o777).toBe(0o640)
  })

  test('may be a stale unix socket: it is replaced', async () => {
    const path = `${ownDirectory()}/a.sock`
    const gone = createServer()
    await new Promise<void>((resolve) => gone.listen(`${path}.old`, resolve))
    linkSync(`${path}.old`, path)
    await new Promise((resolve) => gone.close(resolve))
    expect(existsSync(path)).toBe(true)
    const { where } = await serveHere(hello, { httpSocket: path })
    expect(await ask(where)).toBe('hello')
  })
})

describe('an address that cannot be had', () => {
  const noSocket = openSync('/dev/null', 'r')
  afterAll(() => closeSync(noSocket))

  test('is named with its option: taken, which may pass', async () => {
    const { listeners } = await serveHere(hello)
    const { address } = listeners[0]
    const error = await errorOf({ httpSocket: address })
    expect(error.message).toContain(`--http-socket ${address}: somebody is listening there already`)
    expect(error.exitCode).toBe(EXIT.TEMPORARY)
    expect(error.cause).toMatchObject({ code: 'EADDRINUSE' })
  })

  test('a unix socket that somebody answers on stays theirs', async () => {
    const path = `${ownDirectory()}/a.sock`
    const { where } = await serveHere(hello, { httpSocket: path })
    expect((await errorOf({ socket: path })).message).toContain(`--socket ${path}: somebody`)
    expect(await ask(where)).toBe('hello')
  })

  test('the same one twice is taken by the first', async () => {
    const path = `${ownDirectory()}/a.sock`
    expect((await errorOf({ httpSocket: path, socket: path })).message).toContain('somebody is')
    expect(existsSync(path)).toBe(false)
  })

  test('a file that is no socket is left alone, and that does not pass', async () => {
    const path = `${ownDirectory()}/data`
    writeFileSync(path, 'precious')
    const error = await errorOf({ socket: path })
    expect(error.message).toBe(`--socket ${path}: there is a file that is not a socket`)
    expect(error.exitCode).toBe(EXIT.PERMANENT)
    expect(readFileSync(path, 'utf8')).toBe('precious')
  })

  test.each([
    ['/nonexistent/a.sock', 'the directory does not exist'],
    [`/tmp/${'x'.repeat(200)}`, 'a path that is too long'],
    ['192.0.2.1:0', 'this machine does not have that address'],
    ['nonexistent.invalid:0', 'the name nonexistent.invalid has no address'],
    ['999.1.1.1:80', 'not an address'],
    ['fd://900', 'no such descriptor was inherited'],
    [`fd://${noSocket}`, 'the descriptor is not a socket'],
  ])('%s: %s, which does not pass', async (address, text) => {
    const error = await errorOf({ socket: address })
    expect(error.message).toContain('--socket')
    expect(error.message).toContain(text)
    expect(error.exitCode).toBe(EXIT.PERMANENT)
  })

  test('takes those that were opened before it down with it', async () => {
    const path = `${ownDirectory()}/a.sock`
    const probe = await serveHere(hello)
    const { address } = probe.listeners[0]
    await probe.close()
    await errorOf({ httpSocket: [address, path], socket: '192.0.2.1:0' })
    expect(existsSync(path)).toBe(false)
    await expect(ask(whereOf({ protocol: 'http', address }))).rejects.toThrow('ECONNREFUSED')
  })
})

describe('what serve() is given', () => {
  test.each([
    [{ htpSocket: ':0' }, 'serve() has no option "htpSocket": did you mean "httpSocket"?'],
    [{ 'http-socket': ':0' }, 'serve() has no option "http-socket": did you mean "httpSocket"?'],
    [{ completelyDifferent: 1 }, 'serve() has no option "completelyDifferent"'],
    [{ chdir: '/' }, 'serve() has no option "chdir"'],
    [{ env: 'A=1' }, 'serve() has no option "env"'],
    [{ httpSocket: 8000 }, '--http-socket is a socket address such as ":8000"'],
    [{ httpSocket: [':0', null] }, '--http-socket is a socket address such as ":8000"'],
    [{ httpSocket: '8000' }, '--http-socket "8000" is not a socket address'],
    [{ listen: [1, 2] }, '--listen is a whole number, not [ 1, 2 ]'],
    [{ listen: [] }, '--listen is a whole number, not []'],
    [{ bufferSize: 1 }, '--buffer-size is at least 256, not 1'],
    [{ dev: 'yes' }, '--dev is true or false, not "yes"'],
    [{ interface: 'express' }, '--interface is one of auto, gateway, not "express"'],
    [{ log: 'file.log' }, 'the option "log" of serve() is a function'],
  ])('%j is refused by name', async (options, text) => {
    const error = await errorOf({ ...options })
    expect(error.message).toContain(text)
    expect(error.name).toBe('ConfigError')
    expect(error.exitCode).toBe(EXIT.PERMANENT)
  })

  test.each([
    [null, 'the application is null, not a function'],
    [{ fetch() {} }, 'the application is an object with fetch()'],
    [(_a: 1, _b: 2, _c: 3) => 'x', 'the application looks like a handler (req, res, next)'],
  ])('an application that is none is refused', async (app, text) => {
    expect((await errorOf({ httpSocket: '127.0.0.1:0' }, app)).message).toContain(text)
  })

  test('an option that is undefined is one that is not given', async () => {
    const { where } = await serveHere(hello, { listen: undefined, log: undefined })
    expect(await ask(where)).toBe('hello')
  })

  test('its arrays are not changed and not kept', async () => {
    const httpSocket = ['127.0.0.1:0']
    await serveHere(hello, { httpSocket })
    expect(httpSocket).toEqual(['127.0.0.1:0'])
  })
})
