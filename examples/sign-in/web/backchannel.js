/** Verifies the logout tokens of back-channel logout (OpenID Connect Back-Channel Logout §2.6). */
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { Refusal } from "../lib/server.js";
import { gatehouse } from "../lib/settings.js";

const event = "http://schemas.openid.net/event/backchannel-logout";
const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", gatehouse), { cacheMaxAge: 600_000, cooldownDuration: 60_000 });

/**
 * The session that has ended. Any program can send a request to this address, so only the signature makes it true. The effect of a token that is sent
 * again is the same: the session has ended.
 *
 * @param {string} token
 * @param {string} clientId
 */
export async function verifyLogoutToken(token, clientId) {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: gatehouse,
      audience: clientId,
      typ: "logout+jwt",
      algorithms: ["RS256", "ES256", "EdDSA"],
      requiredClaims: ["iat", "exp", "jti", "sid", "events"],
    });
    const events = /** @type {Record<string, unknown>} */ (payload["events"]);
    if (typeof events?.[event] === "object" && !("nonce" in payload)) return String(payload["sid"]);
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
  }
  throw new Refusal(400, "invalid_request", "This is not a logout token for this application.");
}
