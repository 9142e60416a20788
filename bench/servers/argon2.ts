/** Password verification only: on request, runs concurrent verifications for a time and counts them. */
import { hash, verify } from "@node-rs/argon2";
import { ready, variable } from "./life.ts";

export interface Order {
  /** Number of concurrent verifications. */
  parallel: number;
  seconds: number;
}

export interface Count {
  verified: number;
  elapsedMs: number;
}

const [memoryCost, timeCost, parallelism] = variable("PARAMETERS").split(",").map(Number) as [number, number, number];
const password = "Bench-right-password-4711";
// The library's `Algorithm.Argon2id`: an ambient const enum, which type stripping cannot import.
const argon2id = 2;
const stored = await hash(password, { algorithm: argon2id, memoryCost, timeCost, parallelism });

process.on("message", async ({ parallel, seconds }: Order) => {
  const startedAt = performance.now();
  const deadline = startedAt + seconds * 1000;
  let verified = 0;
  const lane = async () => {
    while (performance.now() < deadline) {
      if (!(await verify(stored, password))) throw new Error("the right password was refused");
      verified += 1;
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  // Ends with the last one, so that no started verification is lost.
  process.send?.({ verified, elapsedMs: performance.now() - startedAt } satisfies Count);
});

ready("argon2", async () => {});
