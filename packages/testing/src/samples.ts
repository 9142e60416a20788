import { expectOk } from "./answers.ts";
import { clientFields, newClient } from "./clients.ts";
import {
  address,
  invite,
  mailedToken,
  newInternalRole,
  newMember,
  newPerson,
  newRole,
  type Person,
  password,
  signIn,
  unique,
} from "./people.ts";
import { routesOf, type Sample } from "./requests.ts";
import type { AnyBody, TestServer } from "./server.ts";
import { newApiKey, newServiceAccount } from "./service-accounts.ts";
import { openSetUp } from "./set-up.ts";
import { newGrant, schoolModel } from "./tenant.ts";
import { signInWithTokens } from "./tokens.ts";
import type { World } from "./world.ts";

/** Makes valid requests of an operation. */
export interface Recipe {
  /** A new valid request. */
  make(world: World): Promise<Sample>;
  /** The request can be sent again with other values after it has succeeded. */
  readonly again?: true;
}

const api = "/api/v1/iam";
const anonymous = (input: Sample["input"]): Sample => ({ input });
const person = () => ({ email: address("new"), password, firstName: "New", lastName: "Person", locale: "en" });

async function registered(server: TestServer): Promise<string> {
  const body = person();
  await expectOk(server.call(`POST ${api}/auth/register`, { body }));
  return mailedToken(server, body.email);
}

async function forgotten(server: TestServer): Promise<string> {
  const { email } = await newPerson(server, "forgetful");
  await expectOk(server.call(`POST ${api}/auth/forgot-password`, { body: { email } }));
  return mailedToken(server, email);
}

async function newPermission({ server, administrator }: World, parent: string | null = null): Promise<{ id: string; value: string }> {
  const value = `Sample${unique()}`;
  return expectOk(
    server.call(`POST ${api}/permissions`, {
      token: administrator.token,
      body: { value, scope: "Organization", parent, description: "sample" },
    }),
  );
}

const internalMember = async ({ server, administrator, internalRoleId }: World): Promise<string> => {
  const { id } = await newPerson(server, "clerk");
  await expectOk(server.call(`PUT ${api}/internal/memberships/${id}`, { token: administrator.token, body: { roleId: internalRoleId } }));
  return id;
};

