import { either, internal, permission, type Rule } from "#operation/declaration/authorization.ts";
import { organizationOf, type Principal } from "#operation/declaration/principal.ts";

/** The organization whose chain a call reads: the one in the input, else the credential's. Null for the internal scope and for all chains. */
export const tenantOfLog = (
  { principal }: { readonly principal: Principal },
  { organizationId }: { readonly organizationId?: string | null },
) => organizationId ?? organizationOf(principal);

/** A permission in the organization, or one in the internal scope for every chain. */
export const readers = (inOrganization: string, ofAll: string): Rule => either(permission(inOrganization), internal(ofAll));

/** The organization that a search is limited to. Undefined, for every chain, if neither the input nor the credential has one. */
export const chainsOf = (context: { readonly principal: Principal }, input: { readonly organizationId?: string }): string | undefined =>
  tenantOfLog(context, input) ?? undefined;
