import type { Operation } from "#operation/declaration/operation.ts";
import { isServed } from "#operation/rpc/served.ts";
import type { Rpc } from "#platform/rpc/rpc.ts";
import { type Component, probe } from "./probe.ts";

type Kind = Operation["kind"];

/** Whether other processes serve calls of these kinds now, by kind. */
export async function availabilityOf(rpc: Rpc, kinds: readonly Kind[]): Promise<Readonly<Partial<Record<Kind, Component>>>> {
  const probes = kinds.map(async (kind) => [kind, await probe(() => isServed(rpc, kind), { kind: "over NATS" })] as const);
  return Object.fromEntries(await Promise.all(probes));
}

/** The kinds whose unavailability leaves a gateway ready: it is unready only where no kind at all is served. */
export function dispensableKinds(served: Readonly<Partial<Record<Kind, Component>>>, servesHere = false): readonly string[] {
  const isServedAtAll = servesHere || Object.values(served).some(({ status }) => status === "UP");
  return isServedAtAll ? Object.keys(served) : [];
}
