import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";

interface Tables {
  readonly known_addresses: { readonly user_id: string; readonly address: string; readonly last_sign_in_at: Date };
}

export function knownAddressReads(db: ReadHandle<Tables>) {
  return {
    async isKnown(userId: string, address: string, since: Date): Promise<boolean> {
      const row = await db
        .selectFrom("known_addresses")
        .select("user_id")
        .where("user_id", "=", userId)
        .where("address", "=", address)
        .where("last_sign_in_at", ">", since)
        .executeTakeFirst();
      return row !== undefined;
    },
  };
}

export function knownAddressWrites(tx: WriteHandle<Tables>) {
  return {
    async recordAddress(userId: string, address: string, now: Date): Promise<void> {
      await tx
        .insertInto("known_addresses")
        .values({ user_id: userId, address, last_sign_in_at: now })
        .onConflict((conflict) => conflict.columns(["user_id", "address"]).doUpdateSet({ last_sign_in_at: now }))
        .execute();
    },
  };
}
