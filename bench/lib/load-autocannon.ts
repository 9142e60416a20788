import autocannon from "autocannon";
import type { LoadGenerator, LoadOrder, LoadResult } from "./load.ts";

export function autocannonGenerator(): LoadGenerator {
  return {
    name: "autocannon",
    version: "in this process",
    warning: "wrk is not on PATH: autocannon costs about as much as the server it loads and may limit the figures",
    run,
  };
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const result = await autocannon({
    url: order.url,
    connections: order.connections,
    duration: order.seconds,
    timeout: 10,
    requests: order.requests,
  });
  const used = process.cpuUsage(before);
  return {
    requests: result["2xx"],
    seconds: result.duration,
    bytes: result.throughput.total,
    badStatus: result.non2xx,
    socketErrors: result.errors,
    // It has no 95th percentile; the next higher one is not lower.
    latencyMs: { p50: result.latency.p50, p95: result.latency.p97_5, p99: result.latency.p99 },
    generatorCpu: (used.user + used.system) / 1000 / (performance.now() - startedAt),
  };
}
