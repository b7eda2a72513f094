// The gateway hello: environ untouched but for PATH_INFO.
export default function application(environ, startResponse) {
  if (environ.PATH_INFO !== '/') {
    startResponse('404 Not Found', [['Content-Type', 'text/plain']])
    return 'not found'
  }
  startResponse('200 OK', [['Content-Type', 'text/plain']])
  return 'Hello, world!'
}

let seen = 0

/** The same, after reading ten keys, among them some that no template can know. */
export function readsTen(environ, startResponse) {
  seen =
    environ.REQUEST_METHOD.length +
    environ.PATH_INFO.length +
    environ.QUERY_STRING.length +
    environ.SERVER_NAME.length +
    environ.SERVER_PORT.length +
    environ.SERVER_PROTOCOL.length +
    environ.REMOTE_ADDR.length +
    environ.REMOTE_PORT.length +
    environ.HTTP_HOST.length +
    environ['wsgi.url_scheme'].length
  startResponse('200 OK', [['Content-Type', 'text/plain']])
  return seen > 0 ? 'Hello, world!' : ''
}
