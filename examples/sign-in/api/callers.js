/**
 * Who calls, and what they may do. A caller has an access token of Gatehouse, which this API verifies itself, or an API key, about which it asks.
 * Every decision is Gatehouse's: a removed role, a revoked token and a suspended organization count at once.
 */
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { Refusal } from "../lib/server.js";
import { gatehouse, readInstallation } from "../lib/settings.js";

/**
 * @typedef {object} Caller
 * @property {string} id a user or a service account
 * @property {string} organizationId the tenant: whatever this API reads and writes for the caller is within it
 */

const { apiKey } = readInstallation();

// At most ten minutes old, and read again for an unknown key, but at most once a minute.
const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", gatehouse), { cacheMaxAge: 600_000, cooldownDuration: 60_000 });

/**
 * The caller, if they may perform the action. Refuses with 401 a credential that is unknown, expired or revoked, and with 403 what is not permitted.
 *
 * @param {import("node:http").IncomingMessage} request
 * @param {string} action a permission
 * @returns {Promise<Caller>}
 */
export async function authorize(request, action) {
  const { authorization } = request.headers;
  const key = request.headers["x-api-key"];
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (token !== undefined && key === undefined) return authorizeToken(token, action);
  if (typeof key === "string" && authorization === undefined) return authorizeKey(key, action, request.socket.remoteAddress);
  throw unauthenticated("Send an access token or an API key.");
}

/**
 * @param {string} token
 * @param {string} action
 */
async function authorizeToken(token, action) {
  const { sub, tid } = await verify(token);
  // Tokens of the internal scope are for no organization, and all orders are an organization's.
  if (typeof tid !== "string") throw new Refusal(403, "no_organization", "The token is for no organization.");
  // Asked with the caller's own token, so the scopes of the token limit the decision.
  const question = { userId: sub, tenantId: tid, actionType: action };
  const { isAuthorized, reasonCode } = await ask("/api/v1/iam/authorization/check", question, { authorization: `Bearer ${token}` });
  if (!isAuthorized) throw new Refusal(403, reasonCode, `${action} is not permitted.`);
  return { id: String(sub), organizationId: tid };
}

/** @param {string} token */
async function verify(token) {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: gatehouse,
      audience: gatehouse,
      typ: "at+jwt",
      algorithms: ["RS256", "ES256", "EdDSA"],
      requiredClaims: ["sub", "exp"],
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw unauthenticated("The access token has expired.");
    if (error instanceof errors.JWKSTimeout) throw unavailable();
    if (error instanceof errors.JOSEError) throw unauthenticated("This is not an access token for this API.");
    throw unavailable();
  }
}

/**
 * @param {string} key
 * @param {string} permission
 * @param {string | undefined} ipAddress
 */
async function authorizeKey(key, permission, ipAddress) {
  const answer = await ask("/api/v1/api-keys/verify", { key, permission, ipAddress }, { "x-api-key": apiKey });
  const { valid, code, apiKey: found, retryAfterSeconds } = answer;
  if (code === "rate_limited") throw new Refusal(429, code, "The key has reached its limit.", { "retry-after": String(retryAfterSeconds) });
  if (code === "permission_denied") throw new Refusal(403, code, `${permission} is not permitted.`);
  // More codes may be added: only `valid` is a yes.
  if (!valid) throw unauthenticated(`The API key is refused: ${code}.`);
  return { id: found.owner.id, organizationId: found.organizationId };
}

/** Without an answer there is no decision, and nothing is permitted. */
const answerWithinMs = 5_000;

/**
 * @param {string} path
 * @param {object} question
 * @param {Readonly<Record<string, string>>} credential
 */
async function ask(path, question, credential) {
  const headers = { "content-type": "application/json", ...credential };
  const request = { method: "POST", headers, body: JSON.stringify(question), signal: AbortSignal.timeout(answerWithinMs) };
  const response = await fetch(gatehouse + path, request).catch(() => undefined);
  if (response?.ok) return response.json();
  // The token is genuine, and was revoked: its session has ended, or its user was suspended.
  if (response?.status === 401 && "authorization" in credential) throw unauthenticated("The access token was revoked.");
  throw unavailable();
}

/** @param {string} message */
const unauthenticated = (message) =>
  new Refusal(401, "credential_invalid", message, { "www-authenticate": 'Bearer error="invalid_token"' });
const unavailable = () => new Refusal(503, "unavailable", "The decision cannot be made now.", { "retry-after": "1" });
