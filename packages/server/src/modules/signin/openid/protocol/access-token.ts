import type { AccessToken, ClientCredentials, JWTStructured, KoaContextWithOIDC } from "oidc-provider";
import { v7 as uuid } from "uuid";
import type { Platform } from "#platform/platform.ts";
import { isOpenidScope } from "../model.ts";
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
    const source = code ?? deviceCode ?? refreshToken;
    const stored = { jti: id, grantId: (token as AccessToken).grantId, scope: openidScopesOf(ctx, source?.scope) };
    await jwtAccessTokens(platform).upsert(id, stored, token.expiration);
    if (source?.authTime !== undefined) payload["auth_time"] = source.authTime;
    if (source?.amr !== undefined) payload["amr"] = source.amr;
  };

/** What the token permits at the userinfo endpoint. A refresh can ask for less than was granted (RFC 6749 §6). */
function openidScopesOf(ctx: KoaContextWithOIDC, granted = ""): string {
  const asked = ctx.oidc.params?.["scope"];
  const wanted = typeof asked === "string" ? new Set(asked.split(" ")) : undefined;
  return granted
    .split(" ")
    .filter((scope) => isOpenidScope(scope) && (wanted?.has(scope) ?? true))
    .join(" ");
}
