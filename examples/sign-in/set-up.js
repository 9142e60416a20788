/**
 * Prepares a server for the examples, with the public API alone: permissions of an application for orders, an organization, a role, service
 * accounts, OAuth clients and API keys. It signs in as the first administrator (GATEHOUSE_ADMIN_EMAIL, GATEHOUSE_ADMIN_PASSWORD).
 *
 * It can be run again: it finds what it made by its name, and replaces the secrets.
 */
import { addresses, gatehouse, writeInstallation } from "./lib/settings.js";

const email = process.env["GATEHOUSE_ADMIN_EMAIL"];
const password = process.env["GATEHOUSE_ADMIN_PASSWORD"];
if (!email || !password) {
  console.error("Set GATEHOUSE_ADMIN_EMAIL and GATEHOUSE_ADMIN_PASSWORD: the account of the first administrator.");
  process.exit(1);
}

let session = "";

/**
 * Calls the API. Throws with the server's code and sentence where it refuses, except with a status in `accepted`.
 *
 * @param {string} operation a method and a path
 * @param {object} [body]
 * @param {readonly number[]} [accepted]
 */
async function call(operation, body, accepted = []) {
  const [method = "", path = ""] = operation.split(" ");
  const headers = { ...(session && { authorization: `Bearer ${session}` }), ...(body && { "content-type": "application/json" }) };
  const response = await fetch(gatehouse + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const answer = response.status === 204 ? {} : await response.json();
  if (response.ok || accepted.includes(response.status)) return answer;
  const { code, message, details = [] } = answer.error;
  throw new Error(`${operation}: ${response.status} ${code}: ${message} ${details.map(JSON.stringify).join(" ")}`);
}

/**
 * The item of a list with this name, on whichever page it is.
 *
 * @param {string} path with a query
 * @param {(item: any) => boolean} matches
 */
async function find(path, matches) {
  let cursor = "";
  for (;;) {
    const { items, nextCursor } = await call(`GET ${path}&limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    const found = items.find(matches);
    if (found !== undefined || nextCursor === null) return found;
    cursor = nextCursor;
  }
}

/** @param {string} name */
const named = (name) => (/** @type {any} */ item) => item.name === name;

async function makeOrganization() {
  const slug = "green-harbour";
  const found = await find("/api/v1/iam/organizations?of=me", (item) => item.slug === slug);
  return found ?? call("POST /api/v1/iam/organizations", { name: "Green Harbour", slug, country: "VN" });
}

/** `Orders` includes the permissions below it. */
async function makePermissions() {
  const permissions = [
    { value: "Orders", description: "Everything with orders" },
    { value: "Orders.Read", description: "See orders", parent: "Orders" },
    { value: "Orders.Approve", description: "Approve orders", parent: "Orders" },
  ];
  for (const permission of permissions) await call("POST /api/v1/iam/permissions", { ...permission, scope: "Organization" }, [409]);
}

/**
 * @param {string} organizationId
 * @param {string} name
 * @param {readonly string[]} permissions
 */
async function makeServiceAccount(organizationId, name, permissions) {
  const role =
    (await find(`/api/v1/iam/roles?organizationId=${organizationId}`, named(name))) ??
    (await call("POST /api/v1/iam/roles", { name, scope: "Organization", organizationId }));
  await call(`POST /api/v1/iam/roles/${role.id}/permissions`, { permissions });
  const found = await find(`/api/v1/service-accounts?organizationId=${organizationId}`, named(name));
  return found ?? call("POST /api/v1/service-accounts", { organizationId, name, roleIds: [role.id] });
}

/**
 * A client with these settings. A secret is shown once, so an existing client gets a new one, and the earlier ones end at once.
 *
 * @param {{ readonly organizationId: string | null, readonly kind: string, readonly name: string, readonly serviceAccountId?: string }} identity
 * @param {object} settings
 */
async function makeClient(identity, settings) {
  const list = `/api/v1/clients?${identity.organizationId === null ? "" : `organizationId=${identity.organizationId}`}`;
  const found = await find(list, named(identity.name));
  if (found === undefined) {
    const { id, clientSecret } = await call("POST /api/v1/clients", { ...identity, ...settings });
    return { id, secret: clientSecret };
  }
  await call(`PATCH /api/v1/clients/${found.id}`, settings);
  if (identity.kind === "public") return { id: found.id, secret: null };
  const { clientSecret } = await call(`POST /api/v1/clients/${found.id}/secrets`, { overlapSeconds: 0 });
  return { id: found.id, secret: clientSecret };
}

/**
 * A new key of a service account. The earlier ones of this name are revoked.
 *
 * @param {string} organizationId
 * @param {string} serviceAccountId
 * @param {{ readonly name: string, readonly scopes: readonly string[] }} settings
 */
async function makeApiKey(organizationId, serviceAccountId, settings) {
  const ofAccount = `/api/v1/api-keys?organizationId=${organizationId}&ownerId=${serviceAccountId}`;
  const isEarlier = (/** @type {any} */ item) => item.name === settings.name && item.status === "active";
  for (let earlier = await find(ofAccount, isEarlier); earlier !== undefined; earlier = await find(ofAccount, isEarlier))
    await call(`POST /api/v1/api-keys/${earlier.id}/revoke`);
  const { key } = await call("POST /api/v1/api-keys", { organizationId, owner: "service", serviceAccountId, ...settings });
  return key;
}

async function setUp() {
  ({ sessionToken: session } = await call("POST /api/v1/iam/auth/login", { email, password }));
  const { id: organizationId } = await makeOrganization();
  await makePermissions();
  const clerk = await makeServiceAccount(organizationId, "Orders clerk", ["Orders.Read"]);
  const api = await makeServiceAccount(organizationId, "Orders API", ["Organization.VerifyApiKeys"]);
  const openid = ["openid", "profile", "email", "organization", "offline_access"];

  // Of the organization, so its users are asked for their consent. It may read orders and not approve them, whatever its user may do.
  const spa = await makeClient(
    { organizationId, kind: "public", name: "Orders in the browser" },
    { scopes: [...openid, "Orders.Read"], redirectUris: [`${addresses.spa}/`], postLogoutRedirectUris: [`${addresses.spa}/`] },
  );
  // Global and first-party: there is no consent page.
  const web = await makeClient(
    { organizationId: null, kind: "confidential", name: "Orders" },
    {
      firstParty: true,
      scopes: [...openid, "Orders.Read", "Orders.Approve"],
      redirectUris: [`${addresses.web}/callback`],
      postLogoutRedirectUris: [`${addresses.web}/`],
      backchannelLogoutUri: `${addresses.web}/backchannel-logout`,
    },
  );
  const cli = await makeClient(
    { organizationId, kind: "public", name: "Orders on the command line" },
    { deviceFlow: true, scopes: [...openid, "Orders.Read", "Orders.Approve"] },
  );
  // Acts as its service account: the scopes of the client and the roles of the account limit it, both.
  const service = await makeClient(
    { organizationId, kind: "service", name: "Nightly report", serviceAccountId: clerk.id },
    { scopes: ["Orders.Read"] },
  );
  const apiKey = await makeApiKey(organizationId, api.id, { name: "Orders API", scopes: ["Organization.VerifyApiKeys"] });
  const machineKey = await makeApiKey(organizationId, clerk.id, { name: "Packing machine", scopes: ["Orders.Read"] });
  const file = writeInstallation({
    organizationId,
    spaClientId: spa.id,
    webClient: web,
    cliClientId: cli.id,
    serviceClient: service,
    apiKey,
    machineKey,
  });
  await call("POST /api/v1/iam/auth/logout");
  console.log(`Ready. The clients and their secrets are in ${file}`);
}

await setUp().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
