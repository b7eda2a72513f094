// The access log as people read it: formats, what is in a line and what is not, over HTTP and uwsgi,
// and a standard output that nobody empties.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/errors.js'
import { ask, connectTo, get } from '../support/serving.js'
import { type Postern, runToEnd, type StartOptions, start, temporaryDirectory } from './postern.js'
import { exchange, RawClient } from './raw-client.js'
import { uwsgiRequest } from './uwsgi-packet.js'

const APP = `
  import { open } from 'node:fs/promises'
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms))
  export default async (environ, startResponse) => {
    const path = environ.PATH_INFO
    if (path === '/404') startResponse('404 Not Found', [])
    else startResponse('200 OK', [['Content-Type', 'text/plain'], ['X-Own', 'a"b']])
    if (path === '/stream') return (async function* () { yield 'abc'; yield 'defg' })()
    if (path === '/file') return new environ["wsgi.file_wrapper"](await open(process.argv[1]))
    if (path === '/slow') await sleep(60)
    if (path === '/never') await new Promise(() => {})
    if (path === '/log') environ['wsgi.errors'].write('from the application\\n')
    return path === '/empty' ? '' : 'hello'
  }
`

async function site(args: readonly string[] = [], options: StartOptions = {}): Promise<Postern> {
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'app.mjs'), APP)
  const sockets = ['--http-socket', '127.0.0.1:0', '--socket', './u.sock']
  const postern = await start(['app.mjs', ...sockets, ...args], { dir, ...options })
  onTestFinished(() => postern.kill())
  return postern
}

/** Lines of standard output behind the banner. */
const printed = (postern: Postern) =>
  postern.output.split('\n').filter((line) => line !== '' && !/^(Postern| )/.test(line))

const TIME = '\\[\\d\\d/[A-Z][a-z]{2}/\\d{4}:\\d\\d:\\d\\d:\\d\\d [-+]\\d{4}\\]'

describe('a line', () => {
  test('is combined, on standard output, for every request of both protocols', async () => {
    const postern = await site()
    const head = 'User-Agent: curl/8\r\nReferer: http://r/\r\nAuthorization: Basic am9lOnB3\r\n'
    await exchange(postern.where(), `GET /a?b HTTP/1.1\r\nHost: a\r\n${head}\r\n`)
    await exchange(postern.where(), 'HEAD /h HTTP/1.0\r\n\r\n', 'HEAD')
    await exchange(postern.where('uwsgi'), uwsgiRequest('GET', '/u', { REMOTE_USER: 'eve' }))
    await postern.until(() => postern.accessLog.length === 3, 'three lines')
    expect(postern.accessLog).toEqual([
      expect.stringMatching(
        new RegExp(
          `^127\\.0\\.0\\.1 - joe ${TIME} "GET /a\\?b HTTP/1\\.1" 200 5 "http://r/" "curl/8"$`,
        ),
      ),
      expect.stringMatching(/"HEAD \/h HTTP\/1\.0" 200 0 "-" "-"$/),
      expect.stringMatching(/^192\.0\.2\.1 - eve .* "GET \/u HTTP\/1\.1" 200 5 "-" "-"$/),
    ])
    await postern.stop()
  })

  test('has the bytes of streams and files, and is there for what the server refuses', async () => {
    const postern = await site(['--limit-post', '10', '--limit-request-field-size', '100'])
    const client = await connectTo(postern.where())
    for (const path of ['/stream', '/file', '/404', '/empty']) {
      await client.send(get(path))
      await client.response()
    }
    const refused = [
      'GET / HTTP/1.1\r\n\r\n',
      'GET /big HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n',
      `GET /long HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(200)}\r\n\r\n`,
      'not "http" \x1b[2J\x01\r\n\r\n',
    ]
    for (const bytes of refused) await exchange(postern.where(), bytes)
    await postern.until(() => postern.accessLog.length === 8, 'eight lines')
    const short = postern.accessLog.map((line) => /"([^"]*" \d+ \d+)/.exec(line)?.[1])
    expect(short.slice(0, 4)).toEqual([
      'GET /stream HTTP/1.1" 200 7',
      expect.stringMatching(/^GET \/file HTTP\/1\.1" 200 \d{3,}$/),
      'GET /404 HTTP/1.1" 404 5',
      'GET /empty HTTP/1.1" 200 0',
    ])
    expect(short.slice(4).map((line) => line?.replace(/ \d+$/, ''))).toEqual([
      'GET / HTTP/1.1" 400',
      'GET /big HTTP/1.1" 413',
      'GET /long HTTP/1.1" 431',
      'not \\x22http\\x22 \\x1b[2J\\x01" 400',
    ])
    await postern.stop()
  })

  test('is there for a client that has gone, and for a head that came too late', async () => {
    const postern = await site(['--http-headers-timeout', '1'])
    const gone = await RawClient.connect(postern.where())
    await gone.send(get('/never'))
    const late = await connectTo(postern.where())
    await late.send('GET /late HTTP/1.1\r\nHos')
    expect((await late.response()).status).toBe(408)
    gone.socket.resetAndDestroy()
    await postern.until(() => postern.accessLog.length === 2, 'two lines')
    expect(postern.accessLog.map((line) => /"([^"]*" \d+)/.exec(line)?.[1]).sort()).toEqual([
      'GET /late HTTP/1.1" 408',
      'GET /never HTTP/1.1" 499',
    ])
    await postern.stop()
  })

  test('has the address that a trusted front server tells', async () => {
    const postern = await site()
    await exchange(
      postern.where(),
      get('/').replace('\r\n\r\n', '\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n'),
    )
    await postern.until(() => postern.accessLog.length === 1, 'a line')
    expect(postern.accessLog[0]).toMatch(/^192\.0\.2\.9 - - /)
    await postern.stop()
  })
})

