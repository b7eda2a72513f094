// Configuration files → settings, in the order in which they are read. A file may include others; an
// error says in which file and line it is. What is in a file of each format is the business of its
// own module: ini.ts, data.ts, config-module.ts.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { ConfigError } from '../../errors.js'
import { acceptedReason } from '../accepted.js'
import { dashed, nearestOption, optionNamed } from '../names.js'
import { misplaced, QUESTIONS, type Setting } from '../settings.js'
import { moduleEntries } from './config-module.js'
import { dataEntries } from './data.js'
import { parseIni } from './ini.js'
import { isBlock, LineError, type Node } from './ini-blocks.js'
import { type Facts, holds, repetitions } from './ini-logic.js'
import { configKindOf, type FileKind, kindOfOption, splitSection } from './kinds.js'
import { type FileEntry, KnownValues } from './known-values.js'
import { magicVariable, type Place } from './magic-variables.js'
import { expand, type Scope } from './placeholders.js'

/** What files may refer to. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv
  /** K=V of --set-placeholder. */
  readonly placeholders: readonly string[]
  /** Loads JavaScript and TypeScript, anew each time. */
  importModule(file: string, path: string): Promise<Record<string, unknown>>
}

/** A key that is no option. */
export interface UnknownKey {
  readonly key: string
  readonly place: string
}

/** A file that is being read. */
interface Frame extends Place {
  /** What it says outside of blocks. */
  entries: readonly FileEntry[]
}

/** What has a percent sign or a dollar of its own: what is unknown there stays as it is. */
const TEMPLATES_RE = /format|encoder|^log-(date|.*route)|logger$|^(hook|exec|route|cron|alarm)(-|$)/

export class ConfigReader {
  readonly settings: Setting[] = []
  /** Options of uWSGI that mean nothing here. */
  readonly accepted: string[] = []
  private readonly around: Surroundings
  private readonly known = new KnownValues()
  private readonly unknownKeys: UnknownKey[] = []
  /** The files that are being read, each included by the one before it. */
  private readonly stack: Frame[] = []

  constructor(around: Surroundings) {
    this.around = around
    for (const pair of around.placeholders) this.known.rememberPair(pair)
  }

  /** Keys that are no options, and that no %(name) has asked for. */
  get unknown(): readonly UnknownKey[] {
    return this.unknownKeys.filter(({ key }) => !this.known.wasAskedFor(key))
  }

  /**
   * @param named "path", for ini also "path:section"
   * @param option that names it: "ini" says the format; undefined: the extension does
   * @param from the place that names it, for messages; empty: the command line
   * @throws {ConfigError}
   */
  async read(named: string, option: string | undefined, from: string): Promise<void> {
    const { path, section } = splitSection(named)
    const file = this.locate(path, from)
    const kind = kindOfOption(option ?? '') ?? configKindOf(path === '' ? file : path)
    if (kind === undefined) {
      throw misplaced(from, `${named}: its name ends in .ini, .toml, .yaml, .json, .ts or .js`)
    }
    const given = this.stack.length === 0 ? path : display(file)
    const frame: Frame = { given, path: file, section: section ?? '', entries: [] }
    this.checkCycle(frame, from)
    this.stack.push(frame)
    await this.readAs(kind, frame, section, from)
    this.stack.pop()
  }

  /** Relative to the file that names it; where that has none, to the working directory, as in uWSGI. */
  private locate(path: string, from: string): string {
    const here = this.stack.at(-1)
    if (path === '' && here !== undefined) return here.path
    const beside = resolve(dirname(here?.path ?? './x'), path)
    const file = existsSync(beside) ? beside : resolve(path)
    if (!existsSync(file)) throw misplaced(from, `there is no file ${path} (looked for ${beside})`)
    return file
  }

  private checkCycle({ path, section }: Place, from: string): void {
    const again = this.stack.find((one) => one.path === path && one.section === section)
    if (again === undefined) return
    throw misplaced(
      from,
      `${again.given} is being read already: files include each other in a circle`,
    )
  }

