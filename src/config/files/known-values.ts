// What %(name) can be: the first value of each option, of each placeholder, and of each key that is
// neither. Also notes who has been asked for, which is how such a key shows that it is meant.
import { optionNamed } from '../names.js'

/** A key and what it is, of any format; `line` 0: not known. */
export interface FileEntry {
  readonly key: string
  readonly value: unknown
  readonly line: number
}

export class KnownValues {
  private readonly values = new Map<string, string>()
  private readonly asked = new Set<string>()
  /** What is looked up ahead, so that two that ask for each other do not do so for ever. */
  private readonly ahead = new Set<string>()

  remember(name: string, value: string): void {
    if (!this.values.has(name)) this.values.set(name, value)
  }

  /** "K=V" of set-placeholder. */
  rememberPair(pair: string): void {
    const at = pair.indexOf('=')
    if (at > 0) this.remember(pair.slice(0, at).trim(), pair.slice(at + 1).trim())
  }

  wasAskedFor(name: string): boolean {
    return this.asked.has(name)
  }

  /** The value of what has been read so far. */
  get(name: string): string | undefined {
    this.asked.add(name)
    return this.values.get(name)
  }

  /**
   * As in uWSGI, %(name) may also be what the file says further down.
   *
   * @param entries of the file, outside of blocks
   * @param expand what the value of one of them is
   */
  find(
    name: string,
    entries: readonly FileEntry[],
    expand: (entry: FileEntry) => unknown,
  ): string | undefined {
    const known = this.get(name)
    if (known !== undefined || this.ahead.has(name)) return known
    const entry = entries.find(({ key }) => key === name || optionNamed(key)?.name === name)
    if (entry === undefined) return undefined
    this.ahead.add(name)
    try {
      return String(expand(entry))
    } finally {
      this.ahead.delete(name)
    }
  }
}
