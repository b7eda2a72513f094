// The gateway interface, the JavaScript twin of PEP 3333: what an application is, what it is given
// and what it may return. The rules, one by one, stand in docs/gateway.md.
import type { GatewayInput } from './input.js'

/** A block of a response body: text is sent as UTF-8. */
export type Block = string | Uint8Array

/** One response field. The name is a token, the value latin-1 text without control characters. */
export type HeaderPair = readonly [name: string, value: string]

/**
 * Sends a block at once, before anything that the application returns.
 *
 * @returns false when the client is slow and the application should pause.
 * @throws {TypeError} the block is neither text nor bytes.
 * @throws {GatewayError} `ERR_RESPONSE_ENDED`: the response is over.
 */
export type Write = (data: Block) => boolean

/**
 * Sets status and headers. Nothing is sent before the first non-empty block.
 *
 * @param status "200 OK": three digits, a space, a reason.
 * @param headers pairs in the order in which they are sent; repeated names stay separate fields.
 * @param error in an error handler: what was caught. Then the call may replace an earlier one; when
 *   the headers are already on their way, `error` is thrown again.
 * @throws {GatewayError} `ERR_START_TWICE`, `ERR_BAD_STATUS`, `ERR_BAD_HEADER`.
 * @see PEP 3333 "The start_response() Callable"
 */
export type StartResponse = (
  status: string,
  headers: readonly HeaderPair[],
  error?: unknown,
) => Write

/** wsgi.errors: text for the error log. */
export interface ErrorStream {
  write(text: string): void
  writelines(lines: Iterable<string>): void
  flush(): void
}

/** An open file. It is sent from its current position, by sendfile(2) where that can be. */
export interface FileDescriptor {
  readonly fd: number
  close?(): unknown
}

/** Something that gives up to `size` bytes at a time; nothing (empty or null) at the end. */
export interface FileReader {
  read(size: number): Block | null | undefined | Promise<Block | null | undefined>
  close?(): unknown
}

/** A descriptor wins: a FileHandle of node:fs/promises has a `read` of another kind. */
export type FileLike = FileDescriptor | FileReader

/** What wsgi.file_wrapper can send: a file, or a stream of Node or the web. */
export type WrappableFile = FileLike | AsyncIterable<Block> | ReadableStream<Block>

/**
 * The environ: the CGI meta-variables of the request (strings, one character a byte) and the
 * `wsgi.*` keys. An ordinary object with own keys only; the application may change it freely.
 *
 * @see RFC 3875 §4.1, PEP 3333 "environ Variables"
 */
export interface Environ {
  REQUEST_METHOD: string
  SCRIPT_NAME: string
  /** Percent-decoded once, bytes as latin-1. */
  PATH_INFO: string
  /** Raw, without the "?"; "" when there is none. */
  QUERY_STRING: string
  SERVER_NAME: string
  SERVER_PORT: string
  SERVER_PROTOCOL: string
  CONTENT_TYPE?: string
  CONTENT_LENGTH?: string
  'wsgi.version': readonly [1, 0]
  'wsgi.url_scheme': 'http' | 'https'
  'wsgi.input': GatewayInput
  'wsgi.errors': ErrorStream
  'wsgi.multithread': boolean
  'wsgi.multiprocess': boolean
  'wsgi.run_once': boolean
  'wsgi.input_terminated': true
  'wsgi.file_wrapper': new (file: WrappableFile, blockSize?: number) => AsyncIterable<Block>
  /** Trailer fields of a chunked body, filled when `wsgi.input` has come to its end. */
  'wsgi.trailers'?: [name: string, value: string][]
  // biome-ignore lint/suspicious/noExplicitAny: applications and middleware add what they like
  [key: string]: any
}

/** Everything that an application may return, or promise. */
export type ResponseBody =
  | Block
  | Iterable<Block>
  | AsyncIterable<Block>
  | Iterator<Block>
  | ReadableStream<Block>

/** A gateway application. Called once for each request, with two arguments. */
export type GatewayApp = (
  environ: Environ,
  startResponse: StartResponse,
) => ResponseBody | Promise<ResponseBody>
