import { errors, type KoaContextWithOIDC } from "oidc-provider";
import type { ActiveClient } from "../active-client.ts";
import { permissionScopesOf } from "./client-metadata.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { organizationChoice } from "./organization-choice.ts";
import { type RequestState, requestState } from "./request-state.ts";
import { rememberClient } from "./session-clients.ts";

type Grant = InstanceType<KoaContextWithOIDC["oidc"]["provider"]["Grant"]>;

/** The grant of an authorization request: an earlier one of the same session, or one that needs no consent. */
export const loadGrant =
  (dependencies: ProtocolDependencies) =>
  async (ctx: KoaContextWithOIDC): Promise<Grant | undefined> => {
    const state = requestState();
    const client = await dependencies.clients.find(ctx.oidc.client?.clientId as string);
    if (client === null || state.login === null || state.login.userId !== ctx.oidc.session?.accountId) return undefined;
    const organizationId = await decideOrganization(dependencies, ctx, { client, state });
    if (organizationId === undefined) return undefined;
    const earlier = await earlierGrant(ctx, state);
    const isUsable = earlier !== undefined && state.organizationId === organizationId;
    state.organizationId = organizationId;
    const usable = isUsable ? earlier : undefined;
    const grant = client.firstParty ? await withoutConsent(ctx, client, usable) : usable;
    if (grant === undefined) return undefined;
    // The session of an ID token is that of this product, which access tokens have as well.
    ctx.oidc.session?.sidFor(client.id, state.login.sessionId);
    rememberClient(state, client);
    return grant;
  };

/** Undefined where the user has to choose first. */
async function decideOrganization(
  dependencies: ProtocolDependencies,
  ctx: KoaContextWithOIDC,
  { client, state }: { readonly client: ActiveClient; readonly state: RequestState },
): Promise<string | null | undefined> {
  const choice = await organizationChoice(dependencies, client, state.login as NonNullable<RequestState["login"]>);
  state.organizationChoice = choice;
  if (choice.kind === "decided") return choice.organizationId;
  if (choice.kind === "refused") {
    // The session is for another organization: the user may sign in for the client's. Otherwise they are no member of it.
    if (state.login?.organizationId !== null) return undefined;
    throw new errors.AccessDenied("the user is not a member of the client's organization");
  }
  const chosen = (ctx.oidc.result as { readonly organization?: { readonly id: string } } | undefined)?.organization?.id;
  if (!choice.organizations.some(({ id }) => id === chosen)) return undefined;
  state.organizationChoice = { kind: "decided", organizationId: chosen as string };
  return chosen as string;
}

/** A grant of another session ends with that one, so it is not used for this one. */
async function earlierGrant(ctx: KoaContextWithOIDC, state: RequestState): Promise<Grant | undefined> {
  const { oidc } = ctx;
  const id = oidc.result?.consent?.grantId ?? oidc.session?.grantIdFor(oidc.client?.clientId as string);
  if (id === undefined) return undefined;
  state.sessionId = null;
  const grant = await oidc.provider.Grant.find(id);
  return grant !== undefined && (state.sessionId === state.login?.sessionId || state.work.own("Grant", id)) ? grant : undefined;
}

/** A first-party client gets what it asks for within its scopes. Nothing of it is a decision of the user. */
async function withoutConsent(ctx: KoaContextWithOIDC, client: ActiveClient, earlier: Grant | undefined): Promise<Grant> {
  const { oidc } = ctx;
  const grant = earlier ?? new oidc.provider.Grant({ accountId: oidc.session?.accountId as string, clientId: client.id });
  grantScopes(grant, [...oidc.requestParamScopes], { client, resources: Object.keys(oidc.resourceServers ?? {}) });
  await grant.save();
  return grant;
}

/** Adds scopes to a grant: those of OpenID Connect, and permissions at the resources. */
export function grantScopes(
  grant: Grant,
  scopes: readonly string[],
  { client, resources }: { readonly client: ActiveClient; readonly resources: readonly string[] },
): void {
  const permissions = new Set(permissionScopesOf(client));
  const given = scopes.filter((scope) => client.scopes.includes(scope));
  const openid = given.filter((scope) => !permissions.has(scope)).join(" ");
  const resource = given.filter((scope) => permissions.has(scope)).join(" ");
  if (openid !== "") grant.addOIDCScope(openid);
  if (resource !== "") for (const indicator of resources) grant.addResourceScope(indicator, resource);
}
