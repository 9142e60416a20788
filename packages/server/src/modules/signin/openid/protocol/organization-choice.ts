import type { ActiveClient } from "../active-client.ts";
import { type ProtocolDependencies, reading } from "./dependencies.ts";
import type { Login } from "./login.ts";

export interface OrganizationName {
  readonly id: string;
  readonly name: string;
}

/** The organization that tokens are for: decided, to be chosen by the user, or none in which they could use the client. */
export type OrganizationChoice =
  | { readonly kind: "decided"; readonly organizationId: string | null }
  | { readonly kind: "choose"; readonly organizations: readonly OrganizationName[] }
  | { readonly kind: "refused" };

/** A user chooses from a list: more organizations than this are not offered. */
const organizationsMax = 200;

/**
 * Decides for which organization a user gets tokens. A session that is for an organization gives tokens for this one only. A client of an
 * organization gets tokens for this one only. Otherwise it is the user's only organization, none where they have none, or their choice.
 */
export async function organizationChoice(
  dependencies: Pick<ProtocolDependencies, "platform" | "uses">,
  client: Pick<ActiveClient, "organizationId">,
  login: Login,
): Promise<OrganizationChoice> {
  const only = login.organizationId ?? client.organizationId;
  if (client.organizationId !== null && only !== client.organizationId) return { kind: "refused" };
  if (login.organizationId !== null) return { kind: "decided", organizationId: login.organizationId };
  if (only !== null) {
    const isMember = await reading(dependencies, ({ tenancy }) => tenancy.isMember(login.userId, only));
    return isMember ? { kind: "decided", organizationId: only } : { kind: "refused" };
  }
  const organizations = await reading(dependencies, ({ tenancy }) => tenancy.organizationsOf(login.userId, organizationsMax));
  const [first, second] = organizations;
  if (second === undefined) return { kind: "decided", organizationId: first?.id ?? null };
  return { kind: "choose", organizations };
}
