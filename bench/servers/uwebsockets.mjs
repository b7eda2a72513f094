// uWebSockets.js with the same reply. Usage: uwebsockets.mjs PORT
import { createRequire } from 'node:module'

const uws = createRequire(import.meta.url)('uwebsockets')

uws
  .App()
  .any('/*', (res, req) => {
    if (req.getUrl() !== '/') {
      res.writeStatus('404 Not Found').writeHeader('Content-Type', 'text/plain').end('not found')
      return
    }
    res.writeHeader('Content-Type', 'text/plain').end('Hello, world!')
  })
  .listen('127.0.0.1', Number(process.argv[2]), (socket) => {
    if (socket) console.log('listening')
    else process.exit(1)
  })
