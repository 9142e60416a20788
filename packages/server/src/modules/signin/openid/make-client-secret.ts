import { v7 as uuid } from "uuid";
import { hashSecret } from "#platform/secrets.ts";
import { newClientSecret } from "./model.ts";
import type { ClientSecretRow } from "./store/client-secrets.ts";
import type { ClientRow } from "./store/clients.ts";
import type { Writes } from "./store.ts";

/** Gives a client a new secret. Only its hash is stored. */
export async function makeClientSecret(
  store: Pick<Writes, "insertSecret">,
  { id, organization_id }: Pick<ClientRow, "id" | "organization_id">,
  now: Date,
): Promise<{ readonly clientSecret: string; readonly row: ClientSecretRow }> {
  const { secret, prefix } = newClientSecret();
  const row = await store.insertSecret({
    id: uuid(),
    client_id: id,
    organization_id,
    prefix,
    secret_hash: hashSecret(secret),
    expires_at: null,
    created_at: now,
  });
  return { clientSecret: secret, row };
}