/** An export that is ready. */
async function newExport({ server, own }: World): Promise<{ id: string }> {
  const { token } = own.owner;
  const { id } = await expectOk(server.call("POST /api/v1/audit/exports", { token, body: { organizationId: own.id } }));
  const deadline = Date.now() + 15_000;
  while (Date.now() < deadline) {
    const { status } = await expectOk(server.call(`GET /api/v1/audit/exports/${id}`, { token }));
    if (status === "Ready") return { id };
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("the export was not written");
}

/** As `own`'s owner. */
const owned = (input: (world: World) => Promise<Sample["input"]> | Sample["input"], again?: true): Recipe => ({
  make: async (world) => ({ token: world.own.owner.token, input: await input(world) }),
  ...(again ? { again } : {}),
});
const internally = (input: (world: World) => Promise<Sample["input"]> | Sample["input"], again?: true): Recipe => ({
  make: async (world) => ({ token: world.administrator.token, input: await input(world) }),
  ...(again ? { again } : {}),
});

const customRole = async (world: World): Promise<string> => (await newRole(world.server, world.organization)).id;

const serviceAccount = async ({ server, own }: World): Promise<string> =>
  (await newServiceAccount(server, own.owner.token, own.id, [own.roles["Member"] as string])).id;

/** An API key of the owner. */
const apiKey = ({ server, own }: World): Promise<{ readonly id: string; readonly key: string }> =>
  newApiKey(server, own.owner.token, { organizationId: own.id });

/** An API key of a service that may act for members. */
async function actingServiceKey(server: TestServer, { id, owner, organization }: World["own"]): Promise<string> {
  const role = await newRole(server, organization, ["Organization.ActForMembers"]);
  const account = await newServiceAccount(server, owner.token, id, [role.id]);
  const owned = { organizationId: id, owner: "service", serviceAccountId: account.id, scopes: ["Organization.ActForMembers"] };
  return (await newApiKey(server, owner.token, owned)).key;
}

/** An API key of a sign-in service. */
async function signInServiceKey(server: TestServer, administrator: Person): Promise<string> {
  const { token } = administrator;
  const account = await newServiceAccount(server, token, null, [await newInternalRole(server, administrator, ["Token.Issue"])]);
  return (await newApiKey(server, token, { owner: "service", serviceAccountId: account.id, scopes: ["Token.Issue"] })).key;
}
/** A client of the organization. */
const client = ({ server, own }: World): Promise<AnyBody> => newClient(server, own.owner.token, { organizationId: own.id });
const clientSettings = {
  description: "sample",
  logoUri: "https://app.example.com/logo.svg",
  policyUri: "https://app.example.com/privacy",
  tosUri: "https://app.example.com/terms",
  redirectUris: ["https://app.example.com/callback"],
  postLogoutRedirectUris: ["https://app.example.com/"],
  backchannelLogoutUri: "https://app.example.com/logout",
  deviceFlow: true,
  tokenEndpointAuthMethod: "private_key_jwt",
  jwks: { keys: [{ kty: "OKP", crv: "Ed25519", kid: "1", use: "sig", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] },
  scopes: ["openid", "profile", "Organization.Read"],
  dpopBound: true,
};

const keySettings = {
  allowedNetworks: ["192.0.2.0/24", "2001:db8::/32"],
  rateLimit: { requests: 1_000, seconds: 60 },
  operationRateLimits: { "decisions.check": { requests: 500, seconds: 60 } },
};

const grantTo = async ({ server, own }: World): Promise<{ id: string; resource: { type: string; id: string } }> =>
  newGrant(server, own.organization, { type: "user", id: own.member.id });

/** A request about the member. */
const about = (more: Readonly<Record<string, unknown>>): Recipe =>
  owned(({ own }) => ({ userId: own.member.id, tenantId: own.id, resourceType: "school", ...more }), true);

/** A request of AuthZEN. */
const authzen = (input: (world: World) => Sample["input"]): Recipe => owned(input, true);
const memberOf = ({ id, member }: World["own"]) => ({ type: "user", id: member.id, properties: { tenantId: id } });
const action = { name: "Organization.ReadGrants" };
const school = { type: "school", id: "1" };

/** One for each operation with a route; {@link operationsWithoutSample} finds missing ones. */
export const samples: Readonly<Record<string, Recipe>> = {
  "authentication.register": { make: async () => anonymous(person()) },
  "authentication.verifyEmail": { make: async ({ server }) => anonymous({ token: await registered(server) }) },
  "authentication.forgotPassword": { make: async () => anonymous({ email: address("unknown") }), again: true },
  "authentication.resetPassword": {
    make: async ({ server }) => anonymous({ token: await forgotten(server), password: "a louder harbour" }),
  },
  "authentication.resendConfirmation": { make: async () => anonymous({ email: address("unknown") }), again: true },
  "authentication.resendMail": internally(async ({ server }) => ({ userId: (await newPerson(server, "unread")).id }), true),
  "authentication.resendMyMail": {
    make: async ({ server }) => ({ token: (await newPerson(server, "unread")).token, input: {} }),
    again: true,
  },
  "identity.getMe": owned(() => ({}), true),
  "identity.updateMe": owned(() => ({ firstName: "Mai", lastName: "Lan", locale: "vi" }), true),
  "identity.listUsers": internally(() => ({ email: address("nobody"), limit: 5 }), true),
  "identity.getUser": internally(({ own }) => ({ userId: own.member.id }), true),
  "tenancy.setUserStatus": internally(async ({ server }) => ({ userId: (await newPerson(server, "noisy")).id, status: "Suspended" })),

  "decisions.check": owned(
    ({ own }) => ({
      userId: own.owner.id,
      tenantId: own.id,
      actionType: "Organization.Read",
      resourceType: "school",
      resourceId: "1",
      contextData: { channel: "web" },
    }),
    true,
  ),
  "decisions.checkBatch": owned(
    ({ own }) => ({
      checks: [{ userId: own.owner.id, tenantId: own.id, actionType: "Organization.Read", resourceType: "school", resourceId: "1" }],
    }),
    true,
  ),
  "decisions.explain": about({ actionType: "Organization.ReadGrants", resourceId: "1" }),
  "decisions.filter": about({ actionType: "Organization.ReadGrants", sql: { dialect: "postgresql", columns: { id: "id" } } }),
  "decisions.listResources": about({ actionType: "Organization.ReadGrants", limit: 5 }),
  "decisions.listActions": about({ resourceId: "1" }),
  "decisions.listSubjects": owned(
    ({ own }) => ({ tenantId: own.id, actionType: "Organization.ReadGrants", resourceType: "school", resourceId: "1", limit: 5 }),
    true,
  ),
  "decisions.preview": owned(
    ({ own }) => ({ tenantId: own.id, roleId: own.customRoleId, set: [{ permission: "Organization.Read", effect: "deny" }], days: 2 }),
    true,
  ),
  "authzen.evaluate": authzen(({ own }) => ({ subject: memberOf(own), action, resource: school })),
  "authzen.evaluateMany": authzen(({ own }) => ({ subject: memberOf(own), action, evaluations: [{ resource: school }] })),
  "authzen.searchSubjects": authzen(({ own }) => ({ subject: memberOf(own), action, resource: school, page: { limit: 5 } })),
  "authzen.searchResources": authzen(({ own }) => ({ subject: memberOf(own), action, resource: school, page: { limit: 5 } })),
  "authzen.searchActions": authzen(({ own }) => ({ subject: memberOf(own), resource: school, page: { limit: 5 } })),
  "access.getModel": owned(() => ({}), true),
  "access.replaceModel": internally(() => ({ model: schoolModel }), true),
  "decisions.getMyPermissions": owned(({ own }) => ({ organizationId: own.id }), true),
  "access.listRoles": owned(({ own }) => ({ organizationId: own.id, scope: "Organization", limit: 5 }), true),
  "access.getRole": owned(({ own }) => ({ roleId: own.customRoleId }), true),
  "access.createRole": owned(({ own }) => ({
    name: `Sample ${unique()}`,
    description: "sample",
    scope: "Organization",
    organizationId: own.id,
  })),
  "access.updateRole": owned(
    async (world) => ({ roleId: await customRole(world), name: `Sample ${unique()}`, description: "sample" }),
    true,
  ),
  "access.deleteRole": owned(async (world) => ({ roleId: await customRole(world) })),
  "access.addRolePermissions": owned(async (world) => ({ roleId: await customRole(world), permissions: ["Organization.Read"] }), true),
  "access.removeRolePermissions": owned(async (world) => ({ roleId: await customRole(world), permissions: ["Organization.Read"] }), true),
  "access.setRoleRule": owned(
    async (world) => ({
      roleId: await customRole(world),
      permission: "Organization.Read",
      effect: "allow",
      condition: { operator: "equals", left: "$request.kind", right: "sample" },
    }),
    true,
  ),
  "access.cloneRole": owned(({ own }) => ({ roleId: own.customRoleId, name: `Sample ${unique()}`, description: "sample" })),
  "access.listGrants": owned(({ own }) => ({ organizationId: own.id, resourceType: "school", limit: 5 }), true),
  "access.getGrant": owned(({ own }) => ({ grantId: own.grantId }), true),
  "access.createGrant": owned(({ own }) => ({
    organizationId: own.id,
    resource: { type: "school", id: unique() },
    relation: "viewer",
    subject: { type: "user", id: own.member.id },
    expiresAt: "2090-01-01T00:00:00.000Z",
  })),
  "access.changeGrant": owned(
    async (world) => ({ grantId: (await grantTo(world)).id, condition: null, expiresAt: "2090-01-01T00:00:00.000Z" }),
    true,
  ),
  "access.revokeGrant": owned(async (world) => ({ grantId: (await grantTo(world)).id })),
  "access.revokeGrants": owned(async (world) => ({ organizationId: world.own.id, resource: (await grantTo(world)).resource }), true),
  "access.getMemberAttributes": owned(({ own }) => ({ organizationId: own.id, userId: own.member.id }), true),
  "access.setMemberAttributes": owned(
    ({ own }) => ({ organizationId: own.id, userId: own.member.id, attributes: { class_id: "10A1" } }),
    true,
  ),
  "access.getOrganizationAttributes": owned(({ own }) => ({ organizationId: own.id }), true),
  "access.setOrganizationAttributes": owned(({ own }) => ({ organizationId: own.id, attributes: { term: "spring" } }), true),
  "entitlements.getEntitlements": owned(({ own }) => ({ organizationId: own.id }), true),
  "entitlements.setEntitlements": internally(({ own }) => ({ organizationId: own.id, plan: "sample", entitlements: { seats: 5 } }), true),
  "access.listPermissions": owned(() => ({ scope: "Organization", limit: 5 }), true),
  "access.createPermission": internally(async (world) => ({
    value: `Sample${unique()}.Read`,
    description: "sample",
    scope: "Organization",
    parent: (await newPermission(world)).value,
  })),
  "access.updatePermission": internally(
    async (world) => ({
      permissionId: (await newPermission(world)).id,
      description: "another",
      parent: (await newPermission(world)).value,
    }),
    true,
  ),
  "access.deletePermission": internally(async (world) => ({ permissionId: (await newPermission(world)).id })),

  "tenancy.createOrganization": owned(() => ({ name: `Sample ${unique()}`, slug: `sample-${unique()}`, country: "VN" })),
  "tenancy.listOrganizations": owned(() => ({ of: "me", limit: 5 }), true),
  "tenancy.getOrganization": owned(({ own }) => ({ organizationId: own.id }), true),
  "tenancy.updateOrganization": owned(
    ({ own }) => ({ organizationId: own.id, name: `Sample ${unique()}`, slug: `sample-${unique()}`, country: "DE", logoAssetId: null }),
    true,
  ),
  "tenancy.listMemberships": owned(({ own }) => ({ organizationId: own.id, limit: 5 }), true),
  "tenancy.changeMemberRole": owned(
    ({ own }) => ({ organizationId: own.id, membershipId: own.membershipIds.member, roleId: own.roles["Member"] }),
    true,
  ),
  "tenancy.removeMember": owned(async ({ server, own }) => {
    const { membershipId } = await newMember(server, own.organization);
    return { organizationId: own.id, membershipId };
  }),
  "tenancy.inviteMember": owned(({ own }) => ({ organizationId: own.id, email: address("guest"), roleId: own.roles["Member"] })),
  "tenancy.listInvitations": owned(({ own }) => ({ organizationId: own.id, status: "Pending", limit: 5 }), true),
  "tenancy.acceptInvitation": {
    async make({ server, own }) {
      const guest = await newPerson(server, "guest");
      const { id, token } = await invite(server, own.organization, guest.email, own.roles["Member"] as string);
      return { token: guest.token, input: { invitationId: id, token } };
    },
  },
  "tenancy.revokeInvitation": owned(async ({ server, own }) => ({
    invitationId: (await invite(server, own.organization, address("guest"), own.roles["Member"] as string)).id,
  })),
  "tenancy.listInternalMemberships": internally(() => ({ limit: 5 }), true),
  "tenancy.listErasures": internally(() => ({}), true),
  "tenancy.setInternalRoles": internally(
    async (world) => ({ userId: (await newPerson(world.server, "clerk")).id, roleId: world.internalRoleId }),
    true,
  ),
  "tenancy.removeInternalMember": internally(async (world) => ({ userId: await internalMember(world) })),
  "serviceaccounts.createServiceAccount": owned(({ own }) => ({
    organizationId: own.id,
    name: `Sample ${unique()}`,
    description: "sample",
    roleIds: [own.roles["Member"]],
  })),
  "serviceaccounts.listServiceAccounts": owned(({ own }) => ({ organizationId: own.id, limit: 5 }), true),
  "serviceaccounts.getServiceAccount": owned(({ own }) => ({ serviceAccountId: own.serviceAccountId }), true),
  "serviceaccounts.updateServiceAccount": owned(
    async (world) => ({
      serviceAccountId: await serviceAccount(world),
      name: `Sample ${unique()}`,
      description: "sample",
      roleIds: [world.own.roles["Member"]],
      status: "Active",
    }),
    true,
  ),
  "serviceaccounts.deleteServiceAccount": owned(async (world) => ({ serviceAccountId: await serviceAccount(world) })),
  "openid.createClient": owned(({ own }) => ({ ...clientFields(clientSettings), organizationId: own.id }), true),
  "openid.listClients": owned(({ own }) => ({ organizationId: own.id, limit: 5 }), true),
  "openid.getClient": owned(({ own }) => ({ clientId: own.clientId }), true),
  "openid.updateClient": owned(
    async (world) => ({ clientId: (await client(world)).id, name: `Sample ${unique()}`, ...clientSettings, status: "Active" }),
    true,
  ),
  "openid.deleteClient": owned(async (world) => ({ clientId: (await client(world)).id })),
  "openid.rotateClientSecret": owned(async (world) => ({ clientId: (await client(world)).id, overlapSeconds: 60 })),
  "openid.deleteClientSecret": owned(async (world) => {
    const { id, secrets } = await client(world);
    return { clientId: id, secretId: secrets[0].id };
  }),
  "apikeys.createApiKey": owned(
    ({ own }) => ({
      organizationId: own.id,
      owner: "service",
      serviceAccountId: own.serviceAccountId,
      name: `Sample ${unique()}`,
      scopes: ["Organization.Read", "Organization.ReadMembers"],
      expiresAt: "2999-01-01T00:00:00.000Z",
      ...keySettings,
    }),
    true,
  ),
  "apikeys.listApiKeys": owned(({ own }) => ({ organizationId: own.id, limit: 5 }), true),
  "apikeys.getApiKey": owned(({ own }) => ({ apiKeyId: own.apiKeyId }), true),
  "apikeys.updateApiKey": owned(
    async (world) => ({ apiKeyId: (await apiKey(world)).id, name: `Sample ${unique()}`, ...keySettings }),
    true,
  ),
  "apikeys.rotateApiKey": owned(async ({ server, own }) => {
    const fields = { organizationId: own.id, owner: "service", serviceAccountId: own.serviceAccountId };
    return { apiKeyId: (await newApiKey(server, own.owner.token, fields)).id, overlapSeconds: 60 };
  }),
  "apikeys.revokeApiKey": owned(async (world) => ({ apiKeyId: (await apiKey(world)).id })),
  "apikeys.getApiKeyUsage": owned(({ own }) => ({ apiKeyId: own.apiKeyId, from: "2026-01-01", to: "2999-01-01", limit: 5 }), true),
  "apikeys.verifyApiKey": owned(
    async (world) => ({
      organizationId: world.own.id,
      key: (await apiKey(world)).key,
      ipAddress: "192.0.2.1",
      permission: "Organization.Read",
      resourceType: "school",
      resourceId: "1",
    }),
    true,
  ),
  "apikeys.reportLeakedApiKey": {
    make: async (world) => anonymous({ key: (await apiKey(world)).key, location: "https://example.com/paste" }),
    again: true,
  },
  "authentication.setUp": { make: async ({ server }) => anonymous({ token: await openSetUp(server), ...person() }) },

  "audit.listLogs": owned(({ own }) => ({ organizationId: own.id, limit: 5 }), true),
  "audit.exportLogs": owned(({ own }) => ({ organizationId: own.id, format: "csv", action: "Role" }), true),
  "audit.recordEvent": owned(
    ({ own }) => ({
      organizationId: own.id,
      source: "camera-counting",
      action: "camera.viewed",
      userId: "7",
      entityType: "camera",
      entityId: "12",
      userName: "Lan",
      details: { zone: "entrance" },
    }),
    true,
  ),
  "audit.startExport": owned(({ own }) => ({ organizationId: own.id, format: "jsonl" }), true),
  "audit.getExport": owned(async (world) => ({ exportId: (await newExport(world)).id }), true),
  "audit.getExportPart": owned(async (world) => ({ exportId: (await newExport(world)).id, part: "1" }), true),
  "audit.getCheckpoint": owned(({ own }) => ({ organizationId: own.id }), true),
  "audit.getPublicKeys": { make: async () => anonymous({}), again: true },
  "audit.erasePerson": internally(() => ({ userId: unique(), email: address("forgotten") }), true),

  "sessions.logout": { make: async ({ server, own }) => ({ token: await signIn(server, own.member.email), input: {} }) },
  "sessions.listSessions": owned(() => ({ limit: 5 }), true),
  "sessions.endSession": {
    async make({ server, own }) {
      const { token } = own.owner;
      await signIn(server, own.owner.email);
      const { items } = await expectOk(server.call(`GET ${api}/auth/sessions`, { token }));
      return { token, input: { sessionId: items.find((session: { current: boolean }) => !session.current).id } };
    },
  },
  "sessions.endOtherSessions": { make: async ({ server }) => ({ token: (await newPerson(server, "many")).token, input: {} }), again: true },
  "sessions.endSessionsOfUser": internally(async ({ server }) => ({ userId: (await newPerson(server, "many")).id }), true),
  // Sessions from before the world: its people stay signed in.
  "sessions.endAllSessions": internally(() => ({ startedBefore: "2020-01-01T00:00:00.000Z" }), true),
  "sessions.getSession": owned(() => ({}), true),
  "tokens.getKeySet": { make: async () => anonymous({}), again: true },
  "tokens.issueTokens": {
    make: async ({ server, administrator, own }) => ({
      token: await signInServiceKey(server, administrator),
      input: {
        userId: own.member.id,
        organizationId: own.id,
        methods: ["otp"],
        authProvider: "otp",
        ipAddress: "192.0.2.1",
        userAgent: "x",
      },
    }),
    again: true,
  },
  "tokens.refreshTokens": {
    make: async ({ server, own }) => anonymous({ refreshToken: (await signInWithTokens(server, own.member.email)).refreshToken }),
  },
  "tokens.refreshSession": {
    make: async ({ server, own }) => anonymous({ refreshToken: (await signInWithTokens(server, own.member.email)).refreshToken }),
  },
  "tokens.revokeTokens": {
    make: async ({ server, own }) => anonymous({ token: (await signInWithTokens(server, own.member.email)).accessToken }),
    again: true,
  },
  "tokens.exchangeToken": {
    make: async ({ server, own }) => ({
      token: await actingServiceKey(server, own),
      input: { subjectToken: (await signInWithTokens(server, own.member.email, own.id)).accessToken, scopes: ["Organization.Read"] },
    }),
    again: true,
  },
  "tokens.impersonateUser": owned(
    ({ own }) => ({ organizationId: own.id, userId: own.member.id, scopes: ["Organization.Read"], reason: "a ticket" }),
    true,
  ),
  "tokens.listExchangedTokens": owned(() => ({ limit: 5 }), true),
  "tokens.endExchangedToken": {
    make: async ({ server, own }) => {
      const body = { organizationId: own.id, userId: own.member.id, scopes: ["Organization.Read"], reason: "a ticket" };
      const { tokenId } = await expectOk(server.call("POST /api/v1/token/impersonate", { token: own.owner.token, body }));
      return { token: own.member.token, input: { tokenId } };
    },
  },
  "tokens.listSigningKeys": internally(() => ({}), true),
  "tokens.rotateSigningKeys": internally(() => ({ immediately: true })),
  "authentication.login": {
    make: async ({ own }) => anonymous({ email: own.owner.email, password, organizationId: own.id }),
    again: true,
  },
};

/** Suites that run every operation expect none, so that a new route without a sample fails them. */
export const operationsWithoutSample = (server: TestServer): string[] =>
  routesOf(server)
    .map(({ name }) => name)
    .filter((name) => samples[name] === undefined);

export const sampleOf = (world: World, name: string): Promise<Sample> => {
  const recipe = samples[name];
  if (recipe === undefined) throw new Error(`${name} has no sample request: add one to packages/testing/src/samples.ts`);
  return recipe.make(world);
};
