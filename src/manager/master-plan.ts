// What a master is to run, as the configuration had it at one moment.
import type { Options } from '../config/options.js'

/** What the workers run. */
export interface MasterPlan {
  readonly options: Options
  readonly app: string
  /** Theirs, not the master's: a reload that fails must leave nothing of itself behind. */
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}
