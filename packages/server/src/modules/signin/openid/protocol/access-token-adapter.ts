import type { AdapterPayload } from "oidc-provider";
import { jwtAccessTokenKind, StateAdapter } from "./adapter.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { isJwt } from "./structured-tokens.ts";

/**
 * The storage of access tokens, in which the library finds JWTs, too. So an application with a token for this API learns at the userinfo endpoint who
 * the user is, within the scopes of OpenID Connect that were granted with it. The JWT is verified as the API does it. One that was not issued by an
 * authorization of a user has no row, and is unknown here.
 */
export class AccessTokenAdapter extends StateAdapter {
  readonly #tokens: ProtocolDependencies["cached"]["tokens"];
  readonly #issued: StateAdapter;

  constructor({ platform, cached }: Pick<ProtocolDependencies, "platform" | "cached">) {
    super("AccessToken", platform);
    this.#tokens = cached.tokens;
    this.#issued = new StateAdapter(jwtAccessTokenKind, platform);
  }

  override async find(id: string): Promise<AdapterPayload | undefined> {
    if (!isJwt(id)) return super.find(id);
    const token = await this.#tokens.accessToken(id);
    const issued = token === null ? undefined : await this.#issued.find(token.claims.jti);
    if (token === null || issued?.grantId === undefined) return undefined;
    const { sub, client_id, iat, exp } = token.claims;
    return {
      kind: "AccessToken",
      jti: id,
      accountId: sub,
      clientId: client_id,
      grantId: issued.grantId,
      scope: issued.scope ?? "",
      iat,
      exp,
    };
  }
}
