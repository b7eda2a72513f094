// Takes block after block from a result, as long as they come without waiting and the client keeps
// up; then it leaves, and is run again. Made only for results that are iterated.
import { LongBlock, PART_BYTES, sizeOf, toBytes } from './blocks.js'
import { type AnyIterator, isThenable } from './results.js'
import type { Block } from './types.js'

/**
 * After this many bytes in one go the event loop gets a turn, however much the client takes: only
 * from there comes the news that it has gone, and other requests wait there too.
 */
const BURST_BYTES = 1024 * 1024
/** What a block counts besides its bytes, so that empty ones add up as well. */
const BLOCK_COST = 64

/** Where the blocks go. */
export interface BlockSink {
  readonly done: boolean
  /** The client has more than enough to read. */
  behind: boolean
  /** Sends a block at once; ends the response if nothing behind it may be sent. */
  take(block: Block, size: number): void
  /** That was the last one. */
  finish(): void
  fail(error: unknown): void
  /** `Pump.resume` follows when there is room again. */
  pause(): void
}

export class Pump {
  readonly iterator: AnyIterator
  private readonly sink: BlockSink
  /** The block that is being sent in parts. */
  private long: LongBlock | null = null
  private burst = 0
  private paused = false

  constructor(sink: BlockSink, iterator: AnyIterator) {
    this.sink = sink
    this.iterator = iterator
  }

  run(): void {
    const { sink, iterator } = this
    try {
      while (!sink.done && !sink.behind) {
        if (this.long !== null) {
          this.sendPart(this.long)
          continue
        }
        const step = iterator.next()
        if (isThenable(step)) return this.await(step)
        if (!this.accept(step as IteratorResult<Block>)) return
      }
    } catch (error) {
      return sink.fail(error)
    }
    if (sink.done) return
    this.paused = true
    sink.pause()
  }

  /** The client has caught up. */
  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.sink.behind = false
    this.run()
  }

  /** Sends what is left of the block that was taken last, however far behind the client is. */
  flush(): void {
    while (this.long !== null && !this.sink.done) this.sendPart(this.long)
  }

  /** A long block, as if the iterator had given it. */
  startWith(block: Block): void {
    this.long = new LongBlock(toBytes(block))
  }

  private await(step: PromiseLike<unknown>): void {
    Promise.resolve(step).then(
      (later) => this.takeLater(later as IteratorResult<Block>),
      (error) => this.sink.fail(error),
    )
  }

  private takeLater(step: IteratorResult<Block>): void {
    try {
      if (!this.accept(step)) return
    } catch (error) {
      return this.sink.fail(error)
    }
    this.run()
  }

  /** False: that was the last one. */
  private accept(step: IteratorResult<Block>): boolean {
    if (this.sink.done) return false
    if (step === null || typeof step !== 'object') {
      throw new TypeError('next() of the result gives an object with done and value')
    }
    if (step.done === true) {
      this.sink.finish()
      return false
    }
    const size = sizeOf(step.value)
    if (size > PART_BYTES) this.startWith(step.value)
    else this.send(step.value, size)
    return !this.sink.done
  }

  private sendPart(long: LongBlock): void {
    const part = long.next()
    if (long.done) this.long = null
    this.send(part, part.length)
  }

  private send(block: Block, size: number): void {
    this.sink.take(block, size)
    this.burst += size + BLOCK_COST
    if (this.burst <= BURST_BYTES) return
    this.burst = 0
    this.sink.behind = true
  }
}
