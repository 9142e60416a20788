import type { BackgroundTask } from "#platform/background.ts";
import { everyTenant, type WriteHandle } from "#platform/database/database.ts";
import { isolateFailures, isRecordError } from "#platform/database/isolated.ts";
import type { Position } from "#platform/log/event.ts";
import { revisionOf } from "#platform/log/log.ts";
import type { Committed } from "#platform/log/publish.ts";
import type { Platform } from "#platform/platform.ts";
import { AppendBatch } from "./append-batch.ts";
import { appenderStore, chainStore, type EntryRow, isAppended, newestEntry, type Progress } from "./chain-store.ts";
import type { Operations } from "./complete-entry.ts";
import { deadLetterEntries, redrivenEntries, resolveEntries } from "./dead-entries.ts";
import { forward } from "./forward.ts";
import { ownSource } from "./normalize-entry.ts";
import type { RecordRow } from "./record.ts";
import type { Signers } from "./signers.ts";

/** Entries of one transaction: many enough that heads are signed rarely, few enough that its locks are short. */
const batchMax = 200;
/** An entry is appended within half a second of its commit, unless an older transaction is still open. */
const everyMs = 500;
/**
 * Failed steps in a row before entries are isolated and dead-lettered. A transient failure, such as a lock timeout, must not leave a
 * stand-in in the chain.
 */
const failuresBeforeIsolation = 3;

/**
 * Appends entries to their chains. Writes position, records, heads and total in one transaction under one lock, so only one worker
 * appends at a time and a crash leaves nothing half written. An entry that cannot be appended becomes a dead letter with a stand-in in
 * its chain, and does not block the next (decision 0029). `operations` completes entries that an older release wrote.
 */
export function chainAppender(platform: Platform, signers: Signers, operations: Operations): BackgroundTask {
  const { database, publisher, clock, metrics, settings } = platform;
  let failures = 0;
  const step = async (): Promise<Step> => {
    const isolate = failures >= failuresBeforeIsolation;
    return database.transact(everyTenant, async (tx) => {
      const progress = await chainStore(tx).lockProgress();
      if (progress === undefined) return { appended: [] };
      const now = new Date(clock.now());
      const appended = await appendNext(tx, platform, { signers, operations, progress, isolate, now });
      if (settings.auditForward !== "on") return { appended };
      const events = await forward(tx, publisher, appended, now);
      if (events.length === 0) return { appended };
      return { appended, forwarded: { events, revision: await revisionOf(tx), occurredAt: now } };
    });
  };
  return {
    name: "audit.append-to-chains",
    everyMs,
    async step() {
      let result: Step;
      try {
        result = await step();
        failures = 0;
      } catch (error) {
        if (isRecordError(error)) failures += 1;
        throw error;
      }
      const { appended, forwarded } = result;
      for (const { action, category, severity, result, source, stands_for } of appended) {
        // Applications choose their action names freely; a metric label must have few values.
        metrics.auditRecords.inc({ category, severity, result, action: source === ownSource ? action : "Application" }, stands_for);
      }
      if (forwarded !== undefined) publisher.committed(forwarded);
      return appended.length >= batchMax;
    },
    watermark: async () => JSON.stringify(await database.read(everyTenant, newestEntry)),
    isPast: (watermark) => database.read(everyTenant, (db) => isAppended(db, JSON.parse(watermark) as Position)),
  };
}

interface Step {
  readonly appended: readonly RecordRow[];
  /** The records that were forwarded as events. */
  readonly forwarded?: Committed;
}

interface Appending {
  readonly signers: Signers;
  readonly operations: Operations;
  readonly progress: Progress;
  /** Whether entries that fail are isolated and dead-lettered. */
  readonly isolate: boolean;
  readonly now: Date;
}

async function appendNext(
  tx: WriteHandle,
  platform: Platform,
  { signers, operations, progress, isolate, now }: Appending,
): Promise<readonly RecordRow[]> {
  const store = appenderStore(tx);
  const entries = await store.settledEntries(progress, batchMax);
  const again = await redrivenEntries(tx, batchMax - entries.length);
  if (entries.length + again.length === 0) return [];
  const signer = await signers.current(store, now);
  const batch = new AppendBatch(tx, platform, { signer, operations, now });
  const fresh = isolate
    ? await isolateFailures(tx, entries, (some) => batch.append(some))
    : { done: entries.length === 0 ? [] : await batch.append(entries), failed: [] };
  const redriven = await isolateFailures(tx, again, (some) => batch.append(some));
  const standIns = await batch.standInFor(fresh.failed);
  await batch.saveHeads();
  const records = [...fresh.done, ...redriven.done, ...standIns];
  const { transaction, sequence } = entries.at(-1) ?? progress;
  const total = { transaction, sequence, chains: progress.chains + batch.newChains, records: progress.records + records.length };
  await store.saveProgress(total, signer.signTotal(total, now));
  await resolveEntries(tx, redrivenIds(again, redriven.failed));
  // A redriven entry that fails again retains its stand-in.
  await deadLetterEntries(tx, [...fresh.failed, ...redriven.failed]);
  for (const { item, error } of fresh.failed)
    platform.logger.error(
      { err: error, entryId: item.id, operation: item.operation },
      "an audit entry could not be appended to its chain and is a dead letter",
    );
  // The entry has in plain text the personal data that is erased in its record.
  await store.removeEntries(batch.erased);
  return records;
}

function redrivenIds(again: readonly EntryRow[], failed: readonly { readonly item: EntryRow }[]): readonly string[] {
  const failedIds = new Set(failed.map(({ item }) => item.id));
  return again.map(({ id }) => id).filter((id) => !failedIds.has(id));
}
