import { type RawBuilder, type Selectable, sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { lockForQuota } from "#platform/database/quota-lock.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";
import type { ClientKind, ClientStatus, TokenEndpointAuthMethod } from "../model.ts";
import type { PublicKeySet } from "../public-keys.ts";

interface OauthClients {
  readonly id: string;
  readonly organization_id: string | null;
  readonly kind: ClientKind;
  readonly name: string;
  readonly description: string | null;
  readonly logo_uri: string | null;
  readonly policy_uri: string | null;
  readonly tos_uri: string | null;
  readonly redirect_uris: readonly string[];
  readonly post_logout_redirect_uris: readonly string[];
  readonly backchannel_logout_uri: string | null;
  readonly device_flow: boolean;
  readonly token_endpoint_auth_method: TokenEndpointAuthMethod;
  readonly jwks: PublicKeySet | null;
  readonly jwks_uri: string | null;
  readonly first_party: boolean;
  readonly scopes: readonly string[];
  readonly service_account_id: string | null;
  readonly dpop_bound: boolean;
  readonly status: ClientStatus;
  /** Whether an application has registered it by itself (RFC 7591). */
  readonly self_registered: boolean;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

interface Tables {
  readonly oauth_clients: OauthClients;
}

export type ClientRow = Selectable<OauthClients>;
/** The columns of a client's settings, without its status. */
export type ClientColumns = Omit<
  OauthClients,
  "id" | "organization_id" | "kind" | "service_account_id" | "status" | "self_registered" | "version" | "created_at" | "updated_at"
>;
export type NewClientRow = ClientColumns &
  Pick<OauthClients, "id" | "organization_id" | "kind" | "service_account_id" | "created_at"> &
  Partial<Pick<OauthClients, "self_registered">>;

export interface ClientSearch {
  readonly organizationId: string | null;
  readonly after: string | undefined;
  readonly limit: number;
}

const textArray = (values: readonly string[]): RawBuilder<never> => sql<never>`${[...values]}::text[]`;

/** The settings as values of an insert or update. */
const valuesOf = ({ redirect_uris, post_logout_redirect_uris, scopes, jwks, ...columns }: ClientColumns) => ({
  ...columns,
  redirect_uris: textArray(redirect_uris),
  post_logout_redirect_uris: textArray(post_logout_redirect_uris),
  scopes: textArray(scopes),
  jwks: sql<never>`${jwks === null ? null : JSON.stringify(jwks)}::jsonb`,
});

export const clientReads = (db: ReadHandle<Tables>) => ({
  clientById: (id: string): Promise<ClientRow | undefined> =>
    db.selectFrom("oauth_clients").selectAll().where("id", "=", id).executeTakeFirst(),
  /** Clients of a tenant in the order of their creation. */
  clientPage({ organizationId, after, limit }: ClientSearch): Promise<ClientRow[]> {
    let query = db.selectFrom("oauth_clients").selectAll().where(ofTenant(organizationId)).orderBy("id").limit(limit);
    if (after !== undefined) query = query.where("id", ">", after);
    return query.execute();
  },
});

export const clientWrites = (tx: WriteHandle<Tables>) => ({
  /** The number of clients of the organization. Serialized by a lock, for the quota. */
  async clientsForQuota(organizationId: string): Promise<number> {
    await lockForQuota(tx, "oauth_clients", organizationId);
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from oauth_clients
      where organization_id = ${organizationId}`.execute(tx);
    return rows[0]?.count ?? 0;
  },
  /** The number of clients that applications have registered by themselves. */
  async countRegisteredClients(): Promise<number> {
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from oauth_clients where self_registered`.execute(tx);
    return rows[0]?.count ?? 0;
  },
  /** Deletes at most `limit` of them that were created before a time. */
  async deleteRegisteredClients(before: Date, limit: number): Promise<readonly ClientRow[]> {
    const { rows } = await sql<ClientRow>`delete from oauth_clients where id = any(array(
      select id from oauth_clients where self_registered and created_at < ${before} order by created_at limit ${limit})) returning *`.execute(
      tx,
    );
    return rows;
  },
  insertClient: ({
    id,
    organization_id,
    kind,
    service_account_id,
    self_registered = false,
    created_at,
    ...columns
  }: NewClientRow): Promise<ClientRow> =>
    tx
      .insertInto("oauth_clients")
      .values({
        id,
        organization_id,
        kind,
        service_account_id,
        self_registered,
        created_at,
        updated_at: created_at,
        ...valuesOf(columns),
      } as never)
      .returningAll()
      .executeTakeFirstOrThrow(),
  lockClient: (id: string): Promise<ClientRow | undefined> =>
    tx.selectFrom("oauth_clients").selectAll().where("id", "=", id).forUpdate().executeTakeFirst(),
  updateClient: (id: string, { status, ...columns }: ClientColumns & Pick<OauthClients, "status">, now: Date): Promise<ClientRow> =>
    tx
      .updateTable("oauth_clients")
      .set({ ...valuesOf(columns), status, updated_at: now, version: sql`version + 1` } as never)
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirstOrThrow(),
  setClientStatus: (id: string, status: ClientStatus, now: Date): Promise<ClientRow> =>
    tx
      .updateTable("oauth_clients")
      .set({ status, updated_at: now, version: sql`version + 1` } as never)
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirstOrThrow(),
  /** Gives the client a new version, because its secrets have changed. */
  touchClient: (id: string, now: Date): Promise<ClientRow> =>
    tx
      .updateTable("oauth_clients")
      .set({ updated_at: now, version: sql`version + 1` } as never)
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirstOrThrow(),
  async deleteClient(id: string): Promise<void> {
    await tx.deleteFrom("oauth_clients").where("id", "=", id).execute();
  },
});
