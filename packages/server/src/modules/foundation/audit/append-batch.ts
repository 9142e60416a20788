import { v7 as uuid } from "uuid";
import type { WriteHandle } from "#platform/database/database.ts";
import type { FailedItem } from "#platform/database/isolated.ts";
import type { Platform } from "#platform/platform.ts";
import { appenderStore, type EntryRow } from "./chain-store.ts";
import { completeEntry, type Operations } from "./complete-entry.ts";
import { hashesOf, standIn } from "./dead-entries.ts";
import { type NormalizedEntry, normalizeEntry } from "./normalize-entry.ts";
import { PersonalEncrypter } from "./personal-encryption.ts";
import { beginningOf, hashOfRecord, type RecordRow } from "./record.ts";
import type { Signer } from "./signing.ts";

/** A chain gets a checkpoint at each multiple of this number, in addition to the scheduled ones. */
const checkpointEvery = 1_000;

interface Head {
  readonly organizationId: string | null;
  readonly number: number;
  readonly hash: string;
  /** The number before this batch. */
  readonly from: number;
}

/**
 * Appends entries to their chains within one transaction. Its heads change only after all writes of a call succeeded, so the caller may
 * roll a call back to a savepoint.
 */
export class AppendBatch {
  /** Chains that begin with this batch. */
  newChains = 0;
  /** Ids of entries that were written before their person was erased. */
  readonly erased: string[] = [];
  readonly #tx: WriteHandle;
  readonly #platform: Platform;
  readonly #signer: Signer;
  readonly #operations: Operations;
  readonly #now: Date;
  readonly #store: ReturnType<typeof appenderStore>;
  #heads: ReadonlyMap<string, Head> = new Map();

  constructor(
    tx: WriteHandle,
    platform: Platform,
    { signer, operations, now }: { readonly signer: Signer; readonly operations: Operations; readonly now: Date },
  ) {
    this.#tx = tx;
    this.#platform = platform;
    this.#signer = signer;
    this.#operations = operations;
    this.#now = now;
    this.#store = appenderStore(tx);
  }

  /** Appends entries in their order and returns their records. Appends none of them if it rejects. */
  async append(entries: readonly EntryRow[]): Promise<readonly RecordRow[]> {
    const { keys, logger } = this.#platform;
    const personal = await PersonalEncrypter.open(this.#store, keys, this.#now);
    const normalized = entries.map((entry) => ({
      at: entry.occurred_at,
      entry: normalizeEntry(completeEntry(entry, this.#operations), personal.pepper),
    }));
    await personal.prepare(normalized.flatMap(({ entry }) => [...entry.personal.keys()]));
    for (const { keyId, error } of personal.damaged)
      logger.error({ err: error, keyId }, "the key of a person in the audit log cannot be decrypted");
    const records = await this.#append(normalized, personal);
    this.erased.push(...personal.erased);
    return records;
  }

  /** Appends a stand-in for each entry that could not be appended, so that the chain reports it. */
  async standInFor(failed: readonly FailedItem<EntryRow>[]): Promise<readonly RecordRow[]> {
    if (failed.length === 0) return [];
    const hashes = await hashesOf(
      this.#tx,
      failed.map(({ item }) => item.id),
    );
    const standIns = failed.map(({ item }) => ({ at: this.#now, entry: standIn(item, hashes.get(item.id) ?? "", this.#now) }));
    return this.#append(standIns, await PersonalEncrypter.open(this.#store, this.#platform.keys, this.#now));
  }

  /** Signs and stores the heads of all chains that have grown. */
  async saveHeads(): Promise<void> {
    for (const { organizationId, number, hash, from } of this.#heads.values()) {
      const about = { organizationId, number, hash };
      await this.#store.saveHead({
        organization_id: organizationId,
        number,
        hash,
        ...this.#signer.sign({ kind: "head", ...about }, this.#now),
      });
      if (Math.floor(number / checkpointEvery) === Math.floor(from / checkpointEvery)) continue;
      const signed = this.#signer.sign({ kind: "checkpoint", ...about }, this.#now);
      await this.#store.insertCheckpoint(uuid(), { organization_id: organizationId, kind: "checkpoint", number, hash, ...signed });
    }
  }

  async #append(
    normalized: readonly { readonly at: Date; readonly entry: NormalizedEntry }[],
    personal: PersonalEncrypter,
  ): Promise<readonly RecordRow[]> {
    const heads = new Map(this.#heads);
    const records: RecordRow[] = [];
    let newChains = 0;
    for (const { at, entry } of normalized) {
      const name = entry.organization_id ?? "internal";
      const head = heads.get(name) ?? (await this.#headOf(entry.organization_id));
      if (head.number === 0) newChains += 1;
      const { parts, hashes } = await personal.encrypt(entry, head.number + 1, at);
      const record = next(head, entry, hashes, this.#now);
      heads.set(name, { ...head, number: record.number, hash: record.hash });
      records.push(record);
      personal.add(parts);
    }
    await this.#store.insertRecords(records);
    await this.#store.insertPersonal(personal.rows);
    this.#heads = heads;
    this.newChains += newChains;
    return records;
  }

  async #headOf(organizationId: string | null): Promise<Head> {
    const row = await this.#store.chain(organizationId);
    const number = row?.number ?? 0;
    return { organizationId, number, hash: row?.hash ?? beginningOf(organizationId), from: number };
  }
}

function next(head: Head, { personal: _, ...entry }: NormalizedEntry, personal_hashes: readonly string[], now: Date): RecordRow {
  const row = { ...entry, number: head.number + 1, previous_hash: head.hash, recorded_at: now, personal_hashes };
  return { ...row, hash: hashOfRecord(row) };
}
