// Opens one socket on an engine: for a server that accepts on it, and for a master that hands it on.
import { lchownSync } from 'node:fs'
import type { Options } from '../config/options.js'
import { StartError } from '../errors.js'
import type { NativeEngine, NativeListener } from '../native/addon.js'
import { parseOwner } from './accounts.js'
import type { SocketFiles } from './socket-files.js'
import { explainListen, nativeListen, type Wanted } from './sockets.js'

const UNCHANGED = { uid: -1, gid: -1 }

/**
 * @param files gets the file of a unix socket
 * @throws {StartError} it cannot be opened: why, and what to do
 */
export async function openSocket(
  engine: NativeEngine,
  wanted: Wanted,
  options: Options,
  files: SocketFiles,
): Promise<NativeListener> {
  const how = await nativeListen(wanted, options)
  const owner = options.chownSocket
  const { uid, gid } = owner === undefined ? UNCHANGED : parseOwner(owner, 'chown-socket')
  try {
    const bound = engine.listen(how)
    if (wanted.address.kind === 'unix') {
      files.add(wanted.address.path)
      if (owner !== undefined) giveAway(wanted.address.path, owner, uid, gid)
    }
    return bound
  } catch (error) {
    if (error instanceof StartError) throw error
    throw explainListen(error as NodeJS.ErrnoException, wanted)
  }
}

function giveAway(path: string, owner: string, uid: number, gid: number): void {
  try {
    lchownSync(path, uid, gid)
  } catch (cause) {
    throw new StartError(`--chown-socket ${owner}: ${(cause as Error).message}`, undefined, {
      cause,
    })
  }
}
