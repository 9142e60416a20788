import { totalmem } from "node:os";
import { Gauge, type Registry } from "prom-client";
import { type SessionCache, sessions } from "#modules/signin/sessions/index.ts";
import type { Metrics } from "#platform/telemetry/metrics.ts";
import type { Application } from "./application.ts";
import type { Readiness } from "./health.ts";

/** The state that every process exports. */
export interface Measured {
  readonly metrics: Metrics;
  readonly version: string;
  readonly roles: ReadonlySet<string>;
  readonly ready: Readiness;
}

/** Registers the gauges of a process and its dependencies (service level metrics). */
export function registerProcessGauges({ metrics: { registry }, version, roles, ready }: Measured): void {
  // Tests create several servers in one process.
  if (registry.getSingleMetric("gatehouse_build_info") !== undefined) return;
  const registers = [registry];

  new Gauge({ name: "gatehouse_build_info", help: "1, with the version that runs", labelNames: ["version"], registers })
    .labels(version)
    .set(1);
  new Gauge({
    name: "gatehouse_memory_limit_bytes",
    help: "Memory that this process may use: its container's limit, else the machine's memory (memory usage)",
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
    "1 while this process accepts requests: it runs, and its required dependencies answer (health check status)",
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

/** Without a limit, Node returns 0 or a number above the machine's memory. */
function memoryLimitBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** Registers the gauges of a process with a database. */
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
    "Events whose changes the decisions of this process do not reflect yet",
    [],
    async (set) => set({}, reader.behind),
  );
  collected(registry, "gatehouse_sessions_in_memory", "Sessions in this process's cache", [], async (set) =>
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
