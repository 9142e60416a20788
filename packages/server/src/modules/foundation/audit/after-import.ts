import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import type { Keys } from "#platform/keys/keys.ts";
import { recordOnStorage } from "./on-storage.ts";
import { sealing } from "./sealing-store.ts";
import { isTotalRight } from "./signatures.ts";
import { Signers } from "./signers.ts";
import { auditStore } from "./store.ts";

/** Whether what is sealed in all is as it was signed. */
export async function isTrailSigned(db: ReadHandle): Promise<boolean> {
  const store = auditStore.reads(db);
  return isTotalRight(await store.total(), await store.signingKeys());
}

/**
 * Goes on with a trail whose entries were given another transaction: signs anew how far they are sealed, and writes the import
 * or the rebase itself behind them, as the entry of that one transaction in which the log's events now stand. The chains are as they were.
 */
export async function continueTrail(
  tx: WriteHandle,
  keys: Keys,
  now: Date,
  action: "installation.import" | "installation.rebase",
): Promise<void> {
  const store = { ...auditStore.reads(tx as never), ...auditStore.writes(tx), ...sealing(tx) };
  const total = await store.total();
  if (total !== undefined && total.key_id !== null) {
    const signer = await new Signers(keys).current(store, now);
    await store.saveProgress(total, signer.signTotal(total, now));
  }
  await recordOnStorage(tx, action, now);
}
