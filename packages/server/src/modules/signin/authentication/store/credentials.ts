import { sql } from "kysely";
import { v7 as uuid } from "uuid";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { firstRow, rowsOf } from "#platform/database/rows.ts";
import { hashKind } from "../schema-steps.ts";

/** A credential of a user. */
interface Credentials {
  readonly id: string;
  readonly user_id: string;
  readonly kind: string;
  /** The issuer of the identifier; null for this installation. */
  readonly issuer: string | null;
  /** The key by which a sign-in finds the credential, unique by kind and issuer. Null where it is found by its user, like a password. */
  readonly identifier: string | null;
  /** The hash, for a password. */
  readonly secret: string | null;
  readonly created_at: Date;
  readonly last_used_at: Date | null;
}

interface Tables {
  readonly credentials: Credentials;
}

export interface Password {
  readonly id: string;
  readonly hash: string;
}

/** The password of an account, and the hashes of its unconfirmed registrations. */
export interface PasswordFacts {
  readonly password: Password | undefined;
  readonly registrations: readonly string[];
}

/** The most kinds of hashes that are read; see passwords/decoys.ts. */
const hashKindsMax = 5;

export function credentialReads(db: ReadHandle<Tables>) {
  return {
    /** One statement for every `userId`, so that an unknown user takes as long as a known one. */
    async passwordFacts(userId: string): Promise<PasswordFacts> {
      const row = await firstRow(
        db,
        sql<{ id: string | null; secret: string | null; registrations: string[] }>`
      select c.id, c.secret, array(
      select t.data ->> 'passwordHash' from one_time_tokens t
      where t.user_id = ${userId}::uuid and t.purpose = 'verify-email' and t.used_at is null and t.data is not null
      ) as registrations
      from (select) one left join credentials c on c.user_id = ${userId}::uuid and c.kind = 'password'`,
      );
      const { id = null, secret = null, registrations = [] } = row ?? {};
      return { password: id === null || secret === null ? undefined : { id, hash: secret }, registrations };
    },
    async passwordHash(userId: string): Promise<string | undefined> {
      const row = await db
        .selectFrom("credentials")
        .select("secret")
        .where("user_id", "=", userId)
        .where("kind", "=", "password")
        .executeTakeFirst();
      return row?.secret ?? undefined;
    },
    /** The distinct kinds of all password hashes. */
    async hashKinds(): Promise<readonly string[]> {
      const rows = await rowsOf(
        db,
        sql<{ kind: string }>`with recursive kinds as (
          (select ${hashKind} as kind from credentials where kind = 'password' and ${hashKind} is not null order by ${hashKind} limit 1)
          union all
          select (
            select ${hashKind} from credentials c where c.kind = 'password' and ${hashKind} > kinds.kind order by ${hashKind} limit 1
          ) from kinds where kinds.kind is not null
        ) select kind from kinds where kind is not null limit ${hashKindsMax}`,
      );
      return rows.map(({ kind }) => kind);
    },
  };
}

export function credentialWrites(tx: WriteHandle<Tables>) {
  return {
    /** Sets or replaces the password of a user. Their other credentials do not change. */
    async setPassword(userId: string, hash: string, now: Date): Promise<void> {
      await tx
        .insertInto("credentials")
        .values({
          id: uuid(),
          user_id: userId,
          kind: "password",
          issuer: null,
          identifier: null,
          secret: hash,
          created_at: now,
          last_used_at: null,
        })
        .onConflict((conflict) =>
          conflict.column("user_id").where("kind", "=", "password").doUpdateSet({ secret: hash, created_at: now, last_used_at: null }),
        )
        .execute();
    },
    async removePassword(userId: string): Promise<void> {
      await tx.deleteFrom("credentials").where("user_id", "=", userId).where("kind", "=", "password").execute();
    },
    /**
     * Records a use of a password, and replaces its hash by `rehashed` where that is given. False where the password has changed since it was
     * verified.
     */
    async usePassword({ id, hash }: Password, rehashed: string | undefined, now: Date): Promise<boolean> {
      const { numUpdatedRows } = await tx
        .updateTable("credentials")
        .set({ last_used_at: now, ...(rehashed === undefined ? {} : { secret: rehashed }) })
        .where("id", "=", id)
        .where("secret", "=", hash)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
  };
}
