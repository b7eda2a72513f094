// A request body, read as it arrives: its size does not matter, there is never more of it in memory
// than a few blocks, and a client that is slow costs nothing.
//
//   npx postern examples/upload/app.ts
//   curl -s -d hello http://127.0.0.1:8000/             # 5 bytes, SHA-256 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
//   curl -s -T package.json http://127.0.0.1:8000/
//   curl -s http://127.0.0.1:8000/                      # send something: POST or PUT
import { createHash } from 'node:crypto'
import type { Environ, StartResponse } from 'postern'

export default async function application(
  environ: Environ,
  startResponse: StartResponse,
): Promise<string> {
  const headers = [['Content-Type', 'text/plain; charset=utf-8']] as const
  if (environ.REQUEST_METHOD !== 'POST' && environ.REQUEST_METHOD !== 'PUT') {
    startResponse('405 Method Not Allowed', [...headers, ['Allow', 'POST, PUT']])
    return 'send something: POST or PUT\n'
  }
  const hash = createHash('sha256')
  let bytes = 0
  for await (const piece of environ['wsgi.input'].stream) {
    hash.update(piece)
    bytes += piece.length
  }
  startResponse('200 OK', headers)
  return `${bytes} bytes, SHA-256 ${hash.digest('hex')}\n`
}
