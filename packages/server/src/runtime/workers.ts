import cluster, { type Worker } from "node:cluster";
import { AggregatorRegistry, type Registry, type RegistryContentType } from "prom-client";
import type { Configuration } from "./configuration.ts";
import { openLogger } from "./ports.ts";
import { graceMs } from "./stop.ts";

/** A process that dies is replaced; one that dies at once, again and again, is not replaced as fast as it can. */
const replaceAfterMs = 1_000;
/** A worker ends by itself within its grace time; what is still there then is ended. */
const endAfterMs = graceMs + 2_000;

type Aggregator = AggregatorRegistry<RegistryContentType>;

const metricsAsked = "gatehouse:metrics";
const indexVariable = "GATEHOUSE_WORKER_INDEX";

/** What only one of several processes does, as printing the set-up link. True where there is one process. */
export const isFirstWorker = (): boolean => !cluster.isWorker || process.env[indexVariable] === "0";

/**
 * Runs as many processes as configured behind one port; each is a whole server. They share nothing but the services, so
 * this one keeps them alive, hands signals on and adds their metrics up.
 */
export async function runWorkers(configuration: Configuration): Promise<void> {
  const logger = openLogger(configuration);
  const metrics = new AggregatorRegistry();
  let stopping = false;
  const fork = (index: number): void => {
    const worker = cluster.fork({ [indexVariable]: String(index) });
    worker.on("message", (message) => {
      if (message === metricsAsked) void answerMetrics(worker, metrics);
    });
    worker.on("exit", (code, signal) => {
      if (stopping) return;
      // A configuration that is refused is refused each time.
      if (code === 78 || code === 69) return process.exit(code);
      logger.error({ code, signal, worker: index }, "a worker process ended; another one takes its place");
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
  if (worker.isConnected()) worker.send({ [metricsAsked]: text });
}

/** What `/metrics` shows: this process's own figures, or those of all workers, whichever of them was asked. */
export function metricsText(registry: Registry): Promise<string> {
  if (!cluster.isWorker) return registry.metrics();
  contribute(registry);
  return new Promise((resolve) => {
    const onAnswer = (message: unknown): void => {
      const text = (message as { readonly [metricsAsked]?: string } | null)?.[metricsAsked];
      if (text === undefined) return;
      process.off("message", onAnswer);
      resolve(text);
    };
    process.on("message", onAnswer);
    process.send?.(metricsAsked);
  });
}

let contributes = false;

/** Lets the first process collect this one's figures. */
export function contribute(registry: Registry): void {
  if (contributes || !cluster.isWorker) return;
  contributes = true;
  new AggregatorRegistry();
  AggregatorRegistry.setRegistries(registry);
}
