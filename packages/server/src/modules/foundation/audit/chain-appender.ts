import type { BackgroundTask } from "#platform/background.ts";
import { everyTenant, type WriteHandle } from "#platform/database/database.ts";
import { isolateFailures, isRecordError } from "#platform/database/isolated.ts";
import type { Position } from "#platform/log/event.ts";
import { revisionOf } from "#platform/log/log.ts";
import type { Committed } from "#platform/log/publish.ts";
import type { Platform } from "#platform/platform.ts";
import { AppendBatch } from "./append-batch.ts";
import { chainStore, type EntryRow, isAppended, newestEntry, type Progress } from "./chain-store.ts";
import type { Operations } from "./complete-entry.ts";
import { deadLetterEntries, redrivenEntries, resolveEntries } from "./dead-entries.ts";
import { forward } from "./forward.ts";
import { ownSource } from "./normalize-entry.ts";
import type { RecordRow } from "./record.ts";
import type { Signers } from "./signers.ts";
import { auditStore } from "./store.ts";

/** A transaction's worth: large enough that heads are signed rarely, small enough that nobody waits for its locks. */
const batchMax = 200;
/** An entry is appended within half a second of its transaction's end, where no older transaction is open. */
const everyMs = 500;
/**
 * Failed steps in a row before entries are isolated and dead-lettered. A failure that passes within a second or two, as a lock that
 * another session holds too long, must not become a stand-in for good.
 */
const failuresBeforeIsolation = 3;

/**
 * Appends entries to their chains. Position, records, heads and total are one transaction under one lock, so that one of several workers
 * appends, and a crash in the middle leaves nothing. An entry that cannot be appended becomes a dead letter with a stand-in in its chain,
 * and the next goes on (decision 0029). `operations` describe entries that an older release wrote.
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
      let taken: Step;
      try {
        taken = await step();
        failures = 0;
      } catch (error) {
        if (isRecordError(error)) failures += 1;
        throw error;
      }
      const { appended, forwarded } = taken;
      for (const { action, category, severity, result, source, stands_for } of appended) {
        // An application names its actions as it likes; a label must have few values.
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
  const store = { ...auditStore.reads(tx as never), ...auditStore.writes(tx), ...chainStore(tx) };
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
  // A redriven entry that fails again keeps its stand-in.
  await deadLetterEntries(tx, [...fresh.failed, ...redriven.failed]);
  for (const { item, error } of fresh.failed)
    platform.logger.error(
      { err: error, entryId: item.id, operation: item.operation },
      "an audit entry could not be appended to its chain and is a dead letter",
    );
  // An entry has in the clear what is erased in its record.
  await store.removeEntries(batch.erased);
  return records;
}

function redrivenIds(again: readonly EntryRow[], failed: readonly { readonly item: EntryRow }[]): readonly string[] {
  const failedIds = new Set(failed.map(({ item }) => item.id));
  return again.map(({ id }) => id).filter((id) => !failedIds.has(id));
}
