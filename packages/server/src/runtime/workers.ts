import cluster, { type Worker } from "node:cluster";
import { AggregatorRegistry, type Registry, type RegistryContentType } from "prom-client";
import type { Configuration } from "./configuration.ts";
import { openLogger } from "./ports.ts";
import { graceMs } from "./stop.ts";

/** Delay before a dead process is replaced, so that one that dies at start does not restart in a tight loop. */
const replaceAfterMs = 1_000;
/** A worker process ends within its grace time; after this time it is killed. */
const endAfterMs = graceMs + 2_000;

type Aggregator = AggregatorRegistry<RegistryContentType>;

const metricsRequest = "gatehouse:metrics";
const indexVariable = "GATEHOUSE_WORKER_INDEX";

/** Whether this process does what only one of several does, such as printing the set-up link. True where there is one process. */
export const isFirstWorker = (): boolean => !cluster.isWorker || process.env[indexVariable] === "0";

/**
 * Runs the configured number of processes behind one port; each is a whole server. They share only the services. This process
 * restarts them, forwards signals and aggregates their metrics.
 */
export async function runWorkers(configuration: Configuration): Promise<void> {
  const logger = openLogger(configuration);
  const metrics = new AggregatorRegistry();
  let stopping = false;
  const fork = (index: number): void => {
    const worker = cluster.fork({ [indexVariable]: String(index) });
    worker.on("message", (message) => {
      if (message === metricsRequest) void answerMetrics(worker, metrics);
    });
    worker.on("exit", (code, signal) => {
      if (stopping) return;
      // A refused configuration is refused at each attempt.
      if (code === 78 || code === 69) return process.exit(code);
      logger.error({ code, signal, worker: index }, "a worker process ended; it is replaced");
      setTimeout(() => fork(index), replaceAfterMs);
    });
  };
  for (let index = 0; index < configuration.workers; index += 1) fork(index);
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1);
    stopping = true;
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    for (const worker of workers) worker.process.kill(signal);
    const late = setTimeout(() => {
      for (const worker of workers) worker.process.kill("SIGKILL");
    }, endAfterMs);
    void Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve)))).then(() => {
      clearTimeout(late);
      process.exit(0);
    });
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

async function answerMetrics(worker: Worker, metrics: Aggregator): Promise<void> {
  const text = await metrics.clusterMetrics().catch(() => "");
  if (worker.isConnected()) worker.send({ [metricsRequest]: text });
}

/** The text of `/metrics`: the metrics of this process, or of all worker processes, whichever of them answers. */
export function metricsText(registry: Registry): Promise<string> {
  if (!cluster.isWorker) return registry.metrics();
  shareMetrics(registry);
  return new Promise((resolve) => {
    const onAnswer = (message: unknown): void => {
      const text = (message as { readonly [metricsRequest]?: string } | null)?.[metricsRequest];
      if (text === undefined) return;
      process.off("message", onAnswer);
      resolve(text);
    };
    process.on("message", onAnswer);
    process.send?.(metricsRequest);
  });
}

let shared = false;

/** Lets the primary process collect this process's metrics. */
export function shareMetrics(registry: Registry): void {
  if (shared || !cluster.isWorker) return;
  shared = true;
  new AggregatorRegistry();
  AggregatorRegistry.setRegistries(registry);
}
