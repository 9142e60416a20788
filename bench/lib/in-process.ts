import type { Bench, Measured, Pair } from "./benchmark.ts";
import { startNode } from "./child.ts";
import { inProcessFile } from "./paths.ts";
import { median, spread } from "./statistics.ts";

/** Function calls need no four seconds, because the sides alternate every 50 ms within a repetition. */
const shareOfSeconds = 0.25;
const timeoutMs = 300_000;

/**
 * Runs both sides in one process, slice by slice in turn, and repeats that in fresh processes, because the result of the just-in-time
 * compiler stays with a process. Contests in `informational` run in one process each and are printed, never judged.
 */
export async function inProcess(bench: Bench, contest: string, informational: readonly string[] = []): Promise<Measured> {
  const pairs = await contestIn(bench, contest, bench.processes);
  const notes: string[] = [];
  const raw: Record<string, Pair[]> = {};
  for (const name of informational) {
    const informationalPairs = await contestIn(bench, name, 1);
    raw[name] = informationalPairs;
    notes.push(`${name}: ${inWords(informationalPairs)}`);
  }
  for (const note of notes) bench.say(`for information, ${note}`);
  return { pairs, notes, raw };
}

async function contestIn(bench: Bench, contest: string, processes: number): Promise<Pair[]> {
  const perProcess = String(Math.ceil(bench.repetitions / processes));
  const seconds = String(bench.seconds * shareOfSeconds);
  const all: Pair[] = [];
  for (let index = 1; index <= processes; index += 1) {
    const args = ["--expose-gc", inProcessFile("program.ts"), contest, seconds, perProcess];
    const child = startNode(bench.scope, { name: contest, args, env: { NODE_ENV: "production" } });
    const pairs = JSON.parse(await child.line("result", timeoutMs)) as Pair[];
    await child.stop();
    all.push(...pairs);
    bench.say(
      `${contest}, process ${index}: ${pairs.map(({ ours, reference }) => `${perSecond(ours)} to ${perSecond(reference)}`).join(", ")}`,
    );
  }
  return all;
}

function inWords(pairs: readonly Pair[]): string {
  const ratios = pairs.map(({ ours, reference }) => ours / reference);
  const [low, high] = spread(ratios);
  const rate = (side: "ours" | "reference") => perSecond(median(pairs.map((pair) => pair[side])));
  const figure = (ratio: number) => ratio.toPrecision(3);
  return `ours ${rate("ours")}, reference ${rate("reference")}, ratio ${figure(median(ratios))} (${figure(low)} .. ${figure(high)})`;
}

const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString("en-US")}/s`;
