import { password, signIn, unique } from "../../../packages/server/src/testing/people.ts";
import type { TestServer } from "../../../packages/server/src/testing/server.ts";
import { expectOk, routesOf, type Sample } from "./ask.ts";
import { address, invite, join, mailedToken, newRole, newUser, openSetUp, type World } from "./world.ts";

/** How a valid request of an operation is made. */
export interface Recipe {
  /** A valid request that has not been used. */
  make(world: World): Promise<Sample>;
  /** The request can be sent again with other values after it has succeeded. */
  readonly again?: true;
}

const api = "/api/v1/iam";
const nobody = (input: Sample["input"]): Sample => ({ input });
const person = () => ({ email: address("new"), password, firstName: "New", lastName: "Person", locale: "en" });

async function registered(server: TestServer): Promise<string> {
  const body = person();
  await expectOk(server.call(`POST ${api}/auth/register`, { body }));
  return mailedToken(server, body.email);
}

async function forgotten(server: TestServer): Promise<string> {
  const { email } = await newUser(server, "forgetful");
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
  const { id } = await newUser(server, "clerk");
  await expectOk(server.call(`PUT ${api}/internal/memberships/${id}`, { token: administrator.token, body: { roleId: internalRoleId } }));
  return id;
};

/** As `own`'s owner. */
const owned = (input: (world: World) => Promise<Sample["input"]> | Sample["input"], again?: true): Recipe => ({
  make: async (world) => ({ token: world.own.owner.token, input: await input(world) }),
  ...(again ? { again } : {}),
});
const internally = (input: (world: World) => Promise<Sample["input"]> | Sample["input"], again?: true): Recipe => ({
  make: async (world) => ({ token: world.administrator.token, input: await input(world) }),
  ...(again ? { again } : {}),
});

const customRole = async (world: World): Promise<string> => (await newRole(world.server, world.own.owner.token, world.own.id)).id;

/** One for each operation with a route; {@link operationsWithoutSample} tells which one is missing. */
export const samples: Readonly<Record<string, Recipe>> = {
  "identity.register": { make: async () => nobody(person()) },
  "identity.verifyEmail": { make: async ({ server }) => nobody({ token: await registered(server) }) },
  "identity.forgotPassword": { make: async () => nobody({ email: address("unknown") }), again: true },
  "identity.resetPassword": { make: async ({ server }) => nobody({ token: await forgotten(server), password: "a louder harbour" }) },
  "identity.getMe": owned(() => ({}), true),
  "identity.updateMe": owned(() => ({ firstName: "Mai", lastName: "Lan", locale: "vi" }), true),
  "identity.listUsers": internally(() => ({ email: address("nobody"), limit: 5 }), true),
  "identity.getUser": internally(({ own }) => ({ userId: own.member.id }), true),
  "identity.setUserStatus": internally(async ({ server }) => ({ userId: (await newUser(server, "noisy")).id, status: "Suspended" })),

  "access.check": owned(
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
  "access.checkBatch": owned(
    ({ own }) => ({
      checks: [{ userId: own.owner.id, tenantId: own.id, actionType: "Organization.Read", resourceType: "school", resourceId: "1" }],
    }),
    true,
  ),
  "access.getMyPermissions": owned(({ own }) => ({ organizationId: own.id }), true),
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
    const by = { organizationId: own.id, token: own.owner.token, roleId: own.roles["Member"] as string };
    const joined = await join(server, by, await newUser(server, "leaver"));
    return { organizationId: own.id, membershipId: joined.id };
  }),
  "tenancy.inviteMember": owned(({ own }) => ({ organizationId: own.id, email: address("guest"), roleId: own.roles["Member"] })),
  "tenancy.listInvitations": owned(({ own }) => ({ organizationId: own.id, status: "Pending", limit: 5 }), true),
  "tenancy.acceptInvitation": {
    async make({ server, own }) {
      const guest = await newUser(server, "guest");
      const { id, token } = await invite(server, {
        organizationId: own.id,
        token: own.owner.token,
        email: guest.email,
        roleId: own.roles["Member"] as string,
      });
      return { token: guest.token, input: { invitationId: id, token } };
    },
  },
  "tenancy.revokeInvitation": owned(async ({ server, own }) => ({
    invitationId: (
      await invite(server, {
        organizationId: own.id,
        token: own.owner.token,
        email: address("guest"),
        roleId: own.roles["Member"] as string,
      })
    ).id,
  })),
  "tenancy.listInternalMemberships": internally(() => ({ limit: 5 }), true),
  "tenancy.setInternalRoles": internally(
    async (world) => ({ userId: (await newUser(world.server, "clerk")).id, roleId: world.internalRoleId }),
    true,
  ),
  "tenancy.removeInternalMember": internally(async (world) => ({ userId: await internalMember(world) })),
  "tenancy.setUp": { make: async ({ server }) => nobody({ token: await openSetUp(server), ...person() }) },

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
  "sessions.getSession": owned(() => ({}), true),
  "authentication.login": {
    make: async ({ own }) => nobody({ email: own.owner.email, password, organizationId: own.id }),
    again: true,
  },
};

/** A new route without a sample makes every suite that is driven by the table fail, so that none is missed. */
export const operationsWithoutSample = (server: TestServer): string[] =>
  routesOf(server)
    .map(({ name }) => name)
    .filter((name) => samples[name] === undefined);

export const sampleOf = (world: World, name: string): Promise<Sample> => {
  const recipe = samples[name];
  if (recipe === undefined) throw new Error(`${name} has no sample request: add one to tests/hostile/support/samples.ts`);
  return recipe.make(world);
};
