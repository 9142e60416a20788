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

/** Runs a call within the bounds of its row. `signal` is aborted when the call is given up. */
export type Guard = <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** Which errors say that the dependency failed; any other is an answer, is handed on as it is and opens no circuit. */
export type IsDependencyFailure = (error: unknown) => boolean;

export interface Resilience {
  /** One guard a name and process. Faults come out as {@link Unavailable} of `dependency`. */
  guard(name: PolicyName, dependency: string, isFailure?: IsDependencyFailure): Guard;
  /** Whether nothing is asked of it now, or one call is finding out; false also where nothing was guarded. */
  isOpen(name: PolicyName): boolean;
}

type ResilienceMetrics = Pick<Metrics, "dependencyCalls" | "circuitOpen" | "bulkheadInUse" | "bulkheadRefused">;

/** Makes guards of the rows of `policies.ts`, or of another table, and counts what they do. */
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

/** A guard that tells whether its circuit is open. */
export interface Guarded extends Guard {
  isOpen(): boolean;
}

/** Makes one guard. Outermost the bulkhead, then the retries, each of them through the breaker and with the whole time limit. */
export function guardOf(
  name: string,
  row: Bounds,
  dependency: string,
  isFailure: IsDependencyFailure,
  metrics: ResilienceMetrics,
): Guarded {
  const handled = handleWhen((error) => error instanceof TaskCancelledError || isFailure(error));
  const layers: IPolicy[] = [];
  const places = row.bulkhead && bulkhead(row.bulkhead.atOnce, row.bulkhead.waiting);
  const tellPlaces = (): void => {
    if (places && row.bulkhead) metrics.bulkheadInUse.set({ name }, row.bulkhead.atOnce - places.executionSlots);
  };
  if (places) {
    tellPlaces();
    metrics.bulkheadRefused.inc({ name }, 0);
    places.onReject(() => metrics.bulkheadRefused.inc({ name }));
    layers.push(places);
  }
  if (row.retries) {
    const { times, firstPauseMs, longestPauseMs } = row.retries;
    // The library's pause has jitter of its own, so that processes that failed together do not come back together.
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
        tellPlaces();
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
      tellPlaces();
    }
  };
  return Object.assign(guarded, { isOpen });
}

/** Counts calls to what keeps its bounds itself; what they come to is handed on as it is. */
export type Counted = <T>(work: () => Promise<T>) => Promise<T>;

export function countedCalls(name: PolicyName, { dependencyCalls }: Pick<Metrics, "dependencyCalls">): Counted {
  // Looked up once: some are called thousands of times a second.
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
