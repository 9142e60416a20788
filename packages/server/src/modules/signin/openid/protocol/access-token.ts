import type { AccessToken, ClientCredentials, JWTStructured, KoaContextWithOIDC } from "oidc-provider";
import { v7 as uuid } from "uuid";
import type { Platform } from "#platform/platform.ts";
import { jwtAccessTokenKind, StateAdapter } from "./adapter.ts";
import { permissionScopesOf } from "./client-metadata.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { requestState } from "./request-state.ts";

/** A JWT is not stored. Its id is, so that the end of its grant revokes it. */
const jwtAccessTokens = (platform: Platform): StateAdapter => new StateAdapter(jwtAccessTokenKind, platform);

/**
 * Completes a JWT access token with the claims that this API verifies (docs/decisions/0055). `scope` is always there: a token without it
 * would not be limited. The token of a service client is one of its service account.
 */
export const completeAccessToken =
  ({ clients, platform }: ProtocolDependencies) =>
  async (ctx: KoaContextWithOIDC, token: AccessToken | ClientCredentials, { payload }: JWTStructured): Promise<void> => {
    const client = await clients.find(token.clientId as string);
    const id = uuid();
    payload["jti"] = id;
    payload["scope"] = token.scope ?? "";
    if (client?.kind === "service") {
      const asked = ctx.oidc.params?.["scope"];
      payload["sub"] = client.serviceAccountId;
      payload["sub_kind"] = "service";
      // Without scopes in the request, the token has all of the client's (RFC 6749 §3.3).
      payload["scope"] = asked === undefined ? permissionScopesOf(client).join(" ") : (token.scope ?? "");
      if (client.organizationId !== null) payload["tid"] = client.organizationId;
      return;
    }
    const { organizationId, sessionId } = requestState();
    if (organizationId !== null) payload["tid"] = organizationId;
    payload["sid"] = sessionId;
    const { AuthorizationCode: code, DeviceCode: deviceCode, RefreshToken: refreshToken } = ctx.oidc.entities;
    await jwtAccessTokens(platform).upsert(id, { jti: id, grantId: (token as AccessToken).grantId }, token.expiration);
    const source = code ?? deviceCode ?? refreshToken;
    if (source?.authTime !== undefined) payload["auth_time"] = source.authTime;
    if (source?.amr !== undefined) payload["amr"] = source.amr;
  };
