// As whom the process runs: --uid and --gid, taken for good when the sockets are open and before the
// application is loaded. What is opened later, by a reload too, is opened as that user.
import type { Options } from '../config/options.js'
import { StartError } from '../errors.js'
import { findGroup, findUser } from '../server/accounts.js'

export interface Identity {
  readonly uid: number | undefined
  readonly gid: number | undefined
  /** Whose supplementary groups come along; undefined: there are none. */
  readonly name: string | undefined
}

/**
 * Before anything is opened: a name that is wrong is to be a mistake of the first second.
 *
 * @returns null: the process stays what it is
 * @throws {ConfigError} no such user or group
 * @throws {StartError} only root may become somebody else
 */
export function readIdentity(options: Options): Identity | null {
  if (options.uid === undefined && options.gid === undefined) return null
  const user = options.uid === undefined ? undefined : findUser(options.uid, 'uid')
  const gid = options.gid === undefined ? user?.gid : findGroup(options.gid, 'gid')
  const [isUid, isGid] = [process.getuid?.(), process.getgid?.()]
  if (isUid !== 0) {
    if ((user?.uid ?? isUid) === isUid && (gid ?? isGid) === isGid) return null
    const wanted = options.uid === undefined ? `--gid ${options.gid}` : `--uid ${options.uid}`
    throw new StartError(`${wanted}: only root may change that, and this is user ${isUid}`)
  }
  return { uid: user?.uid, gid, name: user?.name }
}

/** Missing from the types of Node. */
type NodeInitgroups = typeof process & { initgroups(user: string, group: number): void }

/** Groups first: who is no longer root may not change them. */
export function takeIdentity({ uid, gid, name }: Identity): void {
  const group = gid ?? uid ?? 0
  if (name !== undefined) (process as NodeInitgroups).initgroups(name, group)
  else process.setgroups?.([])
  process.setgid?.(group)
  if (uid !== undefined) process.setuid?.(uid)
}
