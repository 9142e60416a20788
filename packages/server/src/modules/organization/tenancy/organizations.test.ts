import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { newAdministrator, newOrganization, newPerson, type Person, signIn, unique } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { newTenant } from "@gatehouse/testing/tenant.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { beforeAll, describe, expect, it } from "vitest";

const server = serverOfSuite();
let administrator: Person;
let person: Person;
beforeAll(async () => {
  administrator = await newAdministrator(server);
  person = await newPerson(server);
});

const unknownId = "0198c0de-0000-7000-8000-000000000000";
const draft = (overrides: Readonly<Record<string, unknown>> = {}) => {
  const name = `Studio ${unique()}`;
  return { name, slug: name.toLowerCase().replace(" ", "-"), country: "VN", ...overrides };
};
const create = (body: unknown, token = person.token): Promise<Answer<AnyBody>> =>
  server.call("POST /api/v1/iam/organizations", { token, body });
const update = (id: string, token: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer<AnyBody>> =>
  server.call(`PUT /api/v1/iam/organizations/${id}`, { token, body, headers });
const read = (id: string, token: string): Promise<Answer<AnyBody>> => server.call(`GET /api/v1/iam/organizations/${id}`, { token });

/** An organization with an owner, an admin and a member. */
const staffed = () => newTenant(server, ["admin", "member"]);

describe("POST /api/v1/iam/organizations", () => {
  it("creates the organization with its system roles, and the caller as its owner", async () => {
    const body = draft({ country: "DE" });
    const answer = await create(body);
    expectWritten(answer, 201);
    expect(answer.body).toEqual({
      ...body,
      id: expect.stringMatching(/^[\da-f-]{36}$/),
      status: "Active",
      logoAssetId: null,
      createdAt: expect.stringMatching(/Z$/),
      updatedAt: answer.body.createdAt,
      version: 1,
    });
    expect(answer.headers["etag"]).toBe('"1"');
    const { body: roles } = await server.call(`GET /api/v1/iam/roles?organizationId=${answer.body.id}`, { token: person.token });
    expect(roles.items.map((role: AnyBody) => [role.name, role.isSystemRole, role.organizationId])).toEqual([
      ["Admin", true, answer.body.id],
      ["Member", true, answer.body.id],
      ["Owner", true, answer.body.id],
    ]);
    const { body: members } = await server.call(`GET /api/v1/iam/organizations/${answer.body.id}/memberships`, { token: person.token });
    expect(members.items).toMatchObject([{ userId: person.id, roles: [{ name: "Owner" }], user: { email: person.email } }]);
  });

  it("requires unique names and slugs, each with its own error code", async () => {
    const first = draft();
    await create(first);
    expectError(await withoutTrace(server, () => create(draft({ name: first.name }))), 409, "tenancy.name_taken", "name");
    expectError(await withoutTrace(server, () => create(draft({ slug: first.slug }))), 409, "tenancy.slug_taken", "slug");
    const both = draft();
    const answers = await Promise.all([create(both), create(both), create(both)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  });

  it.each([
    ["ZZ", "country"],
    ["vn", "country"],
    ["VNM", "country"],
    ["UK", "country"],
    ["", "country"],
    [704, "country"],
  ])("refuses the country %j", async (country, field) => {
    expectError(await withoutTrace(server, () => create(draft({ country }))), 400, "common.validation_failed", field);
  });

  it.each(["A", "Capital", "-a", "a-", "a--b", "a b", "a_b", "trường", "x".repeat(64), "a.b"])("refuses the slug %j", async (slug) => {
    expectError(await withoutTrace(server, () => create(draft({ slug }))), 400, "common.validation_failed", "slug");
  });

  it.each([
    [{ status: "Suspended" }, "status"],
    [{ id: unknownId }, "id"],
    [{ organizationId: unknownId }, "organizationId"],
    [{ name: " " }, "name"],
    [{ name: "n".repeat(256) }, "name"],
    [{ name: undefined }, "name"],
    [{ country: undefined }, "country"],
  ])("refuses the body with %j", async (overrides, field) => {
    expectError(await withoutTrace(server, () => create(draft(overrides))), 400, "common.validation_failed", field);
  });

  it("answers 401 to an anonymous caller", async () => {
    expectError(
      await withoutTrace(server, () => server.call("POST /api/v1/iam/organizations", { body: draft() })),
      401,
      "auth.credential_required",
    );
  });
});

describe("PUT /api/v1/iam/organizations/{id}", () => {
  it("changes only the given fields, for owner, admin and internal administrator", async () => {
    const { organization, admin } = await staffed();
    const name = `Renamed ${unique()}`;
    const byOwner = await update(organization.id, organization.owner.token, { name });
    expectWritten(byOwner, 200);
    expect(byOwner.body).toMatchObject({ ...organization.body, name, version: 2, updatedAt: expect.any(String) });
    expect(byOwner.headers["etag"]).toBe('"2"');
    expect((await update(organization.id, admin.token, { country: "FR" })).body).toMatchObject({ name, country: "FR", version: 3 });
    expect((await update(organization.id, administrator.token, { logoAssetId: unknownId })).body).toMatchObject({
      logoAssetId: unknownId,
      country: "FR",
    });
    expect((await update(organization.id, administrator.token, { logoAssetId: null })).body.logoAssetId).toBeNull();
    expect((await read(organization.id.toUpperCase(), admin.token)).body.version).toBe(5);
  });

  it("answers 403 to a member, and 404 to a non-member as for an unknown organization", async () => {
    const { organization, member } = await staffed();
    const refused = await withoutTrace(server, () => update(organization.id, member.token, { name: "Mine now" }));
    expectError(refused, 403, "auth.permission_denied");
    expect(refused.body.error.details).toContainEqual(expect.objectContaining({ permission: "Organization.Update" }));
    const nonMember = await withoutTrace(server, () => update(organization.id, person.token, { name: "Mine now" }));
    const unknown = await withoutTrace(server, () => update(unknownId, person.token, { name: "Mine now" }));
    expectError(nonMember, 404, "tenancy.organization_not_found");
    expect({ ...nonMember.body.error, traceId: "" }).toEqual({ ...unknown.body.error, traceId: "" });
    expectError(await update(unknownId, administrator.token, { name: "Nobody's" }), 404, "tenancy.organization_not_found");
  });

  it("requires unique names and slugs, refuses invalid fields, and honours If-Match", async () => {
    const [one, other] = [await newOrganization(server), await newOrganization(server)];
    const change = (body: unknown, headers = {}) => withoutTrace(server, () => update(one.id, one.owner.token, body, headers));
    expectError(await change({ name: other.body.name }), 409, "tenancy.name_taken", "name");
    expectError(await change({ slug: other.body.slug }), 409, "tenancy.slug_taken", "slug");
    expectError(await change({ country: "ZZ" }), 400, "common.validation_failed", "country");
    expectError(await change({}), 400, "common.validation_failed");
    expectError(await change({ organizationId: one.id, name: "Twice said" }), 400, "common.validation_failed", "organizationId");
    expectError(await change({ isSystem: true }), 400, "common.validation_failed", "isSystem");
    expectError(await change({ country: "FR" }, { "if-match": '"7"' }), 412, "common.version_conflict", "If-Match");
    expectWritten(await update(one.id, one.owner.token, { country: "FR" }, { "if-match": '"1"' }), 200);
  });

  it("allows only an internal administrator to set the status", async () => {
    const { organization, admin, member } = await staffed();
    for (const token of [organization.owner.token, admin.token, member.token, person.token]) {
      expectError(await withoutTrace(server, () => update(organization.id, token, { status: "Suspended" })), 403, "auth.permission_denied");
    }
    expectError(
      await withoutTrace(server, () => update(organization.id, administrator.token, { status: "Gone" })),
      400,
      "common.validation_failed",
      "status",
    );
    expectWritten(await update(organization.id, administrator.token, { status: "Suspended" }), 200);
  });

  it("refuses status and settings together to a caller who may only set the status", async () => {
    const organization = await newOrganization(server);
    const role = await server.call("POST /api/v1/iam/roles", {
      token: administrator.token,
      body: { name: `Support ${unique()}`, scope: "Internal" },
    });
    await server.call(`POST /api/v1/iam/roles/${role.body.id}/permissions`, {
      token: administrator.token,
      body: { permissions: ["Tenant.SetStatus"] },
    });
    const support = await newPerson(server);
    await server.call(`PUT /api/v1/iam/internal/memberships/${support.id}`, { token: administrator.token, body: { roleId: role.body.id } });
    expectError(
      await withoutTrace(server, () => update(organization.id, support.token, { status: "Suspended", name: "And renamed" })),
      403,
      "auth.permission_denied",
    );
    expectWritten(await update(organization.id, support.token, { status: "Suspended" }), 200);
  });
});

describe("a suspended organization", () => {
  it("is closed to its members immediately, in every session, until it is activated again", async () => {
    const { organization, admin, member } = await staffed();
    const scoped = await signIn(server, member.email, organization.id);
    const check = () =>
      server.call("POST /api/v1/iam/authorization/check", {
        token: member.token,
        body: { userId: member.id, tenantId: organization.id, actionType: "Organization.Read" },
      });
    expect((await check()).body.isAuthorized).toBe(true);
    expect((await read(organization.id, scoped)).status).toBe(200);
    await update(organization.id, administrator.token, { status: "Suspended" });
    for (const token of [organization.owner.token, admin.token, member.token, scoped]) {
      expectError(await read(organization.id, token), 403, "auth.organization_suspended");
    }
    expectError(
      await withoutTrace(server, () => update(organization.id, organization.owner.token, { name: "Still mine" })),
      403,
      "auth.organization_suspended",
    );
    expectError(await read(organization.id, person.token), 404, "tenancy.organization_not_found");
    expect((await check()).body).toMatchObject({ isAuthorized: false, reasonCode: "organization_suspended", missingPermissions: [] });
    expect((await read(organization.id, administrator.token)).body.status).toBe("Suspended");

    expectWritten(await update(organization.id, administrator.token, { status: "Active" }), 200);
    expect((await read(organization.id, scoped)).status).toBe(200);
    expect((await check()).body.isAuthorized).toBe(true);
  });
});

describe("GET /api/v1/iam/organizations", () => {
  it("lists the caller's organizations in pages, and all organizations to internal administrators only", async () => {
    const owner = await newPerson(server);
    const own = [];
    for (let count = 0; count < 3; count += 1) own.push((await newOrganization(server, owner)).id);
    await newOrganization(server);
    const first = await server.call("GET /api/v1/iam/organizations?limit=2", { token: owner.token });
    expectRead(first);
    expect(first.body.items.map(({ id }: AnyBody) => id)).toEqual(own.slice(0, 2));
    const second = await server.call(`GET /api/v1/iam/organizations?limit=2&cursor=${first.body.nextCursor}`, { token: owner.token });
    expect(second.body).toMatchObject({ items: [{ id: own[2] }], nextCursor: null });
    expectError(await server.call("GET /api/v1/iam/organizations?of=all", { token: owner.token }), 403, "auth.permission_denied");
    expect(
      (await server.call("GET /api/v1/iam/organizations?of=all&limit=200", { token: administrator.token })).body.items.length,
    ).toBeGreaterThan(3);
    expect((await server.call("GET /api/v1/iam/organizations", { token: administrator.token })).body).toEqual({
      items: [],
      nextCursor: null,
    });
  });
});

describe("GET /api/v1/iam/organizations/{id}", () => {
  it("answers members and internal administrators, and 404 to a non-member as for an unknown id", async () => {
    const { organization, member } = await staffed();
    const answer = await read(organization.id, member.token);
    expectRead(answer);
    expect(answer.body).toEqual(organization.body);
    expect(answer.headers["etag"]).toBe('"1"');
    expect((await read(organization.id, administrator.token)).status).toBe(200);
    expectError(await read(organization.id, person.token), 404, "tenancy.organization_not_found");
    expectError(await read("not-an-id", person.token), 400, "common.validation_failed", "organizationId");
    const scopedAdministrator = await newOrganization(server, administrator);
    const token = await signIn(server, administrator.email, scopedAdministrator.id);
    expectError(await read(organization.id, token), 404, "tenancy.organization_not_found");
  });
});
