import type { Platform } from "../../packages/server/src/platform/platform.ts";
import { createMetrics } from "../../packages/server/src/platform/telemetry/metrics.ts";
import type { Application } from "../../packages/server/src/runtime/application.ts";
import { registerBrokerGauges } from "../../packages/server/src/runtime/broker-gauges.ts";
import { registerConsumerGauges } from "../../packages/server/src/runtime/consumer-gauges.ts";
import { registerGauges } from "../../packages/server/src/runtime/gauges.ts";
import { registerBackendGauges, registerProcessGauges } from "../../packages/server/src/runtime/process-gauges.ts";
import { registerStalledQueuesGauge, StalledQueues } from "../../packages/server/src/runtime/stalled-queues.ts";
import { code, head, table } from "./page.ts";

export interface MetricReference {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames: readonly string[];
}

/** Every metric that a process with all roles registers. No value is collected, so no dependency is needed. */
export function registeredMetrics(): readonly MetricReference[] {
  const metrics = createMetrics();
  const platform = { metrics, settings: { version: "" } } as unknown as Platform;
  registerGauges(platform, []);
  registerConsumerGauges(platform, [], { behind: 0, behindSeconds: 0 });
  registerBrokerGauges(platform, []);
  registerStalledQueuesGauge(platform, new StalledQueues(platform.database, [], []));
  registerProcessGauges({ metrics, version: "", roles: new Set(), ready: async () => ({ status: "UP", components: {} }) });
  registerBackendGauges({ platform } as unknown as Application);
  return metrics.registry.getMetricsAsArray() as unknown as readonly MetricReference[];
}

/** Every metric with its name, its meaning and its labels. */
export function metricsPage(): string {
  const rows = [...registeredMetrics()]
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, type, labelNames = [], help }) => [code(name), type, labelNames.map(code).join(" "), help]);
  const from = "The metrics of `/metrics`. Their use is described in [metrics](../operations/metrics.md).";
  return `${head("Metrics", from)}\n${table(["Name", "Type", "Labels", "Meaning"], rows)}`;
}
