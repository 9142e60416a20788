import { type Argon2Parameters, parallelChoices, startArgon2, verifyFor } from "../lib/argon2.ts";
import type { Bench, Benchmark } from "../lib/benchmark.ts";
import type { Child } from "../lib/child.ts";
import { inTurn } from "../lib/in-turn.ts";
import { loadOnce, type Repetition } from "../lib/side.ts";
import { describe } from "../lib/side-by-side.ts";
import { median } from "../lib/statistics.ts";
import { storedArgon2Parameters } from "../lib/stored-hash.ts";
import { gatehouseSignIn, secondsFactor } from "./sign-in-gatehouse.ts";

/** The product's defaults, which are OWASP's minimum for argon2id. */
const expected: Argon2Parameters = { memoryKiB: 19_456, passes: 2, lanes: 1 };

export const signInArgon2: Benchmark = {
  name: "sign-in-argon2",
  compares: "POST auth/login on PostgreSQL against the argon2id verification alone, in process",
  unit: "sign-ins/s",
  target: 0.9,
  direction: "atLeast",
  requirement: "login p95 below 500 ms, 500 logins and sessions/s",
  run: async (bench) => {
    const seconds = bench.seconds * secondsFactor;
    const { side, gatehouse } = await gatehouseSignIn(bench);
    const same = await sameWork(gatehouse.databaseUrl);
    bench.say(same);
    const argon2 = await startArgon2(bench.scope, expected);
    const parallel = await bestParallel(bench, argon2);
    const repetitions: Repetition[] = [];
    const measured = await inTurn(
      bench,
      "/s",
      async () => {
        const repetition = await loadOnce(bench.generator, side, seconds);
        repetitions.push(repetition);
        return repetition.perSecond;
      },
      () => verifyFor(argon2, { parallel, seconds }),
    );
    // The first repetition is the warm-up.
    const counted = repetitions.slice(1);
    const notes = [same, `reference: ${parallel} verifications at once`, describe(side, ...counted)];
    for (const note of notes.slice(1)) bench.say(note);
    const p95Ms = median(counted.map(({ latencyMs }) => latencyMs.p95));
    return { ...measured, notes, p95Ms, raw: { ours: counted } };
  },
};

/** A cheaper hash of the product would make the figure worthless, so it fails the run. */
async function sameWork(databaseUrl: string): Promise<string> {
  const stored = await storedArgon2Parameters(databaseUrl);
  const show = ({ memoryKiB, passes, lanes }: Argon2Parameters) => `argon2id m=${memoryKiB} t=${passes} p=${lanes}`;
  if (stored === undefined) return `no stored hash was readable: the reference verifies ${show(expected)} unconfirmed`;
  if (show(stored) !== show(expected)) {
    throw new Error(`gatehouse stores ${show(stored)}, the reference verifies ${show(expected)}: not the same work`);
  }
  return `both sides verify ${show(expected)}, as stored`;
}

async function bestParallel(bench: Bench, argon2: Child): Promise<number> {
  let best = { parallel: 1, perSecond: 0 };
  for (const parallel of parallelChoices) {
    const perSecond = await verifyFor(argon2, { parallel, seconds: bench.seconds });
    bench.say(`argon2 alone, ${parallel} at once: ${perSecond.toFixed(1)}/s`);
    if (perSecond > best.perSecond) best = { parallel, perSecond };
  }
  return best.parallel;
}
