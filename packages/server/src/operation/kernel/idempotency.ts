import { createHash, createHmac } from "node:crypto";
import { sql } from "kysely";
import type { WriteHandle } from "#platform/database/database.ts";
import { type SchemaStep, sharedTable } from "#platform/database/migrations.ts";
import { deleteSome } from "#platform/database/prune.ts";
import type { EncryptedField } from "#platform/keys/encrypted-field.ts";
import type { DerivedKey, KeyRing, Keys } from "#platform/keys/keys.ts";
import { clientNetwork } from "#platform/network/address.ts";
import { IdempotencyKeyReused, OperationError } from "../declaration/errors.ts";
import { organizationOf, principalKey } from "../declaration/principal.ts";
import type { Call } from "./dispatch.ts";

export const idempotencySteps: readonly SchemaStep[] = [
  {
    name: "0005_operation_idempotency_keys",
    why: "the first answer to each Idempotency-Key, for retries (docs/contract.md)",
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

/** How long an answer is retained. A later request with the same key counts as a new one. */
export const retentionSeconds = 24 * 3_600;
const purpose = "idempotent answer";
const requestPurpose = "idempotent request";

const primaryKey = ["caller", "operation", "key"];
/** Encrypted columns (docs/operations/keys.md). */
export const idempotencyEncrypted: readonly EncryptedField[] = [
  { table: "idempotency_keys", key: primaryKey, column: "request_hash", purpose: requestPurpose },
  { table: "idempotency_keys", key: primaryKey, column: "answer", purpose },
];

export interface FirstAnswer {
  readonly output: unknown;
  readonly revision: string;
}

/** An Idempotency-Key of one principal for one operation, and the hash of its request. */
interface Claim {
  /** The principal's key. The column has the name that processes of older releases read. */
  readonly caller: string;
  readonly operation: string;
  readonly key: string;
  readonly requestHash: string;
}

/**
 * The claim of a principal, with the organization of its credential: the same input may refer to another organization there. Anonymous
 * callers are distinguished by address and request, so that two callers with the same key do not collide. Both are stored as an HMAC
 * under the master key, because a request may contain a password.
 */
export function claimOf({ operation, principal, origin, idempotencyKey, input }: Call, keys: KeyRing): Claim {
  const requestHash = hashRequest(input);
  const claim = { operation, key: idempotencyKey as string, requestHash };
  if (principal.kind !== "anonymous") {
    const organizationId = organizationOf(principal);
    return { ...claim, caller: `${principalKey(principal)}${organizationId === null ? "" : `@${organizationId}`}` };
  }
  const [{ key }] = keys.derive("idempotent caller") as readonly [DerivedKey];
  const mac = createHmac("sha256", key)
    .update(JSON.stringify([origin.ip && clientNetwork(origin.ip), requestHash]))
    .digest("base64url");
  return { ...claim, caller: `anonymous:${mac}` };
}

/** Equal for all serializations of the same JSON: the order of members has no meaning (RFC 8259 §4). */
const hashRequest = (input: unknown): string =>
  createHash("sha256")
    .update(JSON.stringify(input, (_name, value: unknown) => (isObject(value) ? sorted(value) : value)))
    .digest("hex");

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
/** Sorted by UTF-16 code units (RFC 8785 §3.2.3). A list of pairs, because an object moves numeric names to the front. */
const sorted = (value: Record<string, unknown>) => ({
  "": Object.keys(value)
    .sort()
    .map((name) => [name, value[name]]),
});

/**
 * Claims the key in the command's transaction, or returns the stored answer where it is `stillValid`. A concurrent call waits here until
 * the first one has committed or failed. A failed call leaves no claim.
 */
export async function claimKey(
  tx: WriteHandle,
  claim: Claim & { readonly now: Date },
  keys: Keys,
  stillValid: (output: unknown) => Promise<boolean> | boolean,
): Promise<FirstAnswer | undefined> {
  const { caller, operation, key, now } = claim;
  // Encrypted, because a request may contain a password that could be guessed from a plain hash.
  const requestHash = keys.encrypt(claim.requestHash, requestPurpose);
  const claimed = await sql`insert into idempotency_keys (caller, operation, key, request_hash, created_at)
    values (${caller}, ${operation}, ${key}, ${requestHash}, ${now}) on conflict do nothing returning key`.execute(tx);
  if (claimed.rows.length > 0) return undefined;
  // Locked: where the answer is no longer valid, one of several retries runs the command and the others get its answer.
  const { rows } = await sql<{ request_hash: string; answer: string; revision: string }>`
    select request_hash, answer, revision from idempotency_keys
    where caller = ${caller} and operation = ${operation} and key = ${key} for update`.execute(tx);
  const first = rows[0];
  if (!first || keys.decrypt(first.request_hash, requestPurpose) !== claim.requestHash) {
    throw new OperationError(IdempotencyKeyReused, [{ field: "Idempotency-Key", rule: "reused" }]);
  }
  const output: unknown = JSON.parse(keys.decrypt(first.answer, purpose));
  return (await stillValid(output)) ? { output, revision: first.revision } : undefined;
}

/** Stores the answer with the claim, encrypted: it may contain a credential. */
export async function storeAnswer(tx: WriteHandle, { caller, operation, key }: Claim, answer: FirstAnswer, keys: Keys): Promise<void> {
  const ciphertext = keys.encrypt(JSON.stringify(answer.output), purpose);
  await sql`update idempotency_keys set answer = ${ciphertext}, revision = ${answer.revision}
    where caller = ${caller} and operation = ${operation} and key = ${key}`.execute(tx);
}

/** Releases the claim after a batch that is not the last: its answer is not yet the answer of the call. */
export async function releaseKey(tx: WriteHandle, { caller, operation, key }: Claim): Promise<void> {
  await sql`delete from idempotency_keys where caller = ${caller} and operation = ${operation} and key = ${key}`.execute(tx);
}

/** Deletes at most `limit` expired answers, and returns their number. */
export const pruneKeys = (tx: WriteHandle, now: Date, limit: number): Promise<number> =>
  deleteSome(tx, "idempotency_keys", sql`created_at < ${new Date(now.getTime() - retentionSeconds * 1_000)}`, limit);