  private async readAs(
    kind: FileKind,
    frame: Frame,
    section: string | undefined,
    from: string,
  ): Promise<void> {
    try {
      if (kind === 'module') {
        const module = this.around.importModule(frame.path, frame.given)
        const context = { env: { ...this.around.env } }
        for (const entry of await moduleEntries(module, context)) {
          await this.take(entry, entry.value)
        }
        return
      }
      const text = readFileSync(frame.path, 'utf8')
      if (kind === 'ini') {
        const nodes = parseIni(text, section)
        frame.entries = nodes.filter((node) => !isBlock(node))
        return await this.run(nodes, undefined)
      }
      frame.entries = await dataEntries(kind, text)
      for (const entry of frame.entries) await this.take(entry, this.expandEntry(entry))
    } catch (error) {
      throw this.explain(error, frame, from)
    }
  }

  private explain(error: unknown, { given }: Place, from: string): unknown {
    if (error instanceof ConfigError) return error
    if (error instanceof LineError) {
      return misplaced(error.line === 0 ? given : `${given}:${error.line}`, error.message)
    }
    const { code, syscall } = error as NodeJS.ErrnoException
    if (syscall === undefined) return error
    return misplaced(from, `${given} cannot be read: ${code}`)
  }

  // --- what files say ---

  private async run(nodes: readonly Node[], loop: string | undefined): Promise<void> {
    for (const node of nodes) {
      const value = this.expandEntry(node, loop)
      if (!isBlock(node)) {
        await this.take(node, value)
      } else if (node.key.startsWith('for')) {
        for (const one of at(node.line, () => repetitions(node, value))) {
          await this.run(node.body, one)
        }
      } else {
        const found = at(node.line, () => holds(node, value, this.facts()))
        await this.run(found === undefined ? node.otherwise : node.body, found ?? loop)
      }
    }
  }

  private async take({ key, line }: FileEntry, value: unknown): Promise<void> {
    const spec = optionNamed(key)
    const place = this.placeOf(line)
    if (spec === undefined) {
      this.known.remember(key, String(value))
      if (acceptedReason(dashed(key)) === undefined) this.unknownKeys.push({ key, place })
      else this.accepted.push(dashed(key))
      return
    }
    if (QUESTIONS.has(spec.name)) throw misplaced(place, `${key} is for the command line`)
    if (spec.name === 'config') return await this.read(String(value), key, place)
    this.known.remember(key, String(value))
    this.known.remember(spec.name, String(value))
    if (spec.name === 'set-placeholder') this.known.rememberPair(String(value))
    this.settings.push({ name: spec.name, value, layer: 'file', place })
  }

  private placeOf(line: number): string {
    const { given } = this.stack.at(-1) as Place
    return line === 0 ? given : `${given}:${line}`
  }

  // --- what stands for something else ---

  private expandEntry(entry: FileEntry & { readonly value: string }, loop?: string): string
  private expandEntry(entry: FileEntry, loop?: string): unknown
  private expandEntry({ key, value, line }: FileEntry, loop?: string): unknown {
    if (typeof value !== 'string') return value
    return at(line, () => expand(value, this.scope(loop), TEMPLATES_RE.test(dashed(key))))
  }

  private scope(loop: string | undefined): Scope {
    const here = this.stack.at(-1) as Frame
    const find = (name: string) =>
      this.known.find(name, here.entries, (entry) => this.expandEntry(entry))
    return {
      placeholder: (name) => (name === '_' ? loop : find(name)),
      magic: (letter) => magicVariable(letter, here, this.stack[0]),
      variable: (name) => this.around.env[name],
      contents: (path) => readFileSync(resolve(path), 'utf8'),
    }
  }

  private facts(): Facts {
    return {
      setting: (name) => this.known.get(name),
      variable: (name) => this.around.env[name],
    }
  }
}

/** Gives what goes wrong its line. */
function at<T>(line: number, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (error instanceof LineError || error instanceof ConfigError) throw error
    throw new LineError(line, (error as Error).message)
  }
}

function display(file: string): string {
  const short = relative('.', file)
  return short.startsWith('..') ? file : short
}

/** "unknown option …", with the option that it was probably meant to be. */
export function describeUnknown({ key, place }: UnknownKey): ConfigError {
  const near = nearestOption(key)
  const hint = near === undefined ? 'see postern --help-all' : `did you mean ${near}?`
  return misplaced(place, `unknown option "${key}": ${hint}`)
}
