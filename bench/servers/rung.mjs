// L2, L3 and L4 of the ladder. Usage: rung.mjs nested|engine|smallest PORT
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const [, , kind, port] = process.argv
const load = (path) => require(fileURLToPath(new URL(path, import.meta.url)))

if (kind === 'nested' || kind === 'engine') {
  load('../build/Release/rungs.node')[kind](Number(port))
} else {
  // The product's addon under the least JavaScript that can answer: no environ, no gateway.
  const addon = load('../../build/Release/postern.node')
  const engine = addon.createEngine(
    { serverHeader: false, dateHeader: true },
    {
      resource: {},
      onDrained() {},
      onLog(_level, text) {
        console.error(text)
      },
      onRound() {
        const { control, events, records } = engine
        const count = control[0]
        for (let i = 0, e = 0, r = 0; i < count; i++, e += 16) {
          if (events[e] !== 1) continue
          records[r] = events[e + 1]
          records[r + 1] = events[e + 2]
          records[r + 2] = 0
          records[r + 3] = head
          records[r + 6] = 0
          records[r + 7] = 13
          r += 8
          control[2] = r / 8
        }
      },
    },
  )
  const head = engine.registerHead('200 OK', 'Content-Type: text/plain\r\n', 0)
  engine.out.set(Buffer.from('Hello, world!'))
  engine.listen({ kind: 0, host: '127.0.0.1', port: Number(port), protocol: 0 })
  engine.start()
}
console.log('listening')
