import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "tests/**/*.test.ts", "scripts/**/*.test.ts"],
    globalSetup: ["packages/testing/src/image.ts"],
    // Two cores: more workers than that only wait for each other, and each holds a PGlite.
    maxWorkers: 2,
    // A worker for each file. One that loaded the product once for all would save 2 s of processor time a file, and keeps what closed
    // servers leave referenced: it ran out of its heap after a hundred files.
    isolate: true,
    // Not what a test should take: on a machine that other programs keep busy it takes several times as long, and holds all the same.
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