describe('a format', () => {
  test.each([
    [
      'uwsgi',
      /^\[pid: \d+\|app: -\|req: -\/-\] 127\.0\.0\.1 \(-\) \{\d+ vars in \d+ bytes\} \[\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\] GET \/x => generated 5 bytes in \d+ msecs \(HTTP\/1\.1 200\) \d headers in \d+ bytes \(1 switches on core 0\)$/,
    ],
    ['%(method)|%(status)|%(var.REQUEST_URI)|%(wid)', /^GET\|200\|\/x\|0$/],
    ['%(m)s %(D)s %(L)s %({x-own}o)s %({content-length}o)s', /^GET \d+ 0\.\d{6} a\\x22b 5$/],
  ])('%s', async (format, line) => {
    const postern = await site(['--access-log-format', format])
    await ask(postern.where(), '/x')
    await postern.until(() => printed(postern).length === 1, 'a line')
    expect(printed(postern)[0]).toMatch(line)
    await postern.stop()
  })

  test('json: an object a line, whatever bytes come', async () => {
    const postern = await site(['--access-log-format', 'json'])
    const client = await connectTo(postern.where())
    // Everything that a field value may have, and what it may not have.
    for (let c = 1; c < 256; c++) {
      const value = Buffer.from([0x61, c, 0x22, 0x5c, c, 0x7a])
      const request = Buffer.concat([
        Buffer.from(`GET /?${c} HTTP/1.1\r\nHost: a\r\nUser-Agent: `),
        value,
        Buffer.from('\r\n\r\n'),
      ])
      if (c < 0x20 || c === 0x7f) {
        if (c !== 9) await exchange(postern.where(), request)
        continue
      }
      await client.send(request)
      await client.response()
    }
    await postern.until(() => printed(postern).length === 254, 'all lines')
    const entries = printed(postern).map((line) => JSON.parse(line))
    for (const entry of entries) {
      const c = Number(entry.uri?.slice(2))
      if (entry.status !== 200) continue
      expect(entry.user_agent).toBe(String.fromCharCode(0x61, c, 0x22, 0x5c, c, 0x7a))
    }
    expect(entries.filter(({ status }) => status === 200)).toHaveLength(223)
    expect(entries[0]).toMatchObject({ protocol: 'HTTP/1.1', addr: '127.0.0.1', pid: postern.pid })
    await postern.stop()
  })

  test('of the user that begins with a brace is JSON too', async () => {
    const format = '{"u":"%(uagent)","o":"%({x-own}o)s","s":%(status)}'
    const postern = await site(['--log-format', format])
    await exchange(postern.where(), 'GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: "\\\xff\r\n\r\n')
    await postern.until(() => printed(postern).length === 1, 'a line')
    expect(JSON.parse(printed(postern)[0])).toEqual({ u: '"\\ÿ', o: 'a"b', s: 200 })
    await postern.stop()
  })

  test.each([
    ['%(nope)', 'has an unknown atom %(nope)'],
    ['nice', 'is combined, common, uwsgi, json, or text with atoms such as %(status)'],
  ])('that is wrong ends the start: %s', async (format, why) => {
    const dir = temporaryDirectory()
    writeFileSync(join(dir, 'app.mjs'), APP)
    for (const more of [[], ['--master']]) {
      const args = ['app.mjs', '--http-socket', '127.0.0.1:0', '--access-log-format', format]
      const ended = await runToEnd([...args, ...more], { dir })
      expect([ended.code, ended.errors]).toEqual([
        EXIT.PERMANENT,
        `postern: --access-log-format ${why}\n`,
      ])
    }
  })
})

