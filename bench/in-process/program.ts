/**
 * node --expose-gc in-process/program.ts CONTEST SECONDS REPETITIONS
 *
 * One process of an in-process benchmark: checks every answer, warms up, measures, and prints `result <json>`.
 */

import type { Pair } from "../lib/benchmark.ts";
import { busyCores } from "../lib/quiet.ts";
import { checkAnswers, Runner, rates } from "./contest.ts";
import { contests } from "./contests.ts";

const [name = "", seconds = "", repetitions = ""] = process.argv.slice(2);
const make = contests[name];
if (!make) throw new Error(`no contest "${name}"; there are: ${Object.keys(contests).join(", ")}`);

const contest = await make();
checkAnswers(contest);
const runners = [contest.ours, contest.reference].map((each) => new Runner(each, contest.expected));
const eachMs = Number(seconds) * 1_000;
for (const runner of runners) runner.warmUp(eachMs);
// Warms up with both in turn, which compiles differently from each alone.
rates(runners, eachMs, contest.isolated);

const pairs: Pair[] = [];
for (let repetition = 0; repetition < Number(repetitions); repetition += 1) {
  const busyBefore = await busyCores();
  const [ours = Number.NaN, reference = Number.NaN] = rates(runners, eachMs, contest.isolated);
  pairs.push({ ours, reference, busyBefore });
}
console.log(`result ${JSON.stringify(pairs)}`);
