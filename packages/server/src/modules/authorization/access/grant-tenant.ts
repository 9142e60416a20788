import { GrantNotFound } from "./errors.ts";
import type { GrantRow } from "./grant-store.ts";

interface Reading {
  reading<T>(work: (store: { grantById(id: string): Promise<GrantRow | undefined> }) => Promise<T>): Promise<T>;
  fail(error: typeof GrantNotFound): never;
}

/** The scope that a call about a grant acts in: the grant's own. */
export async function tenantOfGrant({ reading, fail }: Reading, { grantId }: { readonly grantId: string }): Promise<string | null> {
  const row = await reading((store) => store.grantById(grantId));
  return (row ?? fail(GrantNotFound)).organization_id;
}
