// The server as a library: in a process of your own, which decides when it starts and stops.
//
//   node examples/embedded/server.mjs
//   curl http://127.0.0.1:8000/                         # request 1 of process
import { serve } from 'postern'

let requests = 0

function application(_environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']])
  return `request ${++requests} of process ${process.pid}\n`
}

const server = await serve(application, {
  httpSocket: `127.0.0.1:${process.env.PORT ?? 8000}`,
  limitPost: '1m',
})
console.log(`listening on ${server.url}, Ctrl-C stops`)

// Requests that run are answered; then nothing keeps the process alive.
process.once('SIGTERM', () => server.close())
process.once('SIGINT', () => server.close())
