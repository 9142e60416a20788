import type { Operation } from "#operation/declaration/operation.ts";
import { isServed } from "#operation/rpc/served.ts";
import type { Rpc } from "#platform/rpc/rpc.ts";
import { type Component, probe } from "./probe.ts";

type Kind = Operation["kind"];

/** Whether other processes answer calls of these kinds now, by kind. */
export async function servedBy(rpc: Rpc, kinds: readonly Kind[]): Promise<Readonly<Partial<Record<Kind, Component>>>> {
  const asked = kinds.map(async (kind) => [kind, await probe(() => isServed(rpc, kind), { kind: "over NATS" })] as const);
  return Object.fromEntries(await Promise.all(asked));
}

/** Kinds that nobody answers and that a door can do without: it is closed only where it could let nothing at all through. */
export function missedOf(served: Readonly<Partial<Record<Kind, Component>>>, answersHere = false): readonly string[] {
  const somebody = answersHere || Object.values(served).some(({ status }) => status === "UP");
  return somebody ? Object.keys(served) : [];
}
