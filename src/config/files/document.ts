// What the parsers of TOML, YAML and JSON have in common.

/** A document, and where its keys are. */
export interface Document {
  readonly value: unknown
  /** Line of a key, named by its path from the top. */
  lineOf(path: readonly string[]): number
}
