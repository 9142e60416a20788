import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "tests/**/*.test.ts", "scripts/**/*.test.ts"],
    globalSetup: ["packages/testing/src/image.ts"],
    setupFiles: ["packages/testing/src/process-state.ts"],
    // Two cores: more workers than that only wait for each other, and each holds a PGlite.
    maxWorkers: 2,
    // A worker loads the product once for all its files: to load it costs 2 s of processor time. What files could leave behind for each
    // other, the set-up file checks and restores.
    isolate: false,
    // Not what a test should take: on a machine that other programs keep busy it takes several times as long, and holds all the same.
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
