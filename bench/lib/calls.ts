import { type Answer, type HttpRequest, send } from "./http.ts";

/** Calls that all differ, such as by a new address or name, so that a load generator cannot prepare them. */
export interface Caller {
  /** The nth call, and a function that throws unless its answer is right. */
  call(index: number): { request: HttpRequest; expect(answer: Answer): void };
}

export interface Called {
  perSecond: number;
  latencyMs: { p50: number; p95: number; p99: number };
  /** Share of one core that this process used, which makes the calls; near 1 it was the limit, not the server. */
  generatorCpu: number;
}

/** Runs concurrent calls for a time, and checks each answer. The time ends with the last answer, so that none is lost. */
export async function callForSeconds(
  url: string,
  caller: Caller,
  from: number,
  inFlight: number,
  seconds: number,
): Promise<Called & { next: number }> {
  const latencies: number[] = [];
  const cpuBefore = process.cpuUsage();
  const beganAt = performance.now();
  const endAt = beganAt + seconds * 1_000;
  let next = from;
  const lane = async (): Promise<void> => {
    while (performance.now() < endAt) {
      const { request, expect } = caller.call(next++);
      const sentAt = performance.now();
      const answer = await send(url, request);
      latencies.push(performance.now() - sentAt);
      expect(answer);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const elapsed = (performance.now() - beganAt) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const latencyMs = { p50: percentile(latencies, 0.5), p95: percentile(latencies, 0.95), p99: percentile(latencies, 0.99) };
  return { perSecond: latencies.length / elapsed, latencyMs, generatorCpu: (user + system) / 1e6 / elapsed, next };
}

/** The smallest value that is not exceeded by the given share of the values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
