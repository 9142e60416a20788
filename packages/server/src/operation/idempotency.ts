import { createHash } from "node:crypto";
import { sql } from "kysely";
import type { WriteHandle } from "../platform/database/database.ts";
import { type SchemaStep, sharedTable } from "../platform/database/migrations.ts";
import { deleteSome } from "../platform/database/prune.ts";
import type { Keys } from "../platform/keys/keys.ts";
import type { SealedPlace } from "../platform/keys/sealed-place.ts";
import type { Caller } from "./caller.ts";
import { IdempotencyKeyReused, OperationError } from "./errors.ts";
import type { Operation } from "./operation.ts";

export const idempotencySteps: readonly SchemaStep[] = [
  {
    name: "0005_operation_idempotency_keys",
    why: "the first answer to each Idempotency-Key, so that a retry gets it again (docs/contract.md)",
    async up(db) {
      await sql`create table idempotency_keys (
        caller text not null,
        operation text not null,
        key text not null,
        request_hash text not null,
        answer text,
        revision text,
        created_at timestamptz not null,
        primary key (caller, operation, key)
      )`.execute(db);
      await sql`create index idempotency_keys_by_age on idempotency_keys (created_at)`.execute(db);
      await sharedTable(db, "idempotency_keys");
    },
  },
];

/** A client that retries later than this is not retrying. */
export const keptSeconds = 24 * 3_600;
const purpose = "idempotent answer";
const requestPurpose = "idempotent request";

const primaryKey = ["caller", "operation", "key"];
/** What lies sealed here (docs/operations/keys.md). */
export const idempotencySealed: readonly SealedPlace[] = [
  { table: "idempotency_keys", key: primaryKey, column: "request_hash", purpose: requestPurpose },
  { table: "idempotency_keys", key: primaryKey, column: "answer", purpose },
];

export interface FirstAnswer {
  readonly output: unknown;
  readonly revision: string;
}

interface Claim {
  readonly caller: string;
  readonly operation: string;
  readonly key: string;
}

const claimOf = (operation: Operation, caller: Caller, key: string): Claim => ({
  caller: caller.kind === "user" ? `user:${caller.userId}` : caller.kind,
  operation: operation.name,
  key,
});

export const hashRequest = (input: unknown): string => createHash("sha256").update(JSON.stringify(input)).digest("hex");

/**
 * Claims the key inside the command's transaction, or returns the answer that it was given before. A second call at
 * the same moment waits here until the first has committed or failed; a failed one leaves no claim.
 */
export async function claimKey(
  tx: WriteHandle,
  call: { readonly operation: Operation; readonly caller: Caller; readonly key: string; readonly requestHash: string; readonly now: Date },
  keys: Keys,
): Promise<FirstAnswer | undefined> {
  const { caller, operation, key } = claimOf(call.operation, call.caller, call.key);
  // Sealed, because a request may hold a password, and its bare hash could be searched for it.
  const requestHash = keys.seal(call.requestHash, requestPurpose);
  const claimed = await sql`insert into idempotency_keys (caller, operation, key, request_hash, created_at)
    values (${caller}, ${operation}, ${key}, ${requestHash}, ${call.now}) on conflict do nothing returning key`.execute(tx);
  if (claimed.rows.length > 0) return undefined;
  const { rows } = await sql<{ request_hash: string; answer: string; revision: string }>`
    select request_hash, answer, revision from idempotency_keys
    where caller = ${caller} and operation = ${operation} and key = ${key}`.execute(tx);
  const first = rows[0];
  if (!first || keys.open(first.request_hash, requestPurpose) !== call.requestHash) {
    throw new OperationError(IdempotencyKeyReused, [{ field: "Idempotency-Key", rule: "reused" }]);
  }
  return { output: JSON.parse(keys.open(first.answer, purpose)), revision: first.revision };
}

/** Keeps the answer with the claim, sealed: it may hold a credential. */
export async function keepAnswer(
  tx: WriteHandle,
  call: { readonly operation: Operation; readonly caller: Caller; readonly key: string },
  answer: FirstAnswer,
  keys: Keys,
): Promise<void> {
  const { caller, operation, key } = claimOf(call.operation, call.caller, call.key);
  const sealed = keys.seal(JSON.stringify(answer.output), purpose);
  await sql`update idempotency_keys set answer = ${sealed}, revision = ${answer.revision}
    where caller = ${caller} and operation = ${operation} and key = ${key}`.execute(tx);
}

/** Gives the claim back: what was done in this transaction is a part of the work, and its answer not yet the call's. */
export async function releaseKey(
  tx: WriteHandle,
  call: { readonly operation: Operation; readonly caller: Caller; readonly key: string },
): Promise<void> {
  const { caller, operation, key } = claimOf(call.operation, call.caller, call.key);
  await sql`delete from idempotency_keys where caller = ${caller} and operation = ${operation} and key = ${key}`.execute(tx);
}

/** Forgets at most `limit` answers that no retry asks for any more, and says how many. */
export const forgetOldKeys = (tx: WriteHandle, now: Date, limit: number): Promise<number> =>
  deleteSome(tx, "idempotency_keys", sql`created_at < ${new Date(now.getTime() - keptSeconds * 1_000)}`, limit);