describe('--disable-logging', () => {
  test('leaves the log of the application and the server', async () => {
    const postern = await site(['--disable-logging'])
    await ask(postern.where(), '/log')
    await postern.stop({ expect: [/^from the application$/] })
    expect(postern.accessLog).toEqual([])
  })

  test('leaves what --log-4xx and the others ask for', async () => {
    const postern = await site(['-L', '--log-4xx', '--log-slow', '50', '--log-zero'])
    for (const path of ['/', '/404', '/slow', '/stream', '/empty']) await ask(postern.where(), path)
    await postern.stop()
    expect(postern.accessLog.map((line) => /GET (\S+)/.exec(line)?.[1])).toEqual([
      '/404',
      '/slow',
      '/empty',
    ])
  })
})

describe('a standard output that nobody empties', () => {
  test('stops nobody, and what was lost is counted when it is read again', async () => {
    const postern = await site()
    postern.child.stdout?.pause()
    const client = await connectTo(postern.where())
    const long = `/${'x'.repeat(4000)}`
    const total = 700
    for (let i = 0; i < total; i++) {
      await client.send(get(`${long}?${i}`))
      await client.response()
    }
    expect(postern.log).toEqual([])
    postern.child.stdout?.resume()
    const lost =
      / warning: (\d+) lines of the access log were dropped: what reads it does not keep up$/
    await postern.logs(lost)
    const count = Number(postern.log.map((line) => lost.exec(line)?.[1]).find((one) => one))
    await postern.until(() => postern.accessLog.length === total - count, 'the other lines')
    expect(postern.accessLog.map((line) => Number(/\?(\d+)/.exec(line)?.[1]))).toEqual(
      Array.from({ length: total - count }, (_, i) => i),
    )
    await postern.stop({ expect: [lost] })
  })

  test('several workers neither wait for it nor mix their lines', async () => {
    const postern = await site(['--processes', '2'])
    postern.child.stdout?.pause()
    const clients = await Promise.all(Array.from({ length: 8 }, () => connectTo(postern.where())))
    await Promise.all(
      clients.map(async (client, i) => {
        for (let k = 0; k < 200; k++) {
          await client.send(get(`/${'x'.repeat(300)}?${i}-${k}`))
          await client.response()
        }
      }),
    )
    postern.child.stdout?.resume()
    await postern.until(() => postern.accessLog.length === 1600, 'all lines')
    expect(printed(postern)).toEqual([])
    const seen = new Set(postern.accessLog.map((line) => /\?(\d+-\d+) /.exec(line)?.[1]))
    expect(seen.size).toBe(1600)
    await postern.stop()
  })
})
