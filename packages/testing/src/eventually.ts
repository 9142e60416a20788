import { expect } from "vitest";

/**
 * Waits until an expectation holds: polls often and gives up late, so that a busy machine fails no test. A test whose guarantee is a
 * time limit measures it with a stopwatch.
 */
export const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 60_000, interval: 10 });
