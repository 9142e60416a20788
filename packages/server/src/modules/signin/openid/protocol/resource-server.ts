import { errors, type KoaContextWithOIDC, type ResourceServer } from "oidc-provider";
import { permissionScopesOf } from "./client-metadata.ts";
import type { ProtocolDependencies } from "./dependencies.ts";

/**
 * The API of this product as an OAuth resource (RFC 8707): its identifier is the issuer, its scopes are permissions. Its access tokens are
 * JWTs (docs/decisions/0055).
 */
export function resourceIndicators({ clients, cached, platform }: ProtocolDependencies) {
  const { publicUrl } = platform.settings;
  return {
    enabled: true,
    /** A client that asks for permissions means this API, and a service client nothing else. */
    async defaultResource(
      ctx: KoaContextWithOIDC,
      client: { readonly clientId: string },
      oneOf?: readonly string[],
    ): Promise<string | string[]> {
      if (oneOf !== undefined) return [...oneOf];
      const found = await clients.find(client.clientId);
      if (found === null) return [];
      if (found.kind === "service") return publicUrl;
      const permissions = new Set(permissionScopesOf(found));
      return [...ctx.oidc.requestParamScopes].some((scope) => permissions.has(scope)) ? publicUrl : [];
    },
    /** Where permissions were granted, tokens are for this API, also where the token request names no resource. */
    useGrantedResource: async (_ctx: KoaContextWithOIDC, source: { readonly resource?: unknown }) => source.resource === publicUrl,
    async getResourceServerInfo(
      _ctx: KoaContextWithOIDC,
      resource: string,
      client: { readonly clientId: string },
    ): Promise<ResourceServer> {
      if (resource.replace(/\/$/, "") !== publicUrl) throw new errors.InvalidTarget();
      const found = await clients.find(client.clientId);
      const { algorithm } = (await cached.tokens.keySet()).current();
      return {
        scope: found === null ? "" : permissionScopesOf(found).join(" "),
        audience: publicUrl,
        accessTokenTTL: platform.settings.accessTokenSeconds,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: algorithm } },
      };
    },
  };
}
