import { expect } from "vitest";

/**
 * Waits for a thing to come true, however busy the machine is: it is looked at often, and given up late. What must
 * happen within a time is measured by the test that says so.
 */
export const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 60_000, interval: 10 });
