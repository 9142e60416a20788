import { type ErrorDetail, invalid } from "#operation/declaration/errors.ts";
import { requireVisible } from "#operation/declaration/visible-name.ts";
import { redirectUriIssue, type UriPolicy, webUriIssue } from "./client-uris.ts";
import { type ClientKind, type ClientSettings, isOpenidScope } from "./model.ts";
import { hasDuplicateId, publicKeyIssue } from "./public-keys.ts";
import type { ClientColumns } from "./store/clients.ts";

/** What a client is for good. */
interface ClientIdentity {
  readonly kind: ClientKind;
  readonly organizationId: string | null;
}

/**
 * The columns of a client's settings. Throws `common.validation_failed` with every field that is malformed, or that does not fit the kind of the
 * client or its other settings.
 */
export function settingsColumns(
  identity: ClientIdentity,
  settings: ClientSettings,
  { development }: { readonly development: boolean },
): ClientColumns {
  requireVisible(settings.name);
  const issues = [
    ...issuesOfKind(identity, settings),
    ...issuesOfUris(settings, { isPublic: identity.kind === "public", development }),
    ...issuesOfAuthentication(identity.kind, settings),
  ];
  if (issues.length > 0) throw invalid(...issues);
  return {
    name: settings.name,
    description: settings.description,
    logo_uri: settings.logoUri,
    policy_uri: settings.policyUri,
    tos_uri: settings.tosUri,
    redirect_uris: settings.redirectUris,
    post_logout_redirect_uris: settings.postLogoutRedirectUris,
    backchannel_logout_uri: settings.backchannelLogoutUri,
    device_flow: settings.deviceFlow,
    token_endpoint_auth_method: settings.tokenEndpointAuthMethod,
    jwks: settings.jwks,
    jwks_uri: settings.jwksUri,
    first_party: settings.firstParty,
    scopes: settings.scopes,
    dpop_bound: settings.dpopBound,
  };
}

function* issuesOfKind({ kind, organizationId }: ClientIdentity, settings: ClientSettings): Generator<ErrorDetail> {
  if (kind === "service") {
    const ofUsers = ["redirectUris", "postLogoutRedirectUris", "backchannelLogoutUri", "deviceFlow", "firstParty"] as const;
    for (const field of ofUsers) {
      const value = settings[field];
      const isSet = Array.isArray(value) ? value.length > 0 : value === true || typeof value === "string";
      if (isSet) yield { field, rule: "kind", message: "is not a setting of a service client, which has no users" };
    }
    for (const [index, scope] of settings.scopes.entries()) {
      if (isOpenidScope(scope))
        yield { field: `scopes.${index}`, rule: "kind", message: "is a scope about users, and a service client has none" };
    }
    return;
  }
  if (settings.redirectUris.length === 0 && !settings.deviceFlow)
    yield { field: "redirectUris", rule: "required", message: "is required for a client without the device flow" };
  if (settings.firstParty && organizationId !== null)
    yield { field: "firstParty", rule: "internal_scope", message: "is only for clients of the internal scope" };
}

function* issuesOfUris(settings: ClientSettings, policy: UriPolicy): Generator<ErrorDetail> {
  for (const field of ["redirectUris", "postLogoutRedirectUris"] as const) {
    for (const [index, uri] of settings[field].entries()) {
      const issue = redirectUriIssue(uri, policy);
      if (issue !== undefined) yield { field: `${field}.${index}`, rule: issue.rule, message: issue.message };
    }
  }
  for (const field of ["logoUri", "policyUri", "tosUri", "backchannelLogoutUri", "jwksUri"] as const) {
    const uri = settings[field];
    const issue = uri === null ? undefined : webUriIssue(uri, policy);
    if (issue !== undefined) yield { field, rule: issue.rule, message: issue.message };
  }
}

function* issuesOfAuthentication(
  kind: ClientKind,
  { tokenEndpointAuthMethod: method, jwks, jwksUri }: ClientSettings,
): Generator<ErrorDetail> {
  if ((method === "none") !== (kind === "public")) {
    const message = kind === "public" ? "is none for a public client" : "is required for a client that is not public";
    yield { field: "tokenEndpointAuthMethod", rule: "kind", message };
  }
  if (method !== "private_key_jwt") {
    for (const [field, value] of Object.entries({ jwks, jwksUri })) {
      if (value !== null) yield { field, rule: "authentication_method", message: "is only used with private_key_jwt" };
    }
    return;
  }
  if ((jwks === null) === (jwksUri === null)) {
    yield { field: "jwks", rule: "required", message: "or jwksUri is required with private_key_jwt, and not both" };
    return;
  }
  for (const [index, key] of (jwks?.keys ?? []).entries()) {
    const issue = publicKeyIssue(key);
    if (issue !== undefined) yield { field: `jwks.keys.${index}`, ...issue };
  }
  if (jwks !== null && hasDuplicateId(jwks)) yield { field: "jwks.keys", rule: "key_id", message: "has keys without different kids" };
}
