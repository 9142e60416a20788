/**
 * A service: a program without a user, with the client credentials grant (RFC 6749 §4.4), by `openid-client`. It acts as its service account. It prints
 * the orders, and tries to approve one, which neither its scopes nor its role permit.
 */
import * as openid from "openid-client";
import { addresses, gatehouse, isInsecure, readInstallation } from "../lib/settings.js";

const { serviceClient } = readInstallation();

/** A little earlier than a token expires, so that it does not on the way. */
const refreshBeforeMs = 30_000;

class Service {
  /** @type {openid.Configuration | undefined} */
  #configuration;
  /** @type {(openid.TokenEndpointResponse & openid.TokenEndpointResponseHelpers) | undefined} */
  #tokens;
  #expiresAt = 0;

  async #discover() {
    const options = isInsecure ? { execute: [openid.allowInsecureRequests] } : {};
    const authentication = openid.ClientSecretBasic(serviceClient.secret);
    this.#configuration ??= await openid.discovery(new URL(gatehouse), serviceClient.id, undefined, authentication, options);
    return this.#configuration;
  }

  /** There is no refresh token: the client can always ask again. A token serves every call until shortly before it expires. */
  async #accessToken() {
    if (this.#tokens === undefined || Date.now() > this.#expiresAt - refreshBeforeMs) {
      this.#tokens = await openid.clientCredentialsGrant(await this.#discover());
      this.#expiresAt = Date.now() + (this.#tokens.expiresIn() ?? 0) * 1_000;
    }
    return this.#tokens.access_token;
  }

  /**
   * Calls the API. A token that was refused is replaced once: it may have been revoked, or its signing key was.
   *
   * @param {string} method
   * @param {string} path
   */
  async call(method, path) {
    const response = await this.#send(method, path);
    if (response.status !== 401) return response;
    this.#tokens = undefined;
    return this.#send(method, path);
  }

  /** @param {string} method @param {string} path */
  async #send(method, path) {
    return fetch(addresses.api + path, { method, headers: { authorization: `Bearer ${await this.#accessToken()}` } });
  }

  /** Ends the token that is not needed any more (RFC 7009). */
  async end() {
    if (this.#tokens === undefined) return;
    const { access_token: token } = this.#tokens;
    this.#tokens = undefined;
    await openid.tokenRevocation(await this.#discover(), token);
    const { status } = await fetch(`${addresses.api}/orders`, { headers: { authorization: `Bearer ${token}` } });
    console.log(`After the revocation the API answers ${status}.`);
  }
}

try {
  const service = new Service();
  const response = await service.call("GET", "/orders");
  const { items = [], error } = await response.json();
  if (error !== undefined) throw new Error(`${error.message} (${error.code})`);
  console.log(`${items.length} orders:`);
  for (const { id, item } of items) console.log(`  ${id}: ${item}`);
  const refused = await service.call("POST", "/orders/approve?id=1001");
  console.log(`To approve one is refused: ${refused.status} ${(await refused.json()).error?.code}`);
  await service.end();
} catch (error) {
  // The client was suspended or its secret replaced: `invalid_client`.
  console.error(error instanceof openid.ResponseBodyError ? `Gatehouse refuses this client: ${error.error}` : String(error));
  process.exitCode = 1;
}
