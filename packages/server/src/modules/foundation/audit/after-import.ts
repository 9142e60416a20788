import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import type { Keys } from "#platform/keys/keys.ts";
import { chainStore } from "./chain-store.ts";
import { recordOnStorage } from "./on-storage.ts";
import { isTotalValid } from "./signatures.ts";
import { Signers } from "./signers.ts";
import { auditStore } from "./store.ts";

/** Whether the number of chains and records is the one that was signed. */
export async function isAuditLogSigned(db: ReadHandle): Promise<boolean> {
  const store = auditStore.reads(db);
  return isTotalValid(await store.total(), await store.signingKeys());
}

/**
 * Continues an audit log whose entries have other transactions than before: signs the position of the last appended entry again, and
 * writes the import or the rebase itself behind them, as the entry of the transaction that the log's events now have. The chains stay.
 */
export async function continueAuditLog(
  tx: WriteHandle,
  keys: Keys,
  now: Date,
  action: "installation.import" | "installation.rebase",
): Promise<void> {
  const store = { ...auditStore.reads(tx as never), ...auditStore.writes(tx), ...chainStore(tx) };
  const total = await store.total();
  if (total !== undefined && total.key_id !== null) {
    const signer = await new Signers(keys).current(store, now);
    await store.saveProgress(total, signer.signTotal(total, now));
  }
  await recordOnStorage(tx, action, now);
}
