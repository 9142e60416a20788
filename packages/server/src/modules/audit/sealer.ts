import { v7 as uuid } from "uuid";
import type { Background } from "../../platform/background.ts";
import { everyTenant, type WriteHandle } from "../../platform/database/database.ts";
import type { Position } from "../../platform/log/event.ts";
import { append } from "../../platform/log/log.ts";
import type { Platform } from "../../platform/platform.ts";
import { type Described, describe, ownSource } from "./described.ts";
import { forwarded } from "./forward.ts";
import { PersonalSealer } from "./personal-sealer.ts";
import { beginningOf, hashOfRecord, type RecordRow } from "./record.ts";
import { isSealed, newestEntry, type Progress, sealing } from "./sealing-store.ts";
import type { Signers } from "./signers.ts";
import type { Signer } from "./signing.ts";
import { auditStore, type ChainRow } from "./store.ts";

/** A transaction's worth: large enough that heads are signed rarely, small enough that nobody waits for its locks. */
const batchMax = 200;
/** A record is sealed within half a second of its transaction's end, where no older one is open. */
const lookEveryMs = 500;
/** A chain that grows fast has a checkpoint at each of these numbers, beside those of the schedule. */
const checkpointEvery = 1_000;

/**
 * Appends entries to their chains. Position, records, heads and total are one transaction under one lock, so that of
 * several workers one seals, and a crash in the middle leaves nothing.
 */
export function sealer(platform: Platform, signers: Signers): Background {
  const { database, bus, clock, metrics, settings } = platform;
  return {
    name: "audit.seal",
    everyMs: lookEveryMs,
    async step() {
      const sealed = await database.transact(everyTenant, async (tx) => {
        const progress = await sealing(tx).lockProgress();
        if (progress === undefined) return [];
        const now = new Date(clock.now());
        const records = await sealNext(tx, platform, signers, progress, now);
        if (settings.auditForward === "on" && records.length > 0) {
          await append(tx, records.map(forwarded), { occurredAt: now, traceparent: null });
        }
        return records;
      });
      for (const { action, category, severity, result, source, stands_for } of sealed) {
        // An application names its actions as it likes; a label must have few values.
        metrics.auditRecords.inc({ category, severity, result, action: source === ownSource ? action : "Application" }, stands_for);
      }
      if (sealed.length > 0 && settings.auditForward === "on") bus.wake();
      return sealed.length === batchMax;
    },
    mark: async () => JSON.stringify(await database.read(everyTenant, newestEntry)),
    isPast: (mark) => database.read(everyTenant, (db) => isSealed(db, JSON.parse(mark) as Position)),
  };
}

async function sealNext(
  tx: WriteHandle,
  { keys, logger }: Platform,
  signers: Signers,
  progress: Progress,
  now: Date,
): Promise<readonly RecordRow[]> {
  const store = { ...auditStore.reads(tx as never), ...auditStore.writes(tx), ...sealing(tx) };
  const entries = await store.settledEntries(progress, batchMax);
  const last = entries.at(-1);
  if (last === undefined) return [];
  const signer = await signers.current(store, now);
  const personal = await PersonalSealer.open(store, keys, now);
  const described = entries.map((entry) => ({ entry, said: describe(entry, personal.pepper) }));
  await personal.prepare(described.flatMap(({ said }) => [...said.personal.keys()]));
  for (const { keyId, error } of personal.damaged)
    logger.error({ err: error, keyId }, "the key of a person in the audit trail does not open");

  const heads = new Map<string, Head>();
  const records: RecordRow[] = [];
  let chains = progress.chains;
  for (const { entry, said } of described) {
    const name = said.organization_id ?? "internal";
    const head = heads.get(name) ?? (await headOf(store, said.organization_id));
    if (head.number === 0) chains += 1;
    const { parts, hashes } = await personal.seal(said, head.number + 1, entry.occurred_at);
    const record = next(head, said, hashes, now);
    heads.set(name, { organizationId: said.organization_id, number: record.number, hash: record.hash, from: head.from });
    records.push(record);
    personal.add(parts);
  }
  await store.insertRecords(records);
  await store.insertPersonal(personal.rows);
  for (const head of heads.values()) await saveHead(store, signer, head, now);
  const total = { transaction: last.transaction, sequence: last.sequence, chains, records: progress.records + records.length };
  await store.saveProgress(total, signer.signTotal(total, now));
  // An entry has in the clear what is forgotten in its record.
  await store.removeEntries(personal.forgotten);
  return records;
}

interface Head {
  readonly organizationId: string | null;
  readonly number: number;
  readonly hash: string;
  /** The number before this batch. */
  readonly from: number;
}

async function headOf(store: { chain(id: string | null): Promise<ChainRow | undefined> }, organizationId: string | null): Promise<Head> {
  const row = await store.chain(organizationId);
  const number = row?.number ?? 0;
  return { organizationId, number, hash: row?.hash ?? beginningOf(organizationId), from: number };
}

function next(head: Head, { personal: _, ...said }: Described, personal_hashes: readonly string[], now: Date): RecordRow {
  const row = { ...said, number: head.number + 1, previous_hash: head.hash, recorded_at: now, personal_hashes };
  return { ...row, hash: hashOfRecord(row) };
}

type HeadStore = ReturnType<typeof sealing> & ReturnType<typeof auditStore.writes>;

async function saveHead(store: HeadStore, signer: Signer, { organizationId, number, hash, from }: Head, now: Date): Promise<void> {
  const about = { organizationId, number, hash };
  await store.saveHead({ organization_id: organizationId, number, hash, ...signer.sign({ kind: "head", ...about }, now) });
  if (Math.floor(number / checkpointEvery) === Math.floor(from / checkpointEvery)) return;
  const signed = signer.sign({ kind: "checkpoint", ...about }, now);
  await store.insertCheckpoint(uuid(), { organization_id: organizationId, kind: "checkpoint", number, hash, ...signed });
}
