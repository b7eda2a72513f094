// wsgi.file_wrapper: a file as a response body. Handed to the server untouched it goes out by
// sendfile(2); wrapped or iterated by middleware it is an ordinary iterable of blocks.
//
//   an iterable (a ReadStream, a web stream)   its own blocks; a descriptor in it is its own business
//   a descriptor (a FileHandle, {fd})          sendfile, or reads at the file's position
//   a method read(size)                        called until it gives nothing
import { GatewayError } from '../errors.js'
import { nameOf } from './blocks.js'
import { closerOf, isWebStream, iteratorOf } from './results.js'
import type { Block, FileDescriptor, FileReader, WrappableFile } from './types.js'

/** Reads up to `size` bytes at the current position of a descriptor; empty at the end. */
export type ReadDescriptor = (fd: number, size: number) => Uint8Array | Promise<Uint8Array>

/** A file that an application wants to send, with its block size. */
export interface WrappedFile extends AsyncIterable<Block> {
  readonly file: WrappableFile
  readonly blockSize: number
  /** What sendfile(2) may send; undefined: it has to be iterated. */
  readonly descriptor: number | undefined
  [Symbol.asyncIterator](): AsyncIterator<Block>
  close(): unknown
}

export type FileWrapperClass = new (file: WrappableFile, blockSize?: number) => WrappedFile

/**
 * The class that applications find in `environ['wsgi.file_wrapper']`. The way to read a descriptor
 * is given by the server: this floor knows no file system.
 *
 * @see PEP 3333 "Optional Platform-Specific File Handling"
 */
export function createFileWrapper(readDescriptor: ReadDescriptor): FileWrapperClass {
  return class FileWrapper implements WrappedFile {
    readonly file: WrappableFile
    readonly blockSize: number
    #reading: Promise<unknown> | null = null
    #iterated = false

    constructor(file: WrappableFile, blockSize = 8192) {
      checkFile(file)
      if (!Number.isInteger(blockSize) || blockSize <= 0) {
        throw badFile(`a block size is a whole number of bytes, not ${String(blockSize)}`)
      }
      this.file = file
      this.blockSize = blockSize
    }

    get descriptor(): number | undefined {
      return isIterable(this.file) ? undefined : (this.file as Partial<FileDescriptor>).fd
    }

    [Symbol.asyncIterator](): AsyncIterator<Block> {
      this.#iterated = true
      const { file } = this
      return isIterable(file) ? (iteratorOf(file) as AsyncIterator<Block>) : this.#blocks()
    }

    async *#blocks(): AsyncGenerator<Block, void, undefined> {
      for (;;) {
        const block = await this.#read()
        if (block === null || block === undefined || block.length === 0) return
        yield block
      }
    }

    close(): unknown {
      const close = () => this.#closeFile()
      // The number of a descriptor that is closed may be another file by the time it is read.
      return this.#reading === null ? close() : this.#reading.then(close, close)
    }

    #closeFile(): unknown {
      const file = this.file as unknown as Record<string, (() => unknown) | undefined>
      // Its iterator has the lock, and cancels it.
      if (isWebStream(file)) return this.#iterated ? undefined : file.cancel?.()
      return file[closerOf(file)]?.()
    }

    #read(): Block | null | undefined | Promise<Block | null | undefined> {
      const { blockSize } = this
      const file = this.file as Partial<FileDescriptor & FileReader>
      // A FileHandle has `read` too, but with other arguments and another result.
      if (typeof file.fd !== 'number') return file.read?.(blockSize)
      const reading = readDescriptor(file.fd, blockSize)
      if (reading instanceof Uint8Array) return reading
      const over = () => {
        this.#reading = null
      }
      this.#reading = reading.then(over, over)
      return reading
    }
  }
}

function isIterable(file: object): file is AsyncIterable<Block> | ReadableStream<Block> {
  return Symbol.asyncIterator in file || isWebStream(file)
}

function checkFile(file: unknown): void {
  if (file === null || typeof file !== 'object') throw badFile(`not ${nameOf(file)}`)
  if (isIterable(file)) return
  const { fd, read } = file as Partial<FileDescriptor & FileReader>
  if (typeof fd === 'number') {
    if (Number.isInteger(fd) && fd >= 0) return
    throw badFile(`not a descriptor ${fd}: the file is closed`)
  }
  if (typeof read === 'function') return
  throw badFile(`not ${nameOf(file)}${file instanceof Blob ? ': give it its stream()' : ''}`)
}

function badFile(what: string): GatewayError {
  return new GatewayError(
    'ERR_BAD_FILE',
    'file_wrapper takes an open FileHandle, a stream, an object with a descriptor `fd` or a ' +
      `method \`read(size)\`; ${what}`,
  )
}
