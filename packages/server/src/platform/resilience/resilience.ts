import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  type IPolicy,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
  wrap,
} from "cockatiel";
import type { Metrics } from "../telemetry/metrics.ts";
import { Unavailable } from "../unavailable.ts";
import { type PolicyName, policies } from "./policies.ts";
import { type Bounds, boundsOf, type PolicyRow } from "./policy.ts";

/** Runs a call within the limits of its row. `signal` is aborted when the call times out. */
export type Guard = <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** Whether an error means that the dependency failed. Any other error is an answer: it is rethrown unchanged and opens no circuit. */
export type IsDependencyFailure = (error: unknown) => boolean;

export interface Resilience {
  /** The guard of a name, one per process. Failures are thrown as {@link Unavailable} of `dependency`. */
  guard(name: PolicyName, dependency: string, isFailure?: IsDependencyFailure): Guard;
  /** Whether its circuit is open or half-open; false also if there was no call yet. */
  isOpen(name: PolicyName): boolean;
}

type ResilienceMetrics = Pick<Metrics, "dependencyCalls" | "circuitOpen" | "bulkheadInUse" | "bulkheadRefused">;

/** Creates guards from the rows of `policies.ts`, or of another table, and counts their calls. */
export function createResilience(metrics: ResilienceMetrics, table: Readonly<Record<PolicyName, PolicyRow>> = policies): Resilience {
  const guards = new Map<PolicyName, Guarded>();
  return {
    guard(name, dependency, isFailure) {
      const known = guards.get(name) ?? guardOf(name, boundsOf(table[name]), dependency, isFailure ?? (() => true), metrics);
      guards.set(name, known);
      return known;
    },
    isOpen: (name) => guards.get(name)?.isOpen() ?? false,
  };
}

/** A guard that exposes whether its circuit is open. */
export interface Guarded extends Guard {
  isOpen(): boolean;
}

/** Creates one guard: a bulkhead around retries, each of which passes the breaker and has the whole time limit. */
export function guardOf(
  name: string,
  row: Bounds,
  dependency: string,
  isFailure: IsDependencyFailure,
  metrics: ResilienceMetrics,
): Guarded {
  const handled = handleWhen((error) => error instanceof TaskCancelledError || isFailure(error));
  const layers: IPolicy[] = [];
  const permits = row.bulkhead && bulkhead(row.bulkhead.atOnce, row.bulkhead.waiting);
  const updateGauge = (): void => {
    if (permits && row.bulkhead) metrics.bulkheadInUse.set({ name }, row.bulkhead.atOnce - permits.executionSlots);
  };
  if (permits) {
    updateGauge();
    metrics.bulkheadRefused.inc({ name }, 0);
    permits.onReject(() => metrics.bulkheadRefused.inc({ name }));
    layers.push(permits);
  }
  if (row.retries) {
    const { times, firstPauseMs, longestPauseMs } = row.retries;
    // The library adds jitter, so that processes that failed together do not retry together.
    const backoff = new ExponentialBackoff({ initialDelay: firstPauseMs, maxDelay: longestPauseMs });
    const retried = handleWhen(
      (error) => error instanceof TaskCancelledError || (isFailure(error) && !(error instanceof BrokenCircuitError)),
    );
    layers.push(retry(retried, { maxAttempts: times, backoff }));
  }
  let isOpen = () => false;
  if (row.breaker) {
    const breaker = circuitBreaker(handled, {
      halfOpenAfter: row.breaker.openMs,
      breaker: new ConsecutiveBreaker(row.breaker.failures),
    });
    metrics.circuitOpen.set({ dependency: name }, 0);
    breaker.onStateChange((state) => metrics.circuitOpen.set({ dependency: name }, state === CircuitState.Closed ? 0 : 1));
    isOpen = () => breaker.state !== CircuitState.Closed;
    layers.push(breaker);
  }
  layers.push(timeout(row.timeLimitMs, TimeoutStrategy.Aggressive));
  for (const outcome of ["ok", "failed", "timeout"]) metrics.dependencyCalls.inc({ dependency: name, outcome }, 0);
  const policy = wrap(...layers);
  const guarded: Guard = async (work) => {
    try {
      const result = await policy.execute(({ signal }) => {
        updateGauge();
        return work(signal);
      });
      metrics.dependencyCalls.inc({ dependency: name, outcome: "ok" });
      return result;
    } catch (error) {
      const outcome = outcomeOf(error, isFailure);
      metrics.dependencyCalls.inc({ dependency: name, outcome });
      if (outcome === "answered_error" || error instanceof Unavailable) throw error;
      throw new Unavailable(dependency, error, outcome === "timeout" || outcome === "circuit_open" ? outcome : "failed");
    } finally {
      updateGauge();
    }
  };
  return Object.assign(guarded, { isOpen });
}

/** Counts calls of a client with its own limits, and returns their outcomes unchanged. */
export type Counted = <T>(work: () => Promise<T>) => Promise<T>;

export function countedCalls(name: PolicyName, { dependencyCalls }: Pick<Metrics, "dependencyCalls">): Counted {
  // Looked up once, because some are called thousands of times per second.
  const of = (outcome: string) => dependencyCalls.labels({ dependency: name, outcome });
  const ok = of("ok");
  return async (work) => {
    try {
      const result = await work();
      ok.inc();
      return result;
    } catch (error) {
      of(error instanceof Unavailable ? error.reason : "answered_error").inc();
      throw error;
    }
  };
}

function outcomeOf(error: unknown, isFailure: IsDependencyFailure): string {
  if (error instanceof TaskCancelledError) return "timeout";
  if (error instanceof BrokenCircuitError) return "circuit_open";
  if (error instanceof BulkheadRejectedError) return "refused";
  return isFailure(error) ? "failed" : "answered_error";
}
