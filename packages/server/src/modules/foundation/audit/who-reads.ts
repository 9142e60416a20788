import { either, internal, permission, type Rule } from "#operation/authorization.ts";
import { organizationOf, type Principal } from "#operation/principal.ts";

/** The chain that a call is about: the one it names, else the session's organization; null for the internal scope and all. */
export const tenantOfLog = (
  { principal }: { readonly principal: Principal },
  { organizationId }: { readonly organizationId?: string | null },
) => organizationId ?? organizationOf(principal);

/** In the organization, or as an auditor of the installation, who sees every chain. */
export const readers = (inOrganization: string, ofAll: string): Rule => either(permission(inOrganization), internal(ofAll));

/** What is searched in: an organization's chain, or every chain for who names none and has no organization. */
export const chainsOf = (context: { readonly principal: Principal }, input: { readonly organizationId?: string }): string | undefined =>
  tenantOfLog(context, input) ?? undefined;
