/** Attack 20 of docs/security/attacks.md: row-level security returns no row of another tenant, even to a query without WHERE. */
import { newOrganization, type OrganizationOf } from "@gatehouse/testing/people.ts";
import { World } from "@gatehouse/testing/world.ts";
import { type RawBuilder, sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { access } from "../../packages/server/src/modules/authorization/access/index.ts";
import { anyone, either, own, signedIn } from "../../packages/server/src/operation/declaration/authorization.ts";
import { catalogue } from "../../packages/server/src/operation/declaration/catalogue.ts";
import { module } from "../../packages/server/src/operation/declaration/module.ts";
import type { Principal } from "../../packages/server/src/operation/declaration/principal.ts";
import { nullable, Type, Uuid } from "../../packages/server/src/operation/declaration/schema.ts";
import { internalDispatch } from "../../packages/server/src/operation/kernel/internal-dispatch.ts";
import { Kernel } from "../../packages/server/src/operation/kernel/kernel.ts";
import { rowsOf } from "../../packages/server/src/platform/database/rows.ts";

interface TenantRow {
  readonly tenant: string | null;
}

/** Statements without a filter, on tables with rows of several tenants. */
const unfiltered = {
  roles: sql<TenantRow>`select distinct organization_id as tenant from roles`,
  memberships: sql<TenantRow>`select distinct organization_id as tenant from memberships`,
} as const;

const tenants = module("tenants", {
  store: {
    reads: (db) => {
      const tenantsOf = async (statement: RawBuilder<TenantRow>) => (await rowsOf(db, statement)).map(({ tenant }) => tenant);
      return { ofRoles: () => tenantsOf(unfiltered.roles), ofMemberships: () => tenantsOf(unfiltered.memberships) };
    },
    writes: () => ({}),
  },
  uses: { access },
});

const Seen = Type.Object({ tenants: Type.Array(nullable(Uuid)) });
const InOrganization = Type.Object({ organizationId: nullable(Uuid) });
const declared = { summary: "Tenants whose rows are seen.", allow: signedIn(), output: Seen } as const;

const audit = { action: "Tenant.Counted", category: "System", severity: "Info" } as const;

const inPrepare = tenants.command("inPrepare", {
  ...declared,
  audit,
  input: InOrganization,
  prepare: ({ reading }) => reading((store) => store.ofRoles()),
  run: async (_context, _input, seen) => ({ tenants: seen }),
});
const inMemoryQuery = tenants.inMemoryQuery("inMemoryQuery", {
  ...declared,
  input: InOrganization,
  run: async ({ reading }) => ({ tenants: await reading((store) => store.ofRoles()) }),
});
let seenByOwnerOf: readonly (string | null)[] = [];
const inOwnerOf = tenants.inMemoryQuery("inOwnerOf", {
  ...declared,
  allow: either(own("thing")),
  input: InOrganization,
  async ownerOf({ reading, user }) {
    seenByOwnerOf = await reading((store) => store.ofRoles());
    return user.id;
  },
  run: async () => ({ tenants: [...seenByOwnerOf] }),
});
const ofNoTenant = tenants.command("ofNoTenant", {
  ...declared,
  audit,
  input: Type.Object({}),
  prepare: ({ reading }) => reading((store) => store.ofMemberships()),
  run: async (_context, _input, seen) => ({ tenants: seen }),
});
const anonymously = tenants.inMemoryQuery("anonymously", {
  ...declared,
  allow: anyone("nothing is seen"),
  input: Type.Object({}),
  run: async ({ reading }) => ({ tenants: await reading((store) => store.ofMemberships()) }),
});
const throughApi = tenants.inMemoryQuery("throughApi", {
  summary: "What a role gives, asked from within another organization.",
  allow: signedIn(),
  input: Type.Object({ organizationId: Uuid, ofOrganization: Uuid, roleId: Uuid }),
  output: Type.Object({ permissions: Type.Array(Type.String()) }),
  run: async ({ reading }, { ofOrganization, roleId }) => ({
    permissions: [...(await reading((_store, uses) => uses.access.permissionsGivenBy(ofOrganization, [roleId])))],
  }),
});
const named = tenants.inMemoryQuery("named", {
  ...declared,
  input: Type.Object({ of: nullable(Uuid) }),
  run: async ({ readingTenant }, { of }) => ({ tenants: await readingTenant(of, (store) => store.ofRoles()) }),
});
const ofEveryTenant = tenants.inMemoryQuery("ofEveryTenant", {
  ...declared,
  input: InOrganization,
  run: async ({ readingEveryTenant }) => ({
    tenants: await readingEveryTenant("the test counts them", (store) => store.ofRoles()),
  }),
});
const declaredForAll = tenants.command("declaredForAll", {
  ...declared,
  audit,
  everyTenant: "the test counts them",
  input: InOrganization,
  prepare: ({ reading }) => reading((store) => store.ofRoles()),
  run: async (_context, _input, seen) => ({ tenants: seen }),
});
const beforeItsTenant = tenants.inMemoryQuery("beforeItsTenant", {
  ...declared,
  input: Type.Object({}),
  async tenant(context) {
    const { reading } = context as unknown as { reading: (work: () => Promise<null>) => Promise<null> };
    return reading(async () => null);
  },
  run: async () => ({ tenants: [] }),
});

describe("rows that a use case reads without a filter", () => {
  let world: World;
  let other: OrganizationOf;
  let otherRole: string;
  let principal: Principal;
  let dispatch: ReturnType<typeof internalDispatch>;

  beforeAll(async () => {
    world = await World.open();
    other = await newOrganization(world.server);
    otherRole = (
      await world.server.call(`GET /api/v1/iam/roles?scope=Organization&organizationId=${other.id}`, { token: other.owner.token })
    ).body.items[0].id;
    const { platform, authenticate, kernel: product } = world.server.application;
    const operations = [
      ...[inPrepare, inMemoryQuery, inOwnerOf, ofNoTenant, anonymously, throughApi],
      ...[named, ofEveryTenant, declaredForAll, beforeItsTenant],
    ];
    const kernel = new Kernel(catalogue([{ module: tenants, operations, events: [], steps: [] }]), platform);
    kernel.authorizeWith(product.authorizer);
    principal = (await authenticate(world.owner.token)) as Principal;
    dispatch = internalDispatch(kernel.dispatch);
  });
  afterAll(() => world.close());

  const id = () => world.organization.id;

  it("a use case reads only the tenant's rows in prepare, in a cached query and in ownerOf", async () => {
    for (const operation of [inPrepare, inMemoryQuery, inOwnerOf]) {
      const { output } = await dispatch(operation, { organizationId: id() }, { principal });
      expect(output.tenants, operation.name).toEqual([id()]);
    }
  });

  it("a use case of the internal scope reads only rows of the internal scope", async () => {
    for (const operation of [inPrepare, inMemoryQuery]) {
      const { output } = await dispatch(operation, { organizationId: null }, { principal });
      expect(output.tenants, operation.name).toEqual([null]);
    }
  });

  it("a use case without a tenant reads only the caller's rows, and none without a caller", async () => {
    expect((await dispatch(ofNoTenant, {}, { principal })).output.tenants).toEqual([id()]);
    expect((await dispatch(anonymously, {}, { principal: { kind: "anonymous" } })).output.tenants).toEqual([]);
  });

  it("a use case reads only the tenant's rows through the API of another module", async () => {
    const request = { ofOrganization: other.id, roleId: otherRole };
    expect((await dispatch(throughApi, { ...request, organizationId: id() }, { principal })).output.permissions).toEqual([]);
    const { permissions } = (await dispatch(throughApi, { ...request, organizationId: other.id }, { principal })).output;
    expect(permissions.length).toBeGreaterThan(0);
  });

  it("a use case that names a tenant reads only its rows", async () => {
    expect((await dispatch(named, { of: other.id }, { principal })).output.tenants).toEqual([other.id]);
    expect((await dispatch(named, { of: null }, { principal })).output.tenants).toEqual([null]);
  });

  it("a use case reads every tenant's rows only where it states a reason", async () => {
    for (const operation of [ofEveryTenant, declaredForAll]) {
      const { output } = await dispatch(operation, { organizationId: id() }, { principal });
      expect(output.tenants, operation.name).toEqual(expect.arrayContaining([null, id(), other.id]));
    }
  });

  it("reads are refused before the tenant of the call is resolved", async () => {
    await expect(dispatch(beforeItsTenant, {}, { principal })).rejects.toThrow("before the tenant is resolved");
  });
});
