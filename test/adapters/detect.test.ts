// Which interface an exported value has: a choice beats a guess, and what fits none is explained.
import { describe, expect, test } from 'vitest'
import { detectApp } from '../../src/adapters/detect.js'
import { EXIT, StartError } from '../../src/errors.js'

const method = () => {}

/** A function with methods, as frameworks make them. */
function withMethods(parameters: number, ...names: string[]): object {
  const shapes = [() => {}, (_a: unknown) => {}, (_a: unknown, _b: unknown) => {}]
  const app = shapes[parameters] ?? ((_a: unknown, _b: unknown, _c: unknown) => {})
  return Object.assign(app.bind(null), Object.fromEntries(names.map((name) => [name, method])))
}

function errorOf(value: unknown, wanted: 'auto' | 'gateway' = 'auto'): StartError {
  try {
    detectApp(value, wanted, 'app.mjs:default')
  } catch (error) {
    if (error instanceof StartError) return error
    throw error
  }
  throw new Error('it is accepted')
}

describe('a gateway application', () => {
  test.each([
    [
      'a function of two parameters',
      (_e: unknown, _s: unknown) => 'x',
      'a function of 2 parameters',
    ],
    ['an async function', async (_e: unknown, _s: unknown) => 'x', 'a function of 2 parameters'],
    ['a generator function', function* (_e: unknown) {}, 'a function of 1 parameter'],
    [
      'a function that takes what it gets',
      (..._all: unknown[]) => 'x',
      'a function of 0 parameters',
    ],
    [
      'a bound method',
      { run: (_e: unknown, _s: unknown) => 'x' }.run,
      'a function of 2 parameters',
    ],
    ['a proxy of a function', new Proxy((_e: unknown, _s: unknown) => 'x', {}), 'of 2 parameters'],
  ])('is %s', (_, app, reason) => {
    const detected = detectApp(app, 'auto', 'app.mjs:default')
    expect(detected).toMatchObject({ interface: 'gateway', app })
    expect(detected.reason).toContain(reason)
  })

  test('is every function, when it is asked for', () => {
    const express = withMethods(3, 'handle', 'set', 'use')
    expect(detectApp(express, 'gateway', 'x')).toEqual({
      interface: 'gateway',
      reason: 'as asked',
      app: express,
    })
  })
})

describe('an application of another interface is named, and the way out too', () => {
  test.each([
    ['an Express application', withMethods(3, 'handle', 'set', 'use')],
    ['a Connect application', withMethods(3, 'handle', 'use')],
    ['a fetch application', withMethods(1, 'fetch')],
    ['a handler (req, res, next)', withMethods(3)],
  ])('%s', (name, value) => {
    const error = errorOf(value)
    expect(error.message).toContain(`app.mjs:default looks like ${name}`)
    expect(error.message).toContain('(environ, startResponse) => body')
    expect(error.message).toContain('--interface gateway')
    expect(error.exitCode).toBe(EXIT.PERMANENT)
  })
})

describe('what is no function is explained, asked for or not', () => {
  test.each([
    ['undefined, not a function', undefined],
    ['null, not a function', null],
    ['a number, not a function', 5],
    ['a string, not a function', 'app'],
    ['an object, not a function', {}],
    ['an object, not a function', Object.create(null)],
    ['an object with fetch()', { fetch: method }],
    ['a Koa application', { callback: method, use: method }],
    ['a Fastify application', { inject: method, route: method, listen: method, close: method }],
    ['a server', { listen: method, close: method }],
    ['a promise: await it', Promise.resolve(method)],
    ['a class: export a function', class App {}],
    ['a class: export a function', class extends Array {}],
  ])('%s', (text, value) => {
    for (const wanted of ['auto', 'gateway'] as const) {
      const { message, exitCode } = errorOf(value, wanted)
      expect(message).toContain(`app.mjs:default is ${text}`)
      expect(exitCode).toBe(EXIT.PERMANENT)
    }
  })
})
