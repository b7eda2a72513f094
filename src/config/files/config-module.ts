// postern.config.ts and its like: a module whose default export is an object of options, in camelCase
// or with dashes, or a function that returns one; it is given { env }, the environment with what
// environment files of the command line add to it. Nothing in it is expanded: it can compute.
//
// Functions among the options will be hooks one day: this is where they part from the options.
import { ConfigError } from '../../errors.js'
import { optionEntries } from './data.js'
import { LineError } from './ini-blocks.js'
import type { FileEntry } from './known-values.js'

/** What the function of a module is given. */
export interface ConfigContext {
  readonly env: Readonly<Record<string, string | undefined>>
}

/** It may ask other machines; but a reload must not wait for ever. */
const MOST_SECONDS = 60

/** @throws {LineError} it exports something else, or does not come to an end */
export async function moduleEntries(
  loading: Promise<Record<string, unknown>>,
  context: ConfigContext,
): Promise<FileEntry[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const message = `it has not come to an end in ${MOST_SECONDS} seconds`
    timer = setTimeout(() => reject(new LineError(0, message)), MOST_SECONDS * 1000)
  })
  try {
    return await Promise.race([late, loading.then((module) => evaluate(module, context))])
  } finally {
    clearTimeout(timer)
  }
}

async function evaluate(
  module: Record<string, unknown>,
  context: ConfigContext,
): Promise<FileEntry[]> {
  let exported = module.default
  // `exports.default = …` of a CommonJS module, seen through import().
  if (isObject(exported) && isObject(exported.default)) exported = exported.default
  const options = typeof exported === 'function' ? await call(exported, context) : exported
  if (!isObject(options)) {
    throw new LineError(
      0,
      'its default export is an object of options, or a function that returns one',
    )
  }
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .flatMap(([key, value]) => optionEntries(key, value, 0))
}

async function call(make: unknown, context: ConfigContext): Promise<unknown> {
  try {
    return await (make as (context: ConfigContext) => unknown)(context)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new LineError(0, `its function throws ${(error as Error)?.stack ?? String(error)}`)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
