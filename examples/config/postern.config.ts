// A configuration in TypeScript: it can compute. In its own directory `npx postern` finds it without
// being told.
//
//   npx postern examples/config/postern.config.ts
//   curl http://127.0.0.1:8000/you         # Hello from Postern: GET /you
import { fileURLToPath } from 'node:url'
import type { Config } from 'postern'

export default {
  app: fileURLToPath(new URL('../hello/app.ts', import.meta.url)),
  dev: process.env.NODE_ENV !== 'production',
  socketTimeout: 20,
  limitPost: '10m',
} satisfies Config
