// wsgi.file_wrapper: a file as a response body. Handed to the server untouched it goes out by
// sendfile(2); wrapped or iterated by middleware it is an ordinary iterable of blocks.
import { GatewayError } from '../errors.js'
import type { Block, FileLike } from './types.js'

/** Reads up to `size` bytes at the current position of a descriptor; empty at the end. */
export type ReadDescriptor = (fd: number, size: number) => Uint8Array | Promise<Uint8Array>

/** A file that an application wants to send, with its block size. */
export interface WrappedFile extends AsyncIterable<Block> {
  readonly file: FileLike
  readonly blockSize: number
  close(): unknown
}

export type FileWrapperClass = new (file: FileLike, blockSize?: number) => WrappedFile

/**
 * The class that applications find in `environ['wsgi.file_wrapper']`. The way to read a descriptor
 * is given by the server: this floor knows no file system.
 *
 * @see PEP 3333 "Optional Platform-Specific File Handling"
 */
export function createFileWrapper(readDescriptor: ReadDescriptor): FileWrapperClass {
  return class FileWrapper implements WrappedFile {
    readonly file: FileLike
    readonly blockSize: number

    constructor(file: FileLike, blockSize = 8192) {
      const usable =
        file !== null &&
        typeof file === 'object' &&
        (typeof file.fd === 'number' || typeof file.read === 'function')
      if (!usable) {
        throw new GatewayError(
          'ERR_BAD_FILE',
          'file_wrapper takes an object with a descriptor `fd` or a method `read(size)`',
        )
      }
      this.file = file
      this.blockSize = blockSize
    }

    async *[Symbol.asyncIterator](): AsyncGenerator<Block, void, undefined> {
      for (;;) {
        const block = await this.#read()
        if (block === null || block === undefined || block.length === 0) return
        yield block
      }
    }

    close(): unknown {
      return this.file.close?.()
    }

    #read(): Block | null | undefined | Promise<Block | null | undefined> {
      const { file, blockSize } = this
      // A FileHandle has `read` too, but with other arguments and another result.
      if (typeof file.fd === 'number') return readDescriptor(file.fd, blockSize)
      return file.read?.(blockSize)
    }
  }
}
