import { v7 as uuid } from "uuid";
import { recordNotes } from "#operation/audit.ts";
import type { WriteHandle } from "#platform/database/database.ts";
import type { StorageAction } from "./actions.ts";

/** Writes into the trail what an operator does to the storage itself, in the transaction that does it. */
export const recordOnStorage = (tx: WriteHandle, operation: StorageAction, now: Date, after?: object): Promise<void> =>
  recordNotes(tx, [
    {
      id: uuid(),
      operation,
      caller_kind: "operator",
      user_id: null,
      session_id: null,
      organization_id: null,
      input: "{}",
      personal: null,
      before: null,
      after: after === undefined ? null : JSON.stringify(after),
      entity_type: null,
      entity_id: null,
      ip_address: null,
      user_agent: null,
      trace_id: uuid().replaceAll("-", ""),
      request_id: uuid(),
      occurred_at: now,
      result: "success",
      reason: null,
      stands_for: 1,
      with_change: true,
    },
  ]);
