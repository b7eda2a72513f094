// How long to wait before a worker that has ended is started again: not at all after a good life,
// twice as long each time while lives are short.

/** Who has lived for this long was not broken by its start. */
const GOOD_LIFE_MS = 5000
const FIRST_DELAY_MS = 100
/** Of one that did not get as far as accepting: the next one hardly will. */
const LONGEST_DELAY_MS = 30_000
/** Of one that did: what kills it may be rare, and until it is back the others do its work. */
const LONGEST_DELAY_READY_MS = 1000

export class Backoff {
  private short = 0

  /**
   * @param livedMs how long the worker has lived
   * @param ready whether it has accepted connections
   * @returns milliseconds to wait
   */
  after(livedMs: number, ready: boolean): number {
    if (livedMs >= GOOD_LIFE_MS) {
      this.short = 0
      return 0
    }
    const delay = this.short === 0 ? 0 : FIRST_DELAY_MS * 2 ** (this.short - 1)
    this.short++
    return Math.min(delay, ready ? LONGEST_DELAY_READY_MS : LONGEST_DELAY_MS)
  }
}
