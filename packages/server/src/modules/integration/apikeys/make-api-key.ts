import { v7 as uuid } from "uuid";
import type { Emit } from "#operation/declaration/module.ts";
import { isIdentified, type Principal } from "#operation/declaration/principal.ts";
import { requireWithinQuota } from "#operation/kernel/quota.ts";
import { hashSecret } from "#platform/secrets.ts";
import { ApiKeyCreated, keyEventData } from "./events.ts";
import { newKey } from "./model.ts";
import type { ApiKeyRow, apiKeyStore, NewApiKeyRow } from "./store.ts";

/** Stored keys, with revoked and expired ones, for each active key that the quota allows. */
const storedPerActive = 10;

interface Creation {
  readonly store: ReturnType<typeof apiKeyStore.writes>;
  readonly emit: Emit;
  readonly now: Date;
  readonly principal: Principal;
  /** The quota of active keys of an owner in a scope. */
  readonly keysMax: number;
}

type NewKey = Omit<NewApiKeyRow, "id" | "prefix" | "secret_hash" | "family_id" | "created_by_kind" | "created_by_id" | "created_at"> & {
  readonly family_id?: string;
};

/** Creates a key. Returns its secret, which is not stored, and its row. Throws `common.quota_exceeded`. */
export async function makeApiKey(
  { store, emit, now, principal, keysMax }: Creation,
  wanted: NewKey,
): Promise<{ readonly key: string; readonly row: ApiKeyRow }> {
  const stored = await store.keysForQuota(wanted.owner_id, wanted.organization_id, now);
  requireWithinQuota("apiKeys", stored.active + 1, keysMax);
  requireWithinQuota("apiKeys", stored.all + 1, keysMax * storedPerActive);
  const id = uuid();
  const { key, prefix } = newKey();
  const creator = isIdentified(principal) ? principal : undefined;
  const row = await store.insert({
    family_id: id,
    ...wanted,
    id,
    prefix,
    secret_hash: hashSecret(key),
    created_by_kind: creator?.kind ?? null,
    created_by_id: creator?.id ?? null,
    created_at: now,
  });
  emit(ApiKeyCreated, {
    ...keyEventData(row),
    name: row.name,
    scopes: [...row.scopes],
    expiresAt: row.expires_at?.toISOString() ?? null,
  });
  return { key, row };
}
