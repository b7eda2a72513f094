// What an application behind nginx/nginx.conf is told about a request: in each of the three ways the
// truth, and the client's word for none of it.
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Edit } from './nginx.js'
import { selfSigned } from './nginx-certificate.js'
import { request, Stack, startStack, told, WAYS, type Way } from './nginx-stack.js'
import { temporaryDirectory } from './postern.js'
import { exchange, type Where } from './raw-client.js'

type Env = Record<string, string>

let stack: Stack

beforeAll(async () => {
  stack = await Stack.start()
})
afterAll(() => stack.stop())

async function environOf(way: Way, bytes: string, from = '127.0.0.1'): Promise<Env> {
  const where = { ...stack.where(way), localAddress: from } as Where
  const response = await exchange(where, bytes)
  expect(response.status).toBe(200)
  return told(response).env
}

function overHttp(way: Way): boolean {
  return way === 'HTTP with keep-alive'
}

/** Since 1.23 nginx joins the fields that come twice before it sends them over uwsgi. */
function nginxJoins(): boolean {
  const path = `${process.env.PATH}:/usr/sbin:/sbin`
  const said = execFileSync('/bin/sh', ['-c', 'nginx -v 2>&1'], { env: { PATH: path } })
  const [, major, minor] = /nginx\/(\d+)\.(\d+)/.exec(said.toString()) ?? []
  return Number(major) * 1000 + Number(minor) >= 1023
}

describe.each(WAYS)('%s', (way) => {
  test('the path is decoded to bytes, the query and the request-target are not', async () => {
    const target = '/caf%C3%A9/a%2Fb%20c;v=1?x=%41&y=a+b&z=%C3%A9'
    expect(await environOf(way, request(target))).toMatchObject({
      SCRIPT_NAME: '',
      PATH_INFO: '/caf\xc3\xa9/a/b c;v=1',
      QUERY_STRING: 'x=%41&y=a+b&z=%C3%A9',
      REQUEST_URI: target,
    })
  })

  test('"//" and dot segments: over uwsgi nginx resolves them, over HTTP it passes them on', async () => {
    const env = await environOf(way, request('//a/./b/../c'))
    expect(env.PATH_INFO).toBe(overHttp(way) ? '//a/./b/../c' : '/a/c')
    expect(env.REQUEST_URI).toBe('//a/./b/../c')
  })

  test('an empty query is there, as ""', async () => {
    expect((await environOf(way, request('/'))).QUERY_STRING).toBe('')
    expect((await environOf(way, request('/?'))).QUERY_STRING).toBe('')
  })

  test('client, server and scheme are those that nginx sees', async () => {
    const { port } = stack.where(way)
    const bytes = `GET / HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`
    const env = await environOf(way, bytes, '127.11.12.13')
    expect(env).toMatchObject({
      REMOTE_ADDR: '127.11.12.13',
      SERVER_NAME: 'localhost',
      SERVER_PORT: String(port),
      HTTP_HOST: `localhost:${port}`,
      'wsgi.url_scheme': 'http',
      SERVER_PROTOCOL: 'HTTP/1.1',
    })
    expect(env.HTTPS).toBeUndefined()
    expect(env.REMOTE_PORT).toMatch(overHttp(way) ? /^$/ : /^\d+$/)
  })

  test('what the client says about itself is replaced or taken away', async () => {
    const { port } = stack.where(way)
    const claims = [
      'X-Forwarded-For: 9.9.9.9',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Port: 1',
      'X-Forwarded-Protocol: https',
      'X-Forwarded-Ssl: on',
      'Forwarded: for=9.9.9.9;proto=https;host=evil.example',
      'Proxy: http://evil.example',
    ]
    const env = await environOf(way, request('/', 'GET', claims), '127.11.12.13')
    expect(env).toMatchObject({
      REMOTE_ADDR: '127.11.12.13',
      SERVER_NAME: 'localhost',
      SERVER_PORT: String(port),
      HTTP_HOST: 'localhost',
      'wsgi.url_scheme': 'http',
      HTTP_X_FORWARDED_FOR: '127.11.12.13',
      HTTP_X_FORWARDED_PROTO: 'http',
      HTTP_X_FORWARDED_HOST: 'localhost',
      HTTP_X_FORWARDED_PORT: String(port),
    })
    for (const key of ['X_FORWARDED_PROTOCOL', 'X_FORWARDED_SSL', 'FORWARDED', 'PROXY']) {
      expect(env[`HTTP_${key}`], key).toBeUndefined()
    }
  })

  test('Host is as the client wrote it, with its port', async () => {
    const env = await environOf(way, 'GET / HTTP/1.1\r\nHost: WWW.Example.org:81\r\n\r\n')
    expect(env.HTTP_HOST).toBe('WWW.Example.org:81')
  })

  test('a request without Host (HTTP/1.0) is served, with the name of the server', async () => {
    expect((await environOf(way, 'GET / HTTP/1.0\r\n\r\n')).HTTP_HOST).toBe('localhost')
  })

  test('the host of the request line counts, not another one in Host', async () => {
    const bytes = 'GET http://right.example/x HTTP/1.1\r\nHost: wrong.example\r\n\r\n'
    const env = await environOf(way, bytes)
    expect(env).toMatchObject({ HTTP_HOST: 'right.example', PATH_INFO: '/x' })
  })

  test('Cookie that comes twice is joined', async () => {
    const env = await environOf(way, request('/', 'GET', ['Cookie: a=1', 'Cookie: b=2; c=3']))
    expect(env.HTTP_COOKIE).toBe('a=1; b=2; c=3')
  })

  test('other fields that come twice are joined; over uwsgi by nginx 1.23 or later', async () => {
    const env = await environOf(way, request('/', 'GET', ['X-A: 1', 'X-B: -', 'X-A: 2']))
    const overUwsgi = nginxJoins() ? '1, 2' : '2'
    expect(env.HTTP_X_A).toBe(overHttp(way) ? '1,2' : overUwsgi)
  })

  test('names with an underscore do not arrive, the type of the body does, once', async () => {
    const fields = ['X_A: 1', 'Content-Type: text/x-a', 'Content-Length: 0', 'Authorization: B c']
    const env = await environOf(way, request('/', 'POST', fields))
    expect(env).toMatchObject({ CONTENT_TYPE: 'text/x-a', HTTP_AUTHORIZATION: 'B c' })
    expect(env).not.toHaveProperty('HTTP_X_A')
    expect(env).not.toHaveProperty('HTTP_CONTENT_TYPE')
    expect(env).not.toHaveProperty('HTTP_CONTENT_LENGTH')
  })
})

