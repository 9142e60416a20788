import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import type { Keys } from "#platform/keys/keys.ts";
import { appenderStore } from "./chain-store.ts";
import { recordOnStorage } from "./on-storage.ts";
import { isTotalValid } from "./signatures.ts";
import { Signers } from "./signers.ts";
import { auditStore } from "./store.ts";

/** Whether the stored total of chains and records has a valid signature. */
export async function isAuditLogSigned(db: ReadHandle): Promise<boolean> {
  const store = auditStore.reads(db);
  return isTotalValid(await store.total(), await store.signingKeys());
}

/**
 * Continues an audit log after an import or a rebase gave its entries new transaction ids. Signs the position of the last appended entry
 * again and appends an entry for the import or rebase itself. The chains do not change.
 */
export async function continueAuditLog(
  tx: WriteHandle,
  keys: Keys,
  now: Date,
  action: "installation.import" | "installation.rebase",
): Promise<void> {
  const store = appenderStore(tx);
  const total = await store.total();
  if (total !== undefined && total.key_id !== null) {
    const signer = await new Signers(keys).current(store, now);
    await store.saveProgress(total, signer.signTotal(total, now));
  }
  await recordOnStorage(tx, action, now);
}
