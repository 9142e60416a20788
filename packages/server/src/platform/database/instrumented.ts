import { countedCalls } from "../resilience/resilience.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Tracer } from "../telemetry/tracing.ts";
import type { Database } from "./database.ts";
import { ReplicaBehind } from "./replica-reads.ts";

/**
 * A database whose transactions are measured, and are spans of their trace. Periodic transactions (the
 * log's heartbeat, a consumer's poll) have no trace and begin none: there are a hundred per second.
 */
export function instrumentedDatabase(database: Database, { metrics, tracer }: Instrumentation): Database {
  for (const outcome of ["committed", "failed"]) {
    for (const access of ["read", "write"]) metrics.transactionSeconds.begin(access, outcome);
  }
  const counted = countedCalls("postgresql.primary", metrics);
  const traced = <T>(access: "read" | "write", work: () => Promise<T>): Promise<T> =>
    tracer.current === undefined
      ? measured(metrics, access, work)
      : tracer.span(
          `postgresql ${access}`,
          { kind: "client", attributes: { "db.system.name": "postgresql", "db.operation.name": access } },
          () => measured(metrics, access, work),
        );
  const observed = tracer.on ? traced : <T>(access: "read" | "write", work: () => Promise<T>) => measured(metrics, access, work);
  const run = <T>(access: "read" | "write", work: () => Promise<T>): Promise<T> => counted(() => observed(access, work));
  const { replica } = database;
  return {
    kind: database.kind,
    // Its calls are counted by their guard (replica-reads.ts).
    replica: replica && { ...replica, read: (scope, need, work) => observed("read", () => replica.read(scope, need, work)) },
    owner: database.owner,
    connections: database.connections,
    read: (scope, work) => run("read", () => database.read(scope, work)),
    transact: (scope, work) => run("write", () => database.transact(scope, work)),
    ping: () => database.ping(),
    close: () => database.close(),
  };
}

export interface Instrumentation {
  readonly metrics: Metrics;
  readonly tracer: Tracer;
}

function measured<T>(metrics: Metrics, access: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const ended = (outcome: string) => metrics.transactionSeconds.observe(access, outcome, (performance.now() - began) / 1_000);
  return work().then(
    (value) => {
      ended("committed");
      return value;
    },
    (error) => {
      // An operation's own error also rolls back, and is not a database failure.
      const isRefusal =
        error instanceof ReplicaBehind || (error as { readonly definition?: unknown } | undefined)?.definition !== undefined;
      ended(isRefusal ? "refused" : "failed");
      throw error;
    },
  );
}
