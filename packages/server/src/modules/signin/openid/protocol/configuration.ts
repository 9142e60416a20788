import { type AdapterFactory, type Configuration, errors, type KoaContextWithOIDC } from "oidc-provider";
import { openidScopes } from "../model.ts";
import { completeAccessToken } from "./access-token.ts";
import { AccessTokenAdapter } from "./access-token-adapter.ts";
import { findAccount } from "./account.ts";
import { StateAdapter } from "./adapter.ts";
import { claimsOfScopes, contextClasses } from "./claims.ts";
import { ClientAdapter } from "./client-adapter.ts";
import { cookieNames, cookieOptions } from "./cookies.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { loadGrant } from "./grants.ts";
import { renderError, renderLogout, renderSignedOut } from "./html-answers.ts";
import { policy } from "./interaction-policy.ts";
import { requestState } from "./request-state.ts";
import { resourceIndicators } from "./resource-server.ts";
import { paths } from "./routes.ts";
import type { SigningKeySet } from "./signing-keys.ts";
import { mayIntrospect } from "./structured-tokens.ts";
import { seconds } from "./times.ts";

/** Symmetric algorithms are not among them: of a client's secret only the hash is known. */
const clientAlgorithms = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"] as const;

/** The configuration of the library, complete: a default of it is used where it is meant. */
export function configuration(dependencies: ProtocolDependencies, signing: SigningKeySet): Configuration {
  const { platform } = dependencies;
  const { publicUrl, sessionAbsoluteSeconds, accessTokenSeconds, refreshTokenSeconds } = platform.settings;
  const adapter: AdapterFactory = (kind) => {
    if (kind === "Client") return new ClientAdapter(dependencies.clients);
    return kind === "AccessToken" ? new AccessTokenAdapter(dependencies) : new StateAdapter(kind, platform);
  };
  // Nothing outlives the session of the user.
  const secondsLeft = (): number => {
    const { session } = requestState();
    return session === undefined ? sessionAbsoluteSeconds : dependencies.accounts.secondsLeft(session);
  };
  return {
    adapter,
    jwks: { keys: [...signing.keys] as never },
    routes: paths,
    cookies: { names: cookieNames(publicUrl), long: cookieOptions, short: cookieOptions },
    scopes: [...openidScopes],
    claims: { ...claimsOfScopes, iss: null, sid: null } as never,
    acrValues: Object.values(contextClasses),
    responseTypes: ["code"],
    subjectTypes: ["public"],
    clientAuthMethods: ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
    clientDefaults: { id_token_signed_response_alg: signing.algorithm },
    enabledJWA: {
      clientAuthSigningAlgValues: [...clientAlgorithms],
      idTokenSigningAlgValues: [signing.algorithm],
      dPoPSigningAlgValues: ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"],
    } as never,
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret: platform.keys.derive("openid DPoP nonces")[0]?.key as Buffer },
      pushedAuthorizationRequests: { enabled: true },
      resourceIndicators: resourceIndicators(dependencies) as never,
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      introspection: { enabled: true, allowedPolicy: mayLearnAbout(dependencies) },
      revocation: { enabled: true, allowedPolicy: isOwnToken },
      rpInitiatedLogout: { enabled: true, logoutSource: renderLogout, postLogoutSuccessSource: renderSignedOut },
      backchannelLogout: { enabled: true },
      claimsParameter: { enabled: false },
      userinfo: { enabled: true },
    },
    interactions: { policy: policy(), url: (_ctx, { uid }) => `${paths.interaction}/${uid}` },
    loadExistingGrant: loadGrant(dependencies) as never,
    findAccount: findAccount(dependencies) as never,
    issueRefreshToken: async (_ctx, client, source) =>
      client.grantTypeAllowed("refresh_token") &&
      (source.scopes.has("offline_access") || (await dependencies.clients.find(client.clientId))?.firstParty === true),
    rotateRefreshToken: true,
    // Everything ends with the session of this product, by a reference of its row.
    expiresWithSession: async () => false,
    formats: { bitsOfOpaqueRandomness: 256, customizers: { jwt: completeAccessToken(dependencies) as never } },
    discovery:
      platform.settings.registrationScopes.length === 0
        ? {}
        : { registration_endpoint: publicUrl + paths.registration, client_id_metadata_document_supported: true },
    clientBasedCORS: isOriginOf,
    renderError,
    fetch: dependencies.fetch as never,
    clockTolerance: 5,
    ttl: {
      AccessToken: (_ctx: unknown, { resourceServer }: { readonly resourceServer?: { readonly accessTokenTTL?: number } }) =>
        Math.min(resourceServer?.accessTokenTTL ?? accessTokenSeconds, secondsLeft()),
      AuthorizationCode: seconds.authorizationCode,
      ClientCredentials: accessTokenSeconds,
      DeviceCode: seconds.deviceCode,
      Grant: secondsLeft,
      IdToken: seconds.idToken,
      Interaction: seconds.interaction,
      PushedAuthorizationRequest: seconds.pushedRequest,
      RefreshToken: () => Math.min(refreshTokenSeconds, secondsLeft()),
      Session: sessionAbsoluteSeconds,
    } as never,
  };
}

const mayLearnAbout =
  ({ clients }: ProtocolDependencies) =>
  async (_ctx: KoaContextWithOIDC, { clientId }: { readonly clientId: string }, token: { readonly clientId?: string | undefined }) => {
    const [client, owner] = [await clients.find(clientId), token.clientId === undefined ? null : await clients.find(token.clientId)];
    return client !== null && mayIntrospect(client, { clientId: token.clientId, organizationId: owner?.organizationId });
  };

/** Another client's token is refused as such: its existence is no secret for the client that has it. */
async function isOwnToken(
  _ctx: KoaContextWithOIDC,
  { clientId }: { readonly clientId: string },
  token: { readonly clientId?: string | undefined },
) {
  if (token.clientId !== clientId) throw new errors.InvalidRequest("client is not authorized to revoke the presented token");
  return true;
}

/** Scripts of a public client's own sites may call the endpoints that they use (Fetch, CORS). */
const isOriginOf = (
  _ctx: KoaContextWithOIDC,
  origin: string,
  client: { readonly clientAuthMethod?: string | undefined; readonly redirectUris?: readonly string[] | undefined },
) =>
  client.clientAuthMethod === "none" && (client.redirectUris ?? []).some((uri) => URL.parse(uri)?.origin === origin && origin !== "null");
