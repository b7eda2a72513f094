// What is said when the server listens: where, and lines that can be pasted.
import { expect, test } from 'vitest'
import { banner } from '../../src/cli/banner.js'
import type { Listener } from '../../src/server/sockets.js'
import { VERSION } from '../../src/version.js'

const http = (address: string, url?: string): Listener => ({ protocol: 'http', address, url })
const uwsgi = (address: string): Listener => ({ protocol: 'uwsgi', address })
const linesOf = (...listeners: Listener[]) => banner('app.ts', 'what', listeners).split('\n')

test('the banner names the version, the application, its interface and every socket', () => {
  const url = 'http://127.0.0.1:8000'
  expect(
    banner('app.ts:admin', 'gateway interface (as asked)', [
      http('127.0.0.1:8000', url),
      uwsgi('/run/app.sock'),
    ]),
  ).toBe(`Postern ${VERSION}: app.ts:admin, gateway interface (as asked)
  http   http://127.0.0.1:8000
  uwsgi  /run/app.sock   nginx: uwsgi_pass unix:/run/app.sock;
  try    curl -i http://127.0.0.1:8000/
`)
})

test.each([
  ['/run/app.sock', 'unix:/run/app.sock'],
  ['127.0.0.1:3031', '127.0.0.1:3031'],
  ['[::1]:3031', '[::1]:3031'],
  ['0.0.0.0:3031', '127.0.0.1:3031'],
  ['[::]:3031', '[::1]:3031'],
  ['10.0.0.0:3031', '10.0.0.0:3031'],
])('nginx reaches a uwsgi socket on %s as %s', (address, name) => {
  expect(linesOf(uwsgi(address))[1]).toBe(`  uwsgi  ${address}   nginx: uwsgi_pass ${name};`)
})

test('nothing is suggested to nginx that it cannot do', () => {
  expect(linesOf(uwsgi('@app'))[1]).toBe('  uwsgi  @app')
})

test.each([
  [http('[::]:8000', 'http://[::1]:8000'), 'curl -i http://[::1]:8000/'],
  [http('/run/web.sock'), 'curl -i --unix-socket /run/web.sock http://localhost/'],
  [http('@web'), 'curl -i --abstract-unix-socket web http://localhost/'],
])('the line to try is for the first HTTP socket', (listener, line) => {
  expect(linesOf(uwsgi(':1'), listener, http(':2', 'http://127.0.0.1:2'))[4]).toBe(
    `  try    ${line}`,
  )
})

test('without an HTTP socket there is nothing to try', () => {
  expect(linesOf(uwsgi(':1'))).toHaveLength(3)
})
