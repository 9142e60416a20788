import type { Bench, Measured, Pair } from "./benchmark.ts";
import { busyCores } from "./quiet.ts";

/** The same alternation for figures without HTTP load: one discarded round, then pairs. */
export async function inTurn(bench: Bench, unit: string, ours: () => Promise<number>, reference: () => Promise<number>): Promise<Measured> {
  bench.say("warming up");
  await ours();
  await reference();
  const pairs: Pair[] = [];
  for (let repetition = 1; repetition <= bench.repetitions; repetition += 1) {
    const pair = { busyBefore: await busyCores(), ours: await ours(), reference: await reference() };
    pairs.push(pair);
    bench.say(`${repetition}: ours ${pair.ours.toFixed(1)} ${unit}, reference ${pair.reference.toFixed(1)} ${unit}`);
  }
  return { pairs, notes: [] };
}
