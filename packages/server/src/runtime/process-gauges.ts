import { totalmem } from "node:os";
import { Gauge, type Registry } from "prom-client";
import { type SessionCache, sessions } from "#modules/signin/sessions/index.ts";
import type { Metrics } from "#platform/telemetry/metrics.ts";
import type { Application } from "./application.ts";
import type { Readiness } from "./health.ts";

/** What every process tells of itself; the reference of the metrics is made without anything to ask. */
export interface Measured {
  readonly metrics: Metrics;
  readonly version: string;
  readonly roles: ReadonlySet<string>;
  readonly ready: Readiness;
}

/** Registers what a process tells of itself and of what it stands on (service level metrics). */
export function registerProcessGauges({ metrics: { registry }, version, roles, ready }: Measured): void {
  // A door is made anew in tests; what it measures is the same process.
  if (registry.getSingleMetric("gatehouse_build_info") !== undefined) return;
  const registers = [registry];

  new Gauge({ name: "gatehouse_build_info", help: "1, with the version that runs", labelNames: ["version"], registers })
    .labels(version)
    .set(1);
  new Gauge({
    name: "gatehouse_memory_limit_bytes",
    help: "How much memory this process may take: its container's limit, else the machine's memory (S0, memory usage)",
    registers,
  }).set(memoryLimitBytes());
  const role = new Gauge({
    name: "gatehouse_role_up",
    help: "1 for each role of this process (module uptime)",
    labelNames: ["role"],
    registers,
  });
  for (const name of roles) role.labels(name).set(1);
  collected(
    registry,
    "gatehouse_ready",
    "1 while this process takes requests: it runs, and what it needs answers (health check status)",
    [],
    async (set) => {
      set({}, (await ready()).status === "UP" ? 1 : 0);
    },
  );
  collected(
    registry,
    "gatehouse_dependency_up",
    "1 where a dependency answers (PostgreSQL, Redis and message broker connection status)",
    ["dependency"],
    async (set) => {
      const { module: _, ...dependencies } = (await ready()).components;
      for (const [dependency, { status }] of Object.entries(dependencies)) set({ dependency }, status === "UP" ? 1 : 0);
    },
  );
}

/** Where nothing limits the process, Node answers 0 or a number above all memory that there is. */
function memoryLimitBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** Registers what a process with the database tells besides. */
export function registerBackendGauges({ kernel, platform, reader }: Pick<Application, "kernel" | "platform" | "reader">): void {
  const { registry } = platform.metrics;
  if (registry.getSingleMetric("gatehouse_database_connections") !== undefined) return;
  collected(
    registry,
    "gatehouse_database_connections",
    "Connections of a pool by state: used, idle, max, and calls that are waiting for one (connection pool status)",
    ["pool", "state"],
    async (set) => {
      for (const { pool, ...states } of platform.database.connections()) {
        for (const [state, value] of Object.entries(states)) set({ pool, state }, value);
      }
    },
  );
  collected(
    registry,
    "gatehouse_projection_pending_events",
    "Events whose changes decisions of this process do not contain yet",
    [],
    async (set) => set({}, reader.behind),
  );
  collected(registry, "gatehouse_sessions_in_memory", "Sessions that this process answers from memory", [], async (set) =>
    set({}, kernel.stateOf<SessionCache>(sessions).size),
  );
}

function collected(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  collect: (set: (labels: Record<string, string>, value: number) => void) => Promise<void>,
): void {
  new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    async collect() {
      this.reset();
      await collect((labels, value) => this.set(labels, value));
    },
  });
}
