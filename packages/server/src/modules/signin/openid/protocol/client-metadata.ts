import type { ClientMetadata } from "oidc-provider";
import type { ActiveClient } from "../active-client.ts";
import { isOpenidScope, usesSecret } from "../model.ts";

/**
 * Stands for the secret of a client, whose hash alone is stored. The library wants a secret where one is used; it is never compared, and no
 * algorithm that would sign with it is enabled.
 */
const secretPlaceholder = "compared as a hash";

/** A client as the library describes it (RFC 7591 §2). */
export function clientMetadata(client: ActiveClient): ClientMetadata {
  // A client of the device flow alone has no address that a code could be sent to.
  const hasRedirect = client.redirectUris.length > 0;
  // Permissions are scopes of the API (resource-server.ts). Without this list, the library allows every scope; a grant still has only the client's.
  const scope = client.scopes.filter(isOpenidScope).join(" ");
  return {
    client_id: client.id,
    client_name: client.name,
    grant_types: client.grantTypes.filter((grant) => grant !== "authorization_code" || hasRedirect),
    response_types: hasRedirect ? ["code"] : [],
    redirect_uris: [...client.redirectUris],
    post_logout_redirect_uris: [...client.postLogoutRedirectUris],
    application_type: isNative(client) ? "native" : "web",
    ...(scope !== "" && { scope }),
    token_endpoint_auth_method: client.tokenEndpointAuthMethod,
    dpop_bound_access_tokens: client.dpopBound,
    ...(usesSecret(client.tokenEndpointAuthMethod) && { client_secret: secretPlaceholder }),
    ...(client.logoUri !== null && { logo_uri: client.logoUri }),
    ...(client.policyUri !== null && { policy_uri: client.policyUri }),
    ...(client.tosUri !== null && { tos_uri: client.tosUri }),
    ...(client.jwks !== null && { jwks: client.jwks as never }),
    ...(client.jwksUri !== null && { jwks_uri: client.jwksUri }),
    ...(client.backchannelLogoutUri !== null && {
      backchannel_logout_uri: client.backchannelLogoutUri,
      backchannel_logout_session_required: true,
    }),
  };
}

/**
 * An application on the user's own device (RFC 8252 §7), by a redirect to a private-use scheme or loopback. Another application there can pretend to be
 * it, so its users consent each time (§8.6). A client with a secret is none, also where it is developed on loopback.
 */
const isNative = ({ kind, redirectUris }: ActiveClient): boolean => kind === "public" && redirectUris.some((uri) => !/^https:/i.test(uri));

/** The permissions among a client's scopes. */
export const permissionScopesOf = ({ scopes }: Pick<ActiveClient, "scopes">): readonly string[] =>
  scopes.filter((scope) => !isOpenidScope(scope));
