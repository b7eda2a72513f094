// behaviour.json: what its language means in types, and its cases.
import { readFileSync } from 'node:fs'

export type Kind = 'wsgi-js' | 'wsgi-python' | 'express' | 'fetch'

/** A step: its name and its arguments. */
export type Step = readonly [name: string, ...values: any[]]
export type BlockSpec = string | { readonly repeat: string; readonly n: number } | Step

export interface ResultSpec {
  readonly list?: readonly BlockSpec[]
  readonly gen?: readonly BlockSpec[]
  readonly iter?: readonly BlockSpec[]
  readonly getitem?: readonly BlockSpec[]
  readonly len?: number
  readonly close?: true | 'raise'
  readonly none?: true
  readonly bytes?: string
  readonly text_list?: readonly string[]
  readonly file_wrapper?: 'file' | 'filelike_no_fileno' | 'unseekable'
  readonly size?: number
  readonly seek?: number
  readonly via?: 'generator' | 'list'
  readonly report_input?: true
  readonly report_environ?: true
  readonly report_path?: true
  readonly js?: string
  readonly value?: any
  readonly block?: number
}

export interface AppSpec {
  readonly js?: 'sync' | 'async'
  readonly do: readonly Step[]
  readonly result: ResultSpec
}

export interface Expectation {
  readonly status?: readonly (number | null)[]
  readonly connection?: 'keep' | 'close' | null
  readonly complete?: boolean | null
  readonly framing?: readonly ('length' | 'chunked' | 'close')[]
  readonly body?: string
  readonly body_in?: readonly (string | null)[]
  readonly body_not?: string
  readonly body_len?: number
  readonly bodies?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  readonly headers_b64?: Readonly<Record<string, string>>
  readonly header_lists?: Readonly<Record<string, readonly string[]>>
  readonly header_not?: Readonly<Record<string, string>>
  readonly absent_headers?: readonly string[]
  readonly present_headers?: readonly string[]
  readonly max_header_count?: Readonly<Record<string, number>>
  readonly responses?: number | readonly number[]
  readonly max_responses?: number
  readonly closed_called?: number | readonly number[]
  readonly log?: boolean | null
  readonly log_contains?: readonly string[]
  readonly input?: readonly unknown[]
  readonly environ?: Readonly<Record<string, any>>
  readonly env_any?: readonly Readonly<Record<string, unknown>>[]
  readonly interim?: readonly number[]
  readonly interim_optional?: readonly number[]
  readonly no_interim?: boolean
  readonly arrival_ms?: readonly (readonly [number, number])[]
  readonly shared_list_unchanged?: boolean
  readonly distinct_environ?: boolean
  readonly app_error?: boolean
  readonly after_send?: 'shutdown_wr'
  readonly then?: string
  readonly client?: string
  readonly config?: Readonly<Record<string, number>>
  readonly closes_after_s?: readonly [number, number]
  readonly within_s?: number
  readonly aborted_within_s?: number
  readonly max_pulled_bytes?: number
  readonly note?: string
  readonly may_wait?: boolean
}

export interface Case {
  readonly id: string
  readonly rules: readonly string[]
  readonly description: string
  readonly applies: readonly Kind[]
  readonly app: AppSpec
  readonly request: Buffer
  readonly expect: Expectation
}

interface File {
  readonly cases: (Omit<Case, 'request'> & { request: string })[]
}

const file = JSON.parse(
  readFileSync(new URL('../corpus/behaviour.json', import.meta.url), 'utf8'),
) as File

export const CASES: readonly Case[] = file.cases.map((one) => ({
  ...one,
  request: Buffer.from(one.request, 'base64'),
}))

/** The title of the test of a case: its rules, so that each can be found by number. */
export function titleOf(one: Case): string {
  return `${one.rules.join(' ')} ${one.id}: ${one.description}`
}
