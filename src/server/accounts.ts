// Users and groups by name or number. Node can change to them, but does not tell their numbers, nor
// which group a user is in. Changes nothing.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { ConfigError } from '../errors.js'

export interface User {
  readonly uid: number
  /** Name and primary group; undefined: a number that nobody has. */
  readonly name?: string
  readonly gid?: number
}

/**
 * @param option name of the option, for the message
 * @throws {ConfigError} there is no such user
 */
export function findUser(text: string, option: string): User {
  const [name, , uid, gid] = findEntry('passwd', text) ?? []
  if (name !== undefined) return { uid: Number(uid), name, gid: Number(gid) }
  if (isNumber(text)) return { uid: Number(text) }
  throw new ConfigError(`--${option}: there is no user ${text}`)
}

/** @throws {ConfigError} there is no such group */
export function findGroup(text: string, option: string): number {
  if (isNumber(text)) return Number(text)
  const [, , gid] = findEntry('group', text) ?? []
  if (gid !== undefined) return Number(gid)
  throw new ConfigError(`--${option}: there is no group ${text}`)
}

/** USER, USER:GROUP or :GROUP as chown(2) has them, -1: not changed. */
export function parseOwner(text: string, option: string): { uid: number; gid: number } {
  const [user, group = '', ...more] = text.split(':')
  if (more.length > 0) throw new ConfigError(`--${option} ${text}: write USER or USER:GROUP`)
  return {
    uid: user === '' ? -1 : findUser(user, option).uid,
    gid: group === '' ? -1 : findGroup(group, option),
  }
}

/** What chown(2) and setuid(2) take; 2^32 - 1 means "unchanged" to them. */
function isNumber(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1
}

/** The fields of a line whose name, or number, is `key`. */
function findEntry(database: 'passwd' | 'group', key: string): string[] | undefined {
  const fits = (fields: readonly string[]) => fields[0] === key || fields[2] === key
  const lines = (text: string) => text.split('\n').map((line) => line.split(':'))
  try {
    const found = lines(readFileSync(`/etc/${database}`, 'utf8')).find(fits)
    if (found !== undefined) return found
  } catch {
    // A machine may have none, and ask a directory only.
  }
  try {
    const found = execFileSync('getent', [database, '--', key], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return lines(found).find(fits)
  } catch {
    return undefined
  }
}
