import type { LogReader } from "#platform/log/retention.ts";
import { auditStore } from "./store.ts";

/**
 * Sealing reads no events. What `gatehouse audit verify` compares the chains with are the events of what was sealed, so the events of
 * a command stay until its entry is in a chain: an entry that was taken away before could otherwise not be missed.
 */
export const sealingOfLog: LogReader = {
  async places(db) {
    const transaction = await auditStore.reads(db).firstUnsealed();
    return transaction === undefined ? [] : [{ name: "audit.sealer", transaction, sequence: "0" }];
  },
};
