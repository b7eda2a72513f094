// Makes uwsgi packets, as a front-end does.
//
//   packet := modifier1:u8 datasize:u16le modifier2:u8 (nlen:u16le name vlen:u16le value)*

/** A packet with these variables; text is latin-1. */
export function uwsgiPacket(variables: Record<string, string>): Buffer {
  const block = Buffer.concat(Object.entries(variables).flat().map(lengthAndText))
  const head = Buffer.alloc(4)
  head.writeUInt16LE(block.length, 1)
  return Buffer.concat([head, block])
}

/** What nginx's uwsgi_params make of a request. */
export function uwsgiRequest(
  method: string,
  uri: string,
  more: Record<string, string> = {},
): Buffer {
  const [path, query = ''] = uri.split('?')
  return uwsgiPacket({
    QUERY_STRING: query,
    REQUEST_METHOD: method,
    CONTENT_TYPE: '',
    CONTENT_LENGTH: '',
    REQUEST_URI: uri,
    PATH_INFO: path,
    SERVER_PROTOCOL: 'HTTP/1.1',
    REMOTE_ADDR: '192.0.2.1',
    REMOTE_PORT: '50000',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    HTTP_HOST: 'localhost',
    ...more,
  })
}

function lengthAndText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  const length = Buffer.alloc(2)
  length.writeUInt16LE(bytes.length)
  return Buffer.concat([length, bytes])
}
