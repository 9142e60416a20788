import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "tests/**/*.test.ts", "scripts/**/*.test.ts"],
    globalSetup: ["packages/testing/src/image.ts"],
    setupFiles: ["packages/testing/src/process-state.ts"],
    // Two cores: more workers would only wait for each other, and each has a PGlite in memory.
    maxWorkers: 2,
    // A worker loads the product once for all its files: loading it takes 2 s of processor time. The set-up file restores and checks the
    // state of the process that files share.
    isolate: false,
    // Not the expected time of a test: on a busy machine a test takes several times as long and still passes.
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
