import type { AccessToken, ClientCredentials, JWTStructured, KoaContextWithOIDC } from "oidc-provider";
import { v7 as uuid } from "uuid";
import { permissionScopesOf } from "./client-metadata.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { requestState } from "./request-state.ts";

/**
 * Completes a JWT access token with the claims that this API verifies (docs/decisions/0055). `scope` is always there: a token without it
 * would not be limited. The token of a service client is one of its service account.
 */
export const completeAccessToken =
  ({ clients }: ProtocolDependencies) =>
  async (ctx: KoaContextWithOIDC, token: AccessToken | ClientCredentials, { payload }: JWTStructured): Promise<void> => {
    const client = await clients.find(token.clientId as string);
    payload["jti"] = uuid();
    payload["scope"] = token.scope ?? "";
    if (client?.kind === "service") {
      payload["sub"] = client.serviceAccountId;
      payload["sub_kind"] = "service";
      payload["scope"] = token.scope ?? permissionScopesOf(client).join(" ");
      if (client.organizationId !== null) payload["tid"] = client.organizationId;
      return;
    }
    const { organizationId, sessionId } = requestState();
    if (organizationId !== null) payload["tid"] = organizationId;
    payload["sid"] = sessionId;
    const { AuthorizationCode: code, DeviceCode: deviceCode, RefreshToken: refreshToken } = ctx.oidc.entities;
    const source = code ?? deviceCode ?? refreshToken;
    if (source?.authTime !== undefined) payload["auth_time"] = source.authTime;
    if (source?.amr !== undefined) payload["amr"] = source.amr;
  };
