// The scoreboard as TypeScript reads it, against an engine that really counts.
import { expect, onTestFinished, test } from 'vitest'
import { defaultOptions, type Options } from '../../src/config/options.js'
import { loadAddon } from '../../src/native/addon.js'
import { Log } from '../../src/server/log.js'
import { Scoreboard } from '../../src/server/scoreboard.js'
import { Server } from '../../src/server/server.js'
import { exchange } from '../blackbox/raw-client.js'
import { ask, get, whereOf } from '../support/serving.js'

test('an engine counts in its slot, and in no other', async () => {
  const board = new Scoreboard(-1, 4)
  const slot = board.take(1) + board.take(1)
  const options = {
    ...defaultOptions(),
    disableLogging: true,
    httpSocket: ['127.0.0.1:0'],
  } as Options
  const seen: unknown[] = []
  const server = new Server(
    (environ, startResponse) => {
      seen.push(board.current(slot))
      startResponse(environ.PATH_INFO === '/no' ? '404 Not Found' : '200 OK', [])
      return 'body'
    },
    options,
    new Log(() => {}),
    { score: { fd: board.fd, slots: 4, slot } },
  )
  await server.start()
  onTestFinished(() => server.close(0))
  const where = whereOf(server.listeners[0])
  await ask(where, '/a?b=c')
  expect((await exchange(where, get('/no'))).status).toBe(404)
  await expect.poll(() => board.read(slot).connections).toBe(0)
  const score = board.read(slot)
  expect(score).toMatchObject({ requests: 2, inFlight: 0, responses: [0, 1, 0, 1, 0], overdue: 0 })
  expect(score.sentBytes).toBeGreaterThan(100)
  expect(score.busyNs).toBeGreaterThan(0)
  expect(score.responseNs).toBeGreaterThan(0)
  expect(score.turns).toBeGreaterThan(1)
  expect(score.busySinceNs).toBe(0)
  expect(seen[0]).toMatchObject({ method: 'GET', uri: '/a?b=c' })
  expect(board.read(0).requests).toBe(0)
  expect(board.current(0)).toBeNull()
})

test('slots are given in rows, and are empty when they come back', () => {
  const board = new Scoreboard(-1, 4)
  expect([board.take(1), board.take(2), board.take(2)]).toEqual([0, 1, -1])
  new Uint8Array(board.memory).fill(7, 512, 1024)
  board.release(1, 2)
  expect([board.take(3), board.read(1).requests]).toEqual([1, 0])
  board.release(-1, 1)
  expect(board.take(1)).toBe(-1)
})

test('another mapping of the descriptor is the same memory', () => {
  const board = new Scoreboard(-1, 2)
  const other = new Scoreboard(board.fd, 2)
  new Uint8Array(other.memory)[513] = 1
  expect(board.read(1).requests).toBe(256)
  expect(() => new Scoreboard(board.fd, 3)).toThrow('scoreboard: fstat EINVAL')
  expect(() => new Scoreboard(1000, 1)).toThrow(/EINVAL|EBADF/)
  expect(() => loadAddon().openScoreboard(-1, 0)).toThrow(TypeError)
})
