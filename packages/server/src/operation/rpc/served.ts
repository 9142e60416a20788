import type { Rpc } from "#platform/rpc/rpc.ts";
import type { Operation } from "../declaration/operation.ts";

/** A subject of the role that is no operation: a process that serves the role answers that it is not found. */
const probeSubjectOf = (kind: Operation["kind"]): string => `rpc.${kind}.nothing`;
const probeTimeoutMs = 1_500;

/** Rejects where no process serves calls of this kind. */
export async function isServed(rpc: Rpc, kind: Operation["kind"]): Promise<void> {
  await rpc.request(probeSubjectOf(kind), new Uint8Array(), { timeoutMs: probeTimeoutMs });
}
