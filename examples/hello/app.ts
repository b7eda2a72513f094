// The smallest application that shows something. `npm start` serves it; so does
//
//   npx postern examples/hello/app.ts
//   curl http://127.0.0.1:8000/you         # Hello from Postern: GET /you
import type { Environ, StartResponse } from 'postern'

export default function application(environ: Environ, startResponse: StartResponse): string {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']])
  return `Hello from Postern: ${environ.REQUEST_METHOD} ${environ.PATH_INFO}\n`
}
