import type { TenantContext } from "./context.ts";
import type { ErrorDefinition } from "./errors.ts";

/** A row with its organization; null for the internal scope. */
interface TenantRow {
  readonly organization_id: string | null;
}

/**
 * A resolver for `tenant`: the organization of the row whose id is in the input's `field`. Fails with `absent` where there is no such
 * row; a non-member gets the same error.
 */
export const tenantOfRow =
  <Store, Field extends string, Absent extends ErrorDefinition>(
    find: (store: Store, id: string) => Promise<TenantRow | undefined>,
    field: Field,
    absent: Absent,
  ) =>
  async (
    { readingEveryTenant, fail }: Pick<TenantContext<Store, unknown, unknown, Absent>, "readingEveryTenant" | "fail">,
    input: Readonly<Record<Field, string>>,
  ): Promise<string | null> => {
    const row = await readingEveryTenant("the row has the tenant of the call", (store) => find(store, input[field]));
    return (row ?? fail(absent)).organization_id;
  };
