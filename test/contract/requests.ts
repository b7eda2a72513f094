// The corpus has HTTP requests. This takes them apart, and puts them together again as the uwsgi
// packets that nginx would have made of them (uwsgi_params of nginx, uwsgi_request_buffering on).

export interface HttpRequest {
  /** As it stands in the corpus. */
  readonly raw: Buffer
  readonly method: string
  readonly target: string
  readonly version: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** Without its chunked coding. */
  readonly body: Buffer
}

/** The requests that stand in `bytes`; the last one may be cut. */
export function splitRequests(bytes: Buffer): HttpRequest[] {
  const requests: HttpRequest[] = []
  for (let rest = bytes; rest.length > 0; ) {
    const end = rest.indexOf('\r\n\r\n')
    const headBytes = end < 0 ? rest.length : end + 4
    const [line, ...lines] = rest.toString('latin1', 0, headBytes).trimEnd().split('\r\n')
    const [method, target, version] = line.split(' ')
    const fields = lines.map((one): [string, string] => {
      const colon = one.indexOf(':')
      return [one.slice(0, colon), one.slice(colon + 1).trim()]
    })
    const { body, used } = takeBody(fields, rest.subarray(headBytes))
    const size = headBytes + used
    requests.push({ raw: rest.subarray(0, size), method, target, version, fields, body })
    rest = rest.subarray(size)
  }
  return requests
}

function takeBody(fields: HttpRequest['fields'], rest: Buffer): { body: Buffer; used: number } {
  const find = (name: string) => fields.find(([one]) => one.toLowerCase() === name)?.[1]
  const length = find('content-length')
  if (length !== undefined) {
    const body = rest.subarray(0, Number(length))
    return { body, used: body.length }
  }
  if (find('transfer-encoding') === undefined) return { body: Buffer.alloc(0), used: 0 }
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', at)
    const size = Number.parseInt(rest.toString('latin1', at, lineEnd), 16)
    if (size === 0) {
      const end = rest.indexOf('\r\n\r\n', at) + 4
      return { body: Buffer.concat(parts), used: end }
    }
    parts.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
}

/** packet := modifier1:u8 datasize:u16le modifier2:u8 (nlen:u16le name vlen:u16le value)* body */
export function uwsgiPacket(request: HttpRequest): Buffer {
  const vars = uwsgiVars(request).flatMap(([name, value]) => [sized(name), sized(value)])
  const data = Buffer.concat(vars)
  const head = Buffer.alloc(4)
  head.writeUInt16LE(data.length, 1)
  return Buffer.concat([head, data, request.body])
}

function sized(text: string): Buffer {
  const bytes = Buffer.alloc(2 + text.length)
  bytes.writeUInt16LE(text.length, 0)
  bytes.write(text, 2, 'latin1')
  return bytes
}

function uwsgiVars({ method, target, version, fields, body }: HttpRequest): [string, string][] {
  const uri = target.replace(/^http:\/\/[^/]*/, '')
  const [path, query = ''] = uri.split('?')
  const field = (name: string) => fields.find(([one]) => one.toLowerCase() === name)?.[1]
  // nginx has read a chunked body to its end and tells its length.
  const length = field('content-length') ?? (field('transfer-encoding') ? String(body.length) : '')
  const http = fields
    // An underscore is dropped (underscores_in_headers off); the codings of a hop end at nginx.
    .filter(([name]) => !name.includes('_') && !/^(content-|transfer-encoding|expect)/i.test(name))
    .map(([name, value]): [string, string] => [
      `HTTP_${name.toUpperCase().replaceAll('-', '_')}`,
      value,
    ])
  return [
    ['QUERY_STRING', query],
    ['REQUEST_METHOD', method],
    ['CONTENT_TYPE', field('content-type') ?? ''],
    ['CONTENT_LENGTH', length],
    ['REQUEST_URI', uri],
    ['PATH_INFO', decodePath(path)],
    ['DOCUMENT_ROOT', '/usr/share/nginx/html'],
    ['SERVER_PROTOCOL', version],
    ['REQUEST_SCHEME', 'http'],
    ['REMOTE_ADDR', '127.0.0.1'],
    ['REMOTE_PORT', '50000'],
    ['SERVER_PORT', '80'],
    ['SERVER_NAME', 'localhost'],
    ...http,
  ]
}

/** Percent-decoded, one character a byte. */
function decodePath(path: string): string {
  return path.replace(/%([0-9a-fA-F]{2})/g, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
