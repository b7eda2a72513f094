// Writes what is made from the option table: docs/options.md and docs/postern.schema.json.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, runQuietly, say } from './lib.mjs'

runQuietly('node_modules/.bin/tsc', ['-p', 'tsconfig.json'])
const { optionsPage } = await import('../dist/cli/options-page.js')
const { jsonSchema } = await import('../dist/cli/json-schema.js')
writeFileSync(join(root, 'docs/options.md'), optionsPage())
writeFileSync(join(root, 'docs/postern.schema.json'), jsonSchema())
say('docs/options.md and docs/postern.schema.json are as the option table has it')
