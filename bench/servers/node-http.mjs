// node:http with the same reply. Usage: node-http.mjs PORT
import { createServer } from 'node:http'

createServer((req, res) => {
  if (req.url !== '/') {
    res.writeHead(404, { 'Content-Type': 'text/plain' })
    res.end('not found')
    return
  }
  res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 13 })
  res.end('Hello, world!')
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'))
