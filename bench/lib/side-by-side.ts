import type { Bench, Measured } from "./benchmark.ts";
import { busyCores } from "./quiet.ts";
import { loadOnce, type Repetition, type Side } from "./side.ts";
import { median } from "./statistics.ts";

export interface Sides {
  ours: Side;
  reference: Side;
}

export interface Round {
  /** Of one repetition. */
  seconds: number;
  processes: number;
}

interface RawPair {
  process: number;
  busyBefore: number | null;
  ours: Repetition;
  reference: Repetition;
}

/**
 * Runs both servers and loads them in turn, so that a disturbance of the machine affects both.
 *
 * `setUp` is called for several fresh pairs of processes, because the result of the just-in-time compiler stays with the process, and
 * changes a figure by a quarter from one start to the next. In each pair the first turn of both is discarded as a warm-up.
 */
export async function sideBySide(bench: Bench, setUp: (bench: Bench) => Promise<Sides>, round: Round = bench): Promise<Measured> {
  const each = Math.ceil(bench.repetitions / round.processes);
  const raw: RawPair[] = [];
  let about: string[] = [];
  for (let process = 1; process <= round.processes; process += 1) {
    const scope = new AsyncDisposableStack();
    // An interrupt disposes of the benchmark's scope, and so of this one. Disposing twice has no effect.
    bench.scope.defer(() => scope.disposeAsync());
    const sides = await setUp({ ...bench, scope });
    raw.push(...(await alternate(bench, sides, process, each, round.seconds)));
    about = [describe(sides.ours, ...raw.map((pair) => pair.ours)), describe(sides.reference, ...raw.map((pair) => pair.reference))];
    await scope.disposeAsync();
  }
  for (const line of about) bench.say(line);
  const pairs = raw.map(({ busyBefore, ours, reference }) => ({ busyBefore, ours: ours.perSecond, reference: reference.perSecond }));
  return { pairs, notes: about, p95Ms: median(raw.map(({ ours }) => ours.latencyMs.p95)), raw };
}

async function alternate(bench: Bench, sides: Sides, process: number, count: number, seconds: number): Promise<RawPair[]> {
  const { ours, reference } = sides;
  bench.say(`processes ${process}, warming up: ${ours.name}, ${reference.name}`);
  await loadOnce(bench.generator, ours, seconds);
  await loadOnce(bench.generator, reference, seconds);
  const pairs: RawPair[] = [];
  for (let repetition = 1; repetition <= count; repetition += 1) {
    const busyBefore = await busyCores();
    const a = await loadOnce(bench.generator, ours, seconds);
    const b = await loadOnce(bench.generator, reference, seconds);
    pairs.push({ process, busyBefore, ours: a, reference: b });
    const rate = (value: number) => `${Math.round(value).toLocaleString("en-US")}/s`;
    bench.say(`processes ${process}, ${repetition}: ${ours.name} ${rate(a.perSecond)}, ${reference.name} ${rate(b.perSecond)}`);
  }
  return pairs;
}

/** Latencies and processor shares: medians over the repetitions. */
export function describe(side: Side, ...repetitions: Repetition[]): string {
  const of = (value: (repetition: Repetition) => number | null) => median(repetitions.map((one) => value(one) ?? Number.NaN));
  const ms = (value: number) => `${Number(value.toPrecision(3))} ms`;
  const latency = `p50 ${ms(of((one) => one.latencyMs.p50))}, p95 ${ms(of((one) => one.latencyMs.p95))}, p99 ${ms(of((one) => one.latencyMs.p99))}`;
  const generatorCpu = of((one) => one.generatorCpu);
  const cores = `server ${of((one) => one.serverCpu).toFixed(2)} cores, load generator ${generatorCpu.toFixed(2)}`;
  // Above nine tenths of a core the single thread of the generator limits the figure, not the server.
  const limit = generatorCpu > 0.9 ? " (THE LOAD GENERATOR WAS THE LIMIT)" : "";
  return `${side.name}: ${latency} at ${side.connections} connections; ${cores}${limit}`;
}
