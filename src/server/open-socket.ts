// Opens one socket on an engine: for a server that accepts on it, and for a master that hands it on.
import type { Options } from '../config/options.js'
import type { NativeEngine, NativeListener } from '../native/addon.js'
import type { SocketFiles } from './socket-files.js'
import { explainListen, nativeListen, type Wanted } from './sockets.js'

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
  try {
    const bound = engine.listen(how)
    if (wanted.address.kind === 'unix') files.add(wanted.address.path)
    return bound
  } catch (error) {
    throw explainListen(error as NodeJS.ErrnoException, wanted)
  }
}
