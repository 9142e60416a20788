/**
 * A machine with an API key: no library, no token, one header. It asks Gatehouse itself what it may do, and calls the API with its key. The key can be
 * replaced without a pause (`POST /api/v1/api-keys/{id}/rotate`), and ends in every process within a second after it is revoked.
 */
import { addresses, gatehouse, readInstallation } from "../lib/settings.js";

const { machineKey, organizationId } = readInstallation();

/**
 * Waits where the key has reached its limit, as long as the answer says.
 *
 * @param {string} url
 * @param {RequestInit} [request]
 * @returns {Promise<any>}
 */
async function call(url, request = {}) {
  const response = await fetch(url, { ...request, headers: { "x-api-key": machineKey, "content-type": "application/json" } });
  if (response.status === 429) {
    const seconds = Number(response.headers.get("retry-after") ?? 1);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    return call(url, request);
  }
  if (response.status === 401) throw new Error("The key is refused: it was revoked, it has expired, or its service account was suspended.");
  return response.json();
}

try {
  const { items } = await call(`${addresses.api}/orders`);
  console.log(`${items.length} orders to pack.`);
  const { error } = await call(`${addresses.api}/orders/approve?id=1001`, { method: "POST" });
  console.log(`To approve one is refused: ${error.code}`);
  // Gatehouse's own API takes the key as well. This one is for orders, so it does not show the members.
  const refused = await call(`${gatehouse}/api/v1/iam/organizations/${organizationId}/memberships`);
  console.log(`To list the members is refused: ${refused.error.code}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
