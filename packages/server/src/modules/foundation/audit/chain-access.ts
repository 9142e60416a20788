import { either, internal, permission, type Rule } from "#operation/declaration/authorization.ts";
import { organizationOf, type Principal } from "#operation/declaration/principal.ts";

/** The organization whose chain a call reads: the one it names, else the session's; null for the internal scope and for all chains. */
export const tenantOfLog = (
  { principal }: { readonly principal: Principal },
  { organizationId }: { readonly organizationId?: string | null },
) => organizationId ?? organizationOf(principal);

/** A permission in the organization, or one in the internal scope for every chain. */
export const readers = (inOrganization: string, ofAll: string): Rule => either(permission(inOrganization), internal(ofAll));

/** The organization that a search is narrowed to; undefined is every chain, for a caller who names none and has none. */
export const chainsOf = (context: { readonly principal: Principal }, input: { readonly organizationId?: string }): string | undefined =>
  tenantOfLog(context, input) ?? undefined;
