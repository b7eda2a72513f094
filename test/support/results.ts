// Results for applications in tests: some that count what a server does with them.
import type { GatewayApp } from '../../src/gateway/types.js'

export const TEXT: [string, string][] = [['Content-Type', 'text/plain']]

/** An application that answers 200 with what `result` makes. */
export function answer(result: () => unknown, headers = TEXT): GatewayApp {
  return (_, startResponse) => {
    startResponse('200 OK', headers)
    return result() as string
  }
}

/** An iterator that counts what is done with it. */
export class Counted {
  pulled = 0
  returned = 0
  closed = 0
  private readonly blocks: unknown[]

  constructor(...blocks: unknown[]) {
    this.blocks = blocks
  }

  next() {
    const block = this.blocks[this.pulled++]
    if (block instanceof Error) throw block
    return block === undefined ? { done: true, value: undefined } : { done: false, value: block }
  }

  return() {
    this.returned++
    return { done: true, value: undefined }
  }

  close() {
    this.closed++
  }
}

export class CountedIterable extends Counted {
  [Symbol.iterator]() {
    return this
  }
}

export class CountedAsync extends Counted {
  [Symbol.asyncIterator]() {
    return { next: async () => this.next(), return: async () => this.return() }
  }
}

/** A promise that is kept from outside. */
export function withResolvers() {
  let resolve: () => void = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
