import type { BackgroundTask } from "#platform/background.ts";
import { everyTenant, type WriteHandle } from "#platform/database/database.ts";
import { isolateFailures, mayBeTheRecords } from "#platform/database/isolated.ts";
import type { Position } from "#platform/log/event.ts";
import { revisionOf } from "#platform/log/log.ts";
import type { Committed } from "#platform/log/publish.ts";
import type { Platform } from "#platform/platform.ts";
import { deadLetterEntries, redrivenEntries, resolveEntries } from "./dead-entries.ts";
import { ownSource } from "./described.ts";
import { forward } from "./forward.ts";
import type { RecordRow } from "./record.ts";
import { SealingBatch } from "./sealing-batch.ts";
import { type EntryRow, isSealed, newestEntry, type Progress, sealing } from "./sealing-store.ts";
import type { Signers } from "./signers.ts";
import { auditStore } from "./store.ts";

/** A transaction's worth: large enough that heads are signed rarely, small enough that nobody waits for its locks. */
const batchMax = 200;
/** A record is sealed within half a second of its transaction's end, where no older one is open. */
const lookEveryMs = 500;
/**
 * Failed steps in a row before entries are isolated and dead-lettered: what passes by itself within a second or two, as a
 * lock that another session holds too long, must not become a stand-in for good.
 */
const failuresBeforeIsolation = 3;

/**
 * Appends entries to their chains. Position, records, heads and total are one transaction under one lock, so that of
 * several workers one seals, and a crash in the middle leaves nothing. An entry that cannot be sealed becomes a dead
 * letter with a stand-in in its chain, and the next goes on (decision 0029).
 */
export function sealer(platform: Platform, signers: Signers): BackgroundTask {
  const { database, publisher, clock, metrics, settings } = platform;
  let failures = 0;
  const step = async (): Promise<Step> => {
    const isolate = failures >= failuresBeforeIsolation;
    return database.transact(everyTenant, async (tx) => {
      const progress = await sealing(tx).lockProgress();
      if (progress === undefined) return { sealed: [] };
      const now = new Date(clock.now());
      const sealed = await sealNext(tx, platform, signers, { progress, isolate, now });
      if (settings.auditForward !== "on") return { sealed };
      const events = await forward(tx, publisher, sealed, now);
      if (events.length === 0) return { sealed };
      return { sealed, forwarded: { events, revision: await revisionOf(tx), occurredAt: now } };
    });
  };
  return {
    name: "audit.seal",
    everyMs: lookEveryMs,
    async step() {
      let taken: Step;
      try {
        taken = await step();
        failures = 0;
      } catch (error) {
        if (mayBeTheRecords(error)) failures += 1;
        throw error;
      }
      const { sealed, forwarded } = taken;
      for (const { action, category, severity, result, source, stands_for } of sealed) {
        // An application names its actions as it likes; a label must have few values.
        metrics.auditRecords.inc({ category, severity, result, action: source === ownSource ? action : "Application" }, stands_for);
      }
      if (forwarded !== undefined) publisher.committed(forwarded);
      return sealed.length >= batchMax;
    },
    mark: async () => JSON.stringify(await database.read(everyTenant, newestEntry)),
    isPast: (mark) => database.read(everyTenant, (db) => isSealed(db, JSON.parse(mark) as Position)),
  };
}

interface Step {
  readonly sealed: readonly RecordRow[];
  /** The records that were forwarded as events. */
  readonly forwarded?: Committed;
}

interface Sealing {
  readonly progress: Progress;
  /** Whether entries that fail are looked for, and dead-lettered. */
  readonly isolate: boolean;
  readonly now: Date;
}

async function sealNext(
  tx: WriteHandle,
  platform: Platform,
  signers: Signers,
  { progress, isolate, now }: Sealing,
): Promise<readonly RecordRow[]> {
  const store = { ...auditStore.reads(tx as never), ...auditStore.writes(tx), ...sealing(tx) };
  const entries = await store.settledEntries(progress, batchMax);
  const again = await redrivenEntries(tx, batchMax - entries.length);
  if (entries.length + again.length === 0) return [];
  const signer = await signers.current(store, now);
  const batch = new SealingBatch(tx, platform, signer, now);
  const fresh = isolate
    ? await isolateFailures(tx, entries, (some) => batch.seal(some))
    : { done: entries.length === 0 ? [] : await batch.seal(entries), failed: [] };
  const redriven = await isolateFailures(tx, again, (some) => batch.seal(some));
  const standIns = await batch.standInFor(fresh.failed);
  await batch.saveHeads();
  const records = [...fresh.done, ...redriven.done, ...standIns];
  const { transaction, sequence } = entries.at(-1) ?? progress;
  const total = { transaction, sequence, chains: progress.chains + batch.newChains, records: progress.records + records.length };
  await store.saveProgress(total, signer.signTotal(total, now));
  await resolveEntries(tx, redrivenIds(again, redriven.failed));
  // One that failed again keeps its stand-in.
  await deadLetterEntries(tx, [...fresh.failed, ...redriven.failed]);
  for (const { item, error } of fresh.failed)
    platform.logger.error(
      { err: error, entryId: item.id, operation: item.operation },
      "an audit entry could not be sealed and is a dead letter",
    );
  // An entry has in the clear what is forgotten in its record.
  await store.removeEntries(batch.forgotten);
  return records;
}

function redrivenIds(again: readonly EntryRow[], failed: readonly { readonly item: EntryRow }[]): readonly string[] {
  const failedIds = new Set(failed.map(({ item }) => item.id));
  return again.map(({ id }) => id).filter((id) => !failedIds.has(id));
}
