import type { Selectable } from "kysely";
import { sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { anyOf } from "#platform/database/many-rows.ts";

interface OauthClientSecrets {
  readonly id: string;
  readonly client_id: string;
  /** That of the client, for row-level security. */
  readonly organization_id: string | null;
  readonly prefix: string;
  readonly secret_hash: string;
  readonly expires_at: Date | null;
  readonly created_at: Date;
}

interface Tables {
  readonly oauth_client_secrets: OauthClientSecrets;
}

export type ClientSecretRow = Selectable<OauthClientSecrets>;

export const clientSecretReads = (db: ReadHandle<Tables>) => ({
  /** The valid secrets of clients, oldest first. */
  validSecrets: (clientIds: readonly string[], now: Date): Promise<ClientSecretRow[]> =>
    db
      .selectFrom("oauth_client_secrets")
      .selectAll()
      .where("client_id", "=", anyOf(clientIds, "uuid"))
      .where((where) => where.or([where("expires_at", "is", null), where("expires_at", ">", now)]))
      .orderBy("client_id")
      .orderBy("id")
      .execute(),
});

export const clientSecretWrites = (tx: WriteHandle<Tables>) => ({
  insertSecret: (row: OauthClientSecrets): Promise<ClientSecretRow> =>
    tx.insertInto("oauth_client_secrets").values(row).returningAll().executeTakeFirstOrThrow(),
  /** Lets the secrets of a client expire at `until`, or earlier where they already would. */
  async expireSecrets(clientId: string, until: Date): Promise<void> {
    await tx
      .updateTable("oauth_client_secrets")
      .set({ expires_at: sql`least(expires_at, ${until}::timestamptz)` } as never)
      .where("client_id", "=", clientId)
      .execute();
  },
  /** Deletes the secrets of a client that have expired. */
  async deleteExpiredSecrets(clientId: string, now: Date): Promise<void> {
    await tx.deleteFrom("oauth_client_secrets").where("client_id", "=", clientId).where("expires_at", "<=", now).execute();
  },
  /** Deletes a valid secret; undefined where the client has none with this id. */
  deleteSecret: (clientId: string, id: string, now: Date): Promise<ClientSecretRow | undefined> =>
    tx
      .deleteFrom("oauth_client_secrets")
      .where("client_id", "=", clientId)
      .where("id", "=", id)
      .where((where) => where.or([where("expires_at", "is", null), where("expires_at", ">", now)]))
      .returningAll()
      .executeTakeFirst(),
  async deleteSecrets(clientId: string): Promise<void> {
    await tx.deleteFrom("oauth_client_secrets").where("client_id", "=", clientId).execute();
  },
});
