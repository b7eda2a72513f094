// The environment → settings: POSTERN_HTTP_SOCKET is http-socket, and so is UWSGI_HTTP_SOCKET where
// the other is not set. Empty variables count as not set. UWSGI_ has many that are no options; of
// POSTERN_ some are (Kubernetes makes them for a service of that name), so what is unknown is only an
// error if it looks like a slip.
import { acceptedReason } from './accepted.js'
import type { NamedFile } from './command-line.js'
import { nearestOption, optionNamed } from './names.js'
import { misplaced, QUESTIONS, type Setting } from './settings.js'

export interface Environment {
  readonly settings: readonly Setting[]
  readonly files: readonly NamedFile[]
  readonly accepted: readonly string[]
  /** Variables that are no options. */
  readonly unknown: readonly string[]
}

/** Ours, but no options; and what Kubernetes makes for a service, POSTERN_PORT=tcp://… among it. */
const OTHERS_RE = /^POSTERN_(ADDON$|TEST_)|_SERVICE_(HOST|PORT)|_PORT_\d+_[A-Z]+/
const KUBERNETES_VALUE_RE = /^(tcp|udp|sctp):\/\//

/** @throws {ConfigError} a variable of POSTERN_ that is nearly an option */
export function readEnvironment(env: NodeJS.ProcessEnv): Environment {
  const settings: Setting[] = []
  const files: NamedFile[] = []
  const accepted: string[] = []
  const unknown: string[] = []
  for (const [variable, value] of Object.entries(env)) {
    const match = /^(POSTERN|UWSGI)_([A-Z0-9_]+)$/.exec(variable)
    if (match === null || value === undefined || value === '') continue
    const [, prefix, rest] = match
    const key = rest.toLowerCase().replaceAll('_', '-')
    const spec = optionNamed(key)
    if (spec !== undefined && QUESTIONS.has(spec.name)) continue
    if (spec?.name === 'config') files.push({ path: value, kind: key })
    else if (spec !== undefined) {
      settings.push({ name: spec.name, value, layer: 'environment', place: variable })
    } else if (acceptedReason(key) !== undefined) accepted.push(key)
    else if (prefix === 'POSTERN' && !isOther(variable, value)) unknown.push(checked(variable, key))
  }
  return { settings: preferOurs(settings), files, accepted, unknown }
}

/** Without those of UWSGI_ whose option is set by POSTERN_, under whichever of its names. */
function preferOurs(settings: readonly Setting[]): Setting[] {
  const isOurs = ({ place }: Setting) => place.startsWith('POSTERN_')
  const ours = new Set(settings.filter(isOurs).map(({ name }) => name))
  return settings.filter((setting) => isOurs(setting) || !ours.has(setting.name))
}

function isOther(variable: string, value: string): boolean {
  return OTHERS_RE.test(variable) || KUBERNETES_VALUE_RE.test(value)
}

function checked(variable: string, key: string): string {
  const near = nearestOption(key)
  if (near === undefined) return variable
  const meant = `POSTERN_${near.toUpperCase().replaceAll('-', '_')}`
  throw misplaced(variable, `no option is called so: did you mean ${meant}?`)
}
