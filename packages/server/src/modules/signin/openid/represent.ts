import { type Client, type ClientSettings, grantTypesOf } from "./model.ts";
import type { ClientSecretRow } from "./store/client-secrets.ts";
import type { ClientRow } from "./store/clients.ts";
import type { Reads } from "./store.ts";

/** A client as the API shows it, with its valid secrets. */
export const toClient = (row: ClientRow, secrets: readonly ClientSecretRow[]): Client => ({
  id: row.id,
  organizationId: row.organization_id,
  kind: row.kind,
  name: row.name,
  description: row.description,
  logoUri: row.logo_uri,
  policyUri: row.policy_uri,
  tosUri: row.tos_uri,
  redirectUris: [...row.redirect_uris],
  postLogoutRedirectUris: [...row.post_logout_redirect_uris],
  backchannelLogoutUri: row.backchannel_logout_uri,
  deviceFlow: row.device_flow,
  grantTypes: [...grantTypesOf({ kind: row.kind, deviceFlow: row.device_flow })],
  tokenEndpointAuthMethod: row.token_endpoint_auth_method,
  jwks: row.jwks,
  jwksUri: row.jwks_uri,
  firstParty: row.first_party,
  scopes: [...row.scopes],
  serviceAccountId: row.service_account_id,
  dpopBound: row.dpop_bound,
  status: row.status,
  secrets: secrets.map(({ id, prefix, expires_at, created_at }) => ({
    id,
    prefix,
    expiresAt: expires_at?.toISOString() ?? null,
    createdAt: created_at.toISOString(),
  })),
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
  version: row.version,
});

/** Clients with their valid secrets. */
export async function represent(store: Pick<Reads, "validSecrets">, rows: readonly ClientRow[], now: Date): Promise<Client[]> {
  const secrets = Map.groupBy(
    await store.validSecrets(
      rows.map(({ id }) => id),
      now,
    ),
    ({ client_id }) => client_id,
  );
  return rows.map((row) => toClient(row, secrets.get(row.id) ?? []));
}

export const representOne = async (store: Pick<Reads, "validSecrets">, row: ClientRow, now: Date): Promise<Client> =>
  toClient(row, await store.validSecrets([row.id], now));

/** The settings alone, which a change merges and the audit log records. */
export const settingsOf = (client: ClientSettings): ClientSettings => ({
  name: client.name,
  description: client.description,
  logoUri: client.logoUri,
  policyUri: client.policyUri,
  tosUri: client.tosUri,
  redirectUris: client.redirectUris,
  postLogoutRedirectUris: client.postLogoutRedirectUris,
  backchannelLogoutUri: client.backchannelLogoutUri,
  deviceFlow: client.deviceFlow,
  tokenEndpointAuthMethod: client.tokenEndpointAuthMethod,
  jwks: client.jwks,
  jwksUri: client.jwksUri,
  firstParty: client.firstParty,
  scopes: client.scopes,
  dpopBound: client.dpopBound,
});
