import { v7 as uuid } from "uuid";
import type { Emit } from "#operation/declaration/module.ts";
import { isIdentified, type Principal } from "#operation/declaration/principal.ts";
import { mustFit } from "#operation/kernel/quota.ts";
import { hashSecret } from "#platform/secrets.ts";
import { ApiKeyCreated, keyEventData } from "./events.ts";
import { newKey } from "./model.ts";
import type { ApiKeyRow, apiKeyStore, NewApiKeyRow } from "./store.ts";

/** Keys that are kept, also those that are revoked or expired, of each active one that the quota allows. */
const keptPerActive = 10;

interface Making {
  readonly store: ReturnType<typeof apiKeyStore.writes>;
  readonly emit: Emit;
  readonly now: Date;
  readonly principal: Principal;
  /** Active keys that an owner may have in a scope. */
  readonly keysMax: number;
}

type NewKey = Omit<NewApiKeyRow, "id" | "prefix" | "secret_hash" | "family_id" | "created_by_kind" | "created_by_id" | "created_at"> & {
  readonly family_id?: string;
};

/** Makes a key and returns it with its row: the row has its hash only. Throws `common.quota_exceeded`. */
export async function makeApiKey(
  { store, emit, now, principal, keysMax }: Making,
  wanted: NewKey,
): Promise<{ readonly key: string; readonly row: ApiKeyRow }> {
  const kept = await store.keysForQuota(wanted.owner_id, wanted.organization_id, now);
  mustFit("apiKeys", kept.active + 1, keysMax);
  mustFit("apiKeys", kept.all + 1, keysMax * keptPerActive);
  const id = uuid();
  const { key, prefix } = newKey();
  const maker = isIdentified(principal) ? principal : undefined;
  const row = await store.insert({
    family_id: id,
    ...wanted,
    id,
    prefix,
    secret_hash: hashSecret(key),
    created_by_kind: maker?.kind ?? null,
    created_by_id: maker?.id ?? null,
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
