// How long to wait before a worker that has ended is started again: not at all after a good life,
// twice as long each time while lives are short.

/** Who has lived for this long was not broken by its start. */
const GOOD_LIFE_MS = 5000
const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 30_000

export class Backoff {
  private short = 0

  /** @returns milliseconds to wait, after a worker that has lived for `livedMs` */
  after(livedMs: number): number {
    if (livedMs >= GOOD_LIFE_MS) {
      this.short = 0
      return 0
    }
    const delay = this.short === 0 ? 0 : FIRST_DELAY_MS * 2 ** (this.short - 1)
    this.short++
    return Math.min(delay, LONGEST_DELAY_MS)
  }
}
