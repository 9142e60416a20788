import { within } from "#platform/waiting.ts";

export type Status = "UP" | "DOWN";

/** A component in the answer of a probe. */
export interface Component {
  readonly status: Status;
  readonly details: Readonly<Record<string, string | number>>;
}

export const component = (up: boolean, details: Component["details"]): Component => ({ status: up ? "UP" : "DOWN", details });

/** A dependency that does not answer in this time is down. */
export const probeTimeoutMs = 2_000;

/** Probes a dependency. The cause of a failure is not shown: a driver's error names addresses. */
export async function probe(ask: () => Promise<void>, details: Component["details"]): Promise<Component> {
  const began = performance.now();
  try {
    await within(probeTimeoutMs, "no answer in time", ask());
    return component(true, { connection: "established", latency: `${Math.round(performance.now() - began)}ms`, ...details });
  } catch {
    return component(false, { connection: "failed", ...details });
  }
}
