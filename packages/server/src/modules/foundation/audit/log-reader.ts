import type { LogReader } from "#platform/log/retention.ts";
import { auditStore } from "./store.ts";

/**
 * The chain appender reads no events. `gatehouse audit verify` compares the chains with the events of the same transactions, so the events
 * of a command stay until its entry is in a chain: otherwise an entry that was deleted before could not be missed.
 */
export const appenderOfLog: LogReader = {
  async positions(db) {
    const transaction = await auditStore.reads(db).firstPending();
    return transaction === undefined ? [] : [{ name: "audit.chain-appender", transaction, sequence: "0" }];
  },
};
