import type { LogReader } from "#platform/log/retention.ts";
import { auditStore } from "./store.ts";

/**
 * Retains the events of a command until its entry is in a chain. The chain appender reads no events, but `gatehouse audit verify` compares
 * the chains with the events of the same transactions: without them it could not detect a deleted entry.
 */
export const appenderOfLog: LogReader = {
  async positions(db) {
    const transaction = await auditStore.reads(db).firstPending();
    return transaction === undefined ? [] : [{ name: "audit.chain-appender", transaction, sequence: "0" }];
  },
};
