// How the TypeScript tests run; scripts/test.mjs is what runs them.
import { defineConfig } from 'vitest/config'

// The addon is loaded into worker processes, never into worker threads: a test that crashes one
// must not take the others with it.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    env: { POSTERN_ADDON: process.env.POSTERN_ADDON ?? 'build/Debug/postern.node' },
  },
})