describe('an nginx that does TLS', () => {
  test('the scheme is https in each of the three ways', async () => {
    const tls = await startStack({ edits: withTls() })
    for (const way of WAYS) {
      const { env } = JSON.parse(await getOverTls(tls, way))
      expect(env['wsgi.url_scheme'], way).toBe('https')
      expect(env.HTTP_X_FORWARDED_PROTO, way).toBe('https')
      expect(env.SERVER_PORT, way).toBe(String(tls.where(way).port))
      if (!overHttp(way)) expect(env, way).toMatchObject({ HTTPS: 'on', REQUEST_SCHEME: 'https' })
    }
    await tls.stop()
  })
})

function withTls(): Edit[] {
  const dir = temporaryDirectory()
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const { certificate, key } = selfSigned()
  writeFileSync(`${dir}/certificate.pem`, certificate)
  writeFileSync(`${dir}/key.pem`, key)
  const files = `ssl_certificate ${dir}/certificate.pem; ssl_certificate_key ${dir}/key.pem;`
  const ports = [8080, 8081, 8082].map((port): Edit => [`0.1:${port};`, `0.1:${port} ssl;`])
  return [...ports, ['server_name localhost;', `server_name localhost; ${files}`]]
}

function getOverTls(tls: Stack, way: Way): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      ...tls.where(way),
      path: '/',
      rejectUnauthorized: false,
      agent: false as const,
    }
    const asked = httpsRequest(options, (response) => text(response).then(resolve, reject))
    asked.on('error', reject)
    asked.end()
  })
}
