import { sql } from "kysely";
import { v7 as uuid } from "uuid";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { hashKind } from "../schema-steps.ts";

/** One thing that a user proves themselves with. */
interface Credentials {
  readonly id: string;
  readonly user_id: string;
  readonly kind: string;
  /** Who vouches for the identifier; null: this installation. */
  readonly issuer: string | null;
  /** What a sign-in finds the credential by, unique by kind and issuer; null where it is found by its user, as a password is. */
  readonly identifier: string | null;
  /** Of a password its hash. */
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

/** Kinds of hashes that are told; see passwords/decoys.ts. */
const hashKindsMax = 5;

export function credentialReads(db: ReadHandle<Tables>) {
  return {
    /** In one statement for every `userId`, so that an unknown user takes as long as a known one. */
    async passwordFacts(userId: string): Promise<PasswordFacts> {
      const { rows } = await sql<{ id: string | null; secret: string | null; registrations: string[] }>`
        select c.id, c.secret, array(
          select t.data ->> 'passwordHash' from one_time_tokens t
          where t.user_id = ${userId}::uuid and t.purpose = 'verify-email' and t.used_at is null and t.data is not null
        ) as registrations
        from (select) one left join credentials c on c.user_id = ${userId}::uuid and c.kind = 'password'`.execute(db as never);
      const { id = null, secret = null, registrations = [] } = rows[0] ?? {};
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
    /** What the hashes of all passwords begin with, each kind once. */
    async hashKinds(): Promise<readonly string[]> {
      const { rows } = await sql<{ kind: string }>`with recursive kinds as (
          (select ${hashKind} as kind from credentials where kind = 'password' and ${hashKind} is not null order by ${hashKind} limit 1)
          union all
          select (
            select ${hashKind} from credentials c where c.kind = 'password' and ${hashKind} > kinds.kind order by ${hashKind} limit 1
          ) from kinds where kinds.kind is not null
        ) select kind from kinds where kind is not null limit ${hashKindsMax}`.execute(db as never);
      return rows.map(({ kind }) => kind);
    },
  };
}

export function credentialWrites(tx: WriteHandle<Tables>) {
  return {
    /** Gives a user a password, or another one; their other credentials stay. */
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
     * Records a use of a password, with a hash of another kind where there is one; false where it is no longer the password that was
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
