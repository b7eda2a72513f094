// A strict reader of HTTP/1 responses, as far as bytes go: what it does not understand is an error,
// and what it understood is told in detail.
//
//   message := interim* head body
//   head    := status-line CRLF (name ":" OWS value CRLF)* CRLF
//   body    := by Content-Length, in chunks, until the connection ends, or none

const STATUS_RE = /^HTTP\/1\.([01]) (\d{3}) ([\t\x20-\x7e\x80-\xff]*)$/
const FIELD_RE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/
const SIZE_RE = /^[0-9a-fA-F]{1,8}$/

/** Bytes that arrive, with the time of each. */
export interface ByteSource {
  /** What has arrived and was not taken. */
  readonly pending: Buffer
  take(bytes: number): Buffer
  /** Waits for more. False: there is nothing more to come. */
  more(): Promise<boolean>
  /** The end came as a reset, not as a proper close. */
  readonly wasReset: boolean
  now(): number
}

export interface Head {
  readonly version: number
  readonly status: number
  readonly reason: string
  readonly fields: readonly (readonly [name: string, value: string])[]
}

export type Framing = 'length' | 'chunked' | 'close' | 'none'

export interface Response extends Head {
  readonly interim: readonly Head[]
  readonly framing: Framing
  readonly body: Buffer
  /** The body ended as its framing says. */
  readonly complete: boolean
  /** When parts of the body arrived: chunks, or what one read gave. */
  readonly arrivals: readonly { at: number; text: string }[]
}

/** All values of a field, in order. */
export function valuesOf(head: Head, name: string): string[] {
  return head.fields.filter(([one]) => one === name).map(([, value]) => value)
}

/** null: the connection ended without a response. */
export async function readResponse(source: ByteSource, method: string): Promise<Response | null> {
  const interim: Head[] = []
  let head = await readHead(source)
  while (head !== null && head.status < 200) {
    interim.push(head)
    head = await readHead(source)
  }
  if (head === null) {
    if (interim.length > 0) throw new Error('an interim response and nothing behind it')
    return null
  }
  const framing = framingOf(head, method)
  return { ...head, interim, framing, ...(await readBody(source, head, framing)) }
}

async function readHead(source: ByteSource): Promise<Head | null> {
  let end: number
  while ((end = source.pending.indexOf('\r\n\r\n')) < 0) {
    if (await source.more()) continue
    if (source.pending.length === 0) return null
    throw new Error(`the connection ended inside of a head: ${show(source.pending)}`)
  }
  const lines = source
    .take(end + 4)
    .toString('latin1')
    .slice(0, -4)
    .split('\r\n')
  const status = STATUS_RE.exec(lines[0])
  if (status === null) throw new Error(`not a status line: ${show(lines[0])}`)
  const fields = lines.slice(1).map((line): [string, string] => {
    const field = FIELD_RE.exec(line)
    if (field === null) throw new Error(`not a field: ${show(line)}`)
    return [field[1].toLowerCase(), field[2]]
  })
  return { version: Number(status[1]), status: Number(status[2]), reason: status[3], fields }
}

function framingOf(head: Head, method: string): Framing {
  const codings = valuesOf(head, 'transfer-encoding')
  const lengths = valuesOf(head, 'content-length')
  if (codings.length + lengths.length > 1)
    throw new Error(`framed twice: ${[...codings, ...lengths]}`)
  if (lengths.length > 0 && !/^\d+$/.test(lengths[0])) throw new Error(`length ${lengths[0]}`)
  if (codings.length > 0 && codings[0] !== 'chunked') throw new Error(`coding ${codings[0]}`)
  if (codings.length > 0 && (head.version === 0 || head.status === 204 || head.status === 304)) {
    throw new Error(
      `Transfer-Encoding in a response with ${head.status} and HTTP/1.${head.version}`,
    )
  }
  if (head.status === 204 && lengths.length > 0) throw new Error('Content-Length in a 204')
  if (method === 'HEAD' || head.status === 204 || head.status === 304) return 'none'
  if (codings.length > 0) return 'chunked'
  return lengths.length > 0 ? 'length' : 'close'
}

type Body = Pick<Response, 'body' | 'complete' | 'arrivals'>

async function readBody(source: ByteSource, head: Head, framing: Framing): Promise<Body> {
  const parts: Buffer[] = []
  const arrivals: { at: number; text: string }[] = []
  const keep = (bytes: Buffer) => {
    parts.push(bytes)
    arrivals.push({ at: source.now(), text: bytes.subarray(0, 100).toString('latin1') })
  }
  const complete =
    framing === 'none' ||
    (framing === 'chunked'
      ? await readChunks(source, keep)
      : await readPlain(
          source,
          framing === 'length' ? Number(valuesOf(head, 'content-length')[0]) : null,
          keep,
        ))
  return { body: Buffer.concat(parts), complete, arrivals }
}

/** `length` null: until the end of the connection, which must not be a reset. */
async function readPlain(
  source: ByteSource,
  length: number | null,
  keep: (bytes: Buffer) => void,
): Promise<boolean> {
  let left = length ?? Number.POSITIVE_INFINITY
  for (;;) {
    const size = Math.min(left, source.pending.length)
    if (size > 0) keep(source.take(size))
    left -= size
    if (left === 0) return true
    if (!(await source.more())) return length === null && !source.wasReset
  }
}

async function readChunks(source: ByteSource, keep: (bytes: Buffer) => void): Promise<boolean> {
  for (;;) {
    const line = await readLine(source)
    if (line === null) return false
    if (!SIZE_RE.test(line)) throw new Error(`not a chunk size: ${show(line)}`)
    const size = Number.parseInt(line, 16)
    while (source.pending.length < size + 2) {
      if (await source.more()) continue
      keep(source.take(Math.min(size, source.pending.length)))
      return false
    }
    if (size > 0) keep(source.take(size))
    if (source.take(2).toString('latin1') !== '\r\n') throw new Error('a chunk without its CRLF')
    if (size === 0) return true
  }
}

async function readLine(source: ByteSource): Promise<string | null> {
  let end: number
  while ((end = source.pending.indexOf('\r\n')) < 0) {
    if (!(await source.more())) return null
  }
  return source
    .take(end + 2)
    .toString('latin1')
    .slice(0, -2)
}

function show(bytes: string | Buffer): string {
  return JSON.stringify(bytes.toString('latin1').slice(0, 200))
}
