// The type of what postern.config.ts exports; what is accepted at run time is the reader's business.
import type { ConfigContext } from './files/config-module.js'
import type { Camel, OPTIONS, OptionSpec } from './options.js'

type Row = Exclude<
  (typeof OPTIONS)[number],
  { name: 'help' | 'help-all' | 'show-config' | 'version' }
>

type One<T extends OptionSpec> = T extends { choices: readonly (infer C)[] }
  ? C
  : T['type'] extends 'boolean'
    ? boolean
    : T['type'] extends 'bytes' | 'count' | 'seconds' | 'mode' | 'processes'
      ? number | string
      : string

type Variables = Readonly<Record<string, string | number>>

type Written<T extends OptionSpec> = T extends { many: true }
  ? One<T> | readonly One<T>[] | (T['type'] extends 'pair' ? Variables : never)
  : One<T>

/** Options in camelCase or with dashes; one that can be repeated has a value or an array. */
export type ConfigOptions = {
  readonly [T in Row as T['name'] | Camel<T['name']>]?: Written<T> | undefined
}

/** The default export of postern.config.ts. */
export type Config =
  | ConfigOptions
  | ((context: ConfigContext) => ConfigOptions | Promise<ConfigOptions>)
