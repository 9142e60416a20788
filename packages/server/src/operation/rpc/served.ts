import type { Rpc } from "#platform/rpc/rpc.ts";
import type { Operation } from "../declaration/operation.ts";

/** Below a role's subjects, and no operation: whoever serves the role says that there is no such thing. */
const nothingOf = (kind: Operation["kind"]): string => `rpc.${kind}.nothing`;
const answerMs = 1_500;

/** Rejects where no process answers calls of this kind. */
export async function isServed(rpc: Rpc, kind: Operation["kind"]): Promise<void> {
  await rpc.request(nothingOf(kind), new Uint8Array(), { timeoutMs: answerMs });
}
