// uWSGI's magic variables: a percent sign and a letter, about the configuration file and the machine.
// Small letters are about the file that they stand in, capitals about the one that was named first,
// which is how one template serves many.
import { readFileSync, statSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { basename, dirname, extname } from 'node:path'
import { VERSION } from '../../version.js'
import { grantedCores } from '../cores.js'

/** A configuration file that is being read. */
export interface Place {
  /** As it was named. */
  readonly given: string
  /** Absolute. */
  readonly path: string
  /** The section that was asked for, of ini files; empty: none. */
  readonly section: string
}

const ABOUT_FILES: Readonly<Record<string, (place: Place) => string>> = {
  c: ({ path }) => basename(dirname(path)),
  d: ({ path }) => `${dirname(path).replace(/\/$/, '')}/`,
  e: ({ path }) => extname(path).slice(1),
  i: ({ path }) => String(statSync(path).ino),
  n: ({ path }) => basename(path, extname(path)),
  o: ({ given }) => given,
  p: ({ path }) => path,
  s: ({ path }) => basename(path),
  x: ({ section }) => section,
}

const ABOUT_MACHINE: Readonly<Record<string, () => string>> = {
  '[': () => '\u001b',
  G: groupName,
  U: () => userInfo().username,
  V: () => VERSION,
  T: () => String(Date.now() * 1000),
  g: () => String(process.getgid?.()),
  h: () => hostname(),
  k: () => String(grantedCores()),
  t: () => String(Math.floor(Date.now() / 1000)),
  u: () => String(process.getuid?.()),
  v: () => process.cwd(),
}

/**
 * @param here the file that the letter stands in
 * @param first the file that was named, of which `here` may be an include
 * @returns undefined: the letter means nothing
 */
export function magicVariable(letter: string, here: Place, first: Place): string | undefined {
  if (/\d/.test(letter)) return dirname(here.path).split('/').slice(1)[Number(letter)] ?? ''
  if (Object.hasOwn(ABOUT_MACHINE, letter)) return ABOUT_MACHINE[letter]()
  const small = letter.toLowerCase()
  if (!Object.hasOwn(ABOUT_FILES, small)) return undefined
  return ABOUT_FILES[small](letter === small ? here : first)
}

function groupName(): string {
  const gid = String(process.getgid?.())
  try {
    const lines = readFileSync('/etc/group', 'utf8').split('\n')
    return lines.find((line) => line.split(':')[2] === gid)?.split(':')[0] ?? gid
  } catch {
    // No such file: the number is as good a name.
    return gid
  }
}
