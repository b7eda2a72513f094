// The smallest gateway application that shows something: run it with `npm start`, or with
// `npx postern examples/hello/app.ts`.
import type { Environ, StartResponse } from 'postern'

export default function application(environ: Environ, startResponse: StartResponse): string {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']])
  return `Hello from Postern: ${environ.REQUEST_METHOD} ${environ.PATH_INFO}\n`
}
