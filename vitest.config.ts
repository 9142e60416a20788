import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "tests/**/*.test.ts", "scripts/**/*.test.ts"],
    globalSetup: ["packages/testing/src/image.ts"],
    // Two cores: more workers would only wait for each other, and each has a PGlite in memory.
    maxWorkers: 2,
    // A worker for each file. A shared one would save 2 s of processor time for each file, but retains memory of closed servers: its
    // heap was exhausted after a hundred files.
    isolate: true,
    // Not the expected time of a test: on a busy machine a test takes several times as long and still passes.
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
