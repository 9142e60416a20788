/** Attack 21 of docs/security/attacks.md. */
import { randomBytes } from "node:crypto";
import { expectOk } from "@gatehouse/testing/answers.ts";
import { newClient } from "@gatehouse/testing/clients.ts";
import { times } from "@gatehouse/testing/lanes.ts";
import { address, invite, newAdministrator, newOrganization, newPerson, newRole, signIn, unique } from "@gatehouse/testing/people.ts";
import { routesOf, type Sample, sendRequest } from "@gatehouse/testing/requests.ts";
import { sampleOf } from "@gatehouse/testing/samples.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { newApiKey, newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { newGrant, type Tenant } from "@gatehouse/testing/tenant.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { type ApiKeyState, apikeys } from "../../packages/server/src/modules/integration/apikeys/index.ts";
import type { Operation } from "../../packages/server/src/operation/declaration/operation.ts";

const world = World.ofSuite(twoTenants);
const { server } = world;
let lists: (Operation & { readonly http: string })[];
beforeAll(async () => {
  lists = routesOf(server).filter((operation) => "cursor" in operation.input.properties);
  // Every list has more than one item, so that each has a cursor.
  for (const tenant of [world.own, world.other]) {
    const memberRole = tenant.roles["Member"] as string;
    await invite(server, tenant.organization, address("second"), memberRole);
    await newGrant(server, tenant.organization, { type: "user", id: tenant.member.id });
    await newServiceAccount(server, tenant.owner.token, tenant.id, [memberRole]);
    await newApiKey(server, tenant.owner.token, { organizationId: tenant.id });
    await newClient(server, tenant.owner.token, { organizationId: tenant.id });
    await recordTwoOperations(tenant.apiKeyId);
    const acting = { organizationId: tenant.id, userId: world.both.person.id, scopes: ["Organization.Read"], reason: "a ticket" };
    await expectOk(server.call("POST /api/v1/token/impersonate", { token: tenant.owner.token, body: acting }));
  }
  await newAdministrator(server);
  await signIn(server, world.both.person.email);
});

/** Records calls of two operations with a key. */
async function recordTwoOperations(id: string): Promise<void> {
  const { usage } = server.application.kernel.stateOf<ApiKeyState>(apikeys);
  for (const operation of ["decisions.check", "decisions.filter"])
    usage.count({ id, recordedAt: 0 }, { operation, status: 200, latencyMs: 1 });
  await usage.flush();
}

/** A request for the list by a caller who may read it, in either tenant. */
async function requestFor(operation: Operation, tenant: Tenant): Promise<Sample> {
  const sample = await sampleOf(world, operation.name);
  const { email: _, status: __, ...input } = sample.input as Record<string, unknown>;
  const token = sample.token === world.administrator.token ? sample.token : world.both.person.token;
  const theirs = { organizationId: tenant.id, tenantId: tenant.id, userId: world.both.person.id };
  const ids = Object.fromEntries(Object.entries(theirs).filter(([name]) => name in input));
  return { token, input: { ...input, ...ids, limit: 1 } };
}

const isOfTenant = ({ input }: Sample): boolean => "organizationId" in input || "tenantId" in input;

const withCursor = (sample: Sample, cursor: string): Sample => ({ ...sample, input: { ...sample.input, cursor } });

async function cursorOf(operation: Operation, tenant: Tenant): Promise<string> {
  const { nextCursor } = await expectOk(sendRequest(server, operation, await requestFor(operation, tenant)));
  expect(nextCursor, `${operation.http} has one page only`).toEqual(expect.any(String));
  return nextCursor;
}

async function expectRefused(operation: Operation, sample: Sample, what: string): Promise<void> {
  const answer = await sendRequest(server, operation, sample);
  expect([answer.status, answer.body.error?.code], `${operation.http} ${what}: ${JSON.stringify(answer.body)}`).toEqual([
    400,
    "common.validation_failed",
  ]);
}

describe("a cursor", () => {
  it("every list refuses a forged cursor", async () => {
    expect(lists.length).toBeGreaterThan(6);
    for (const operation of lists) {
      const sample = await requestFor(operation, world.own);
      const real = await cursorOf(operation, world.own);
      const body = real.slice(3);
      const flipped = `g1.${body.slice(0, 30)}${body[30] === "A" ? "B" : "A"}${body.slice(31)}`;
      const forged = {
        "is empty": "",
        "is random": randomBytes(60).toString("base64url"),
        "is random ciphertext": `g1.${randomBytes(60).toString("base64url")}`,
        "is plain": Buffer.from(JSON.stringify([world.other.id])).toString("base64url"),
        "is JSON": JSON.stringify([world.other.id]),
        "was cut": real.slice(0, -4),
        "has one bit changed": flipped,
        "has more behind it": `${real}AAAA`,
        "has no body": "g1.",
        "is SQL": "' or 1=1 --",
        "is too long": "A".repeat(5_000),
      };
      for (const [what, cursor] of Object.entries(forged))
        await expectRefused(operation, withCursor(sample, cursor), `a cursor that ${what}`);
      await expectOk(sendRequest(server, operation, withCursor(sample, real)));
    }
  });

  it("a cursor of another list is refused", async () => {
    const cursors = new Map<Operation, string>();
    for (const operation of lists) cursors.set(operation, await cursorOf(operation, world.own));
    for (const operation of lists) {
      const sample = await requestFor(operation, world.own);
      for (const [from, cursor] of cursors) {
        if (from !== operation) await expectRefused(operation, withCursor(sample, cursor), `with the cursor of ${from.http}`);
      }
    }
  });

  it("a cursor of another tenant is refused, also to an owner of both", async () => {
    for (const operation of lists) {
      const sample = await requestFor(operation, world.own);
      if (!isOfTenant(sample)) continue;
      await expectRefused(operation, withCursor(sample, await cursorOf(operation, world.other)), "with another tenant's cursor");
    }
  });

  it("a cursor of another person is refused where lists are personal", async () => {
    const someone = await newPerson(server, "someone");
    await signIn(server, someone.email);
    for (const operation of lists.filter(({ name }) => ["sessions.listSessions", "tenancy.listOrganizations"].includes(name))) {
      const cursor = await cursorOf(operation, world.own);
      await expectRefused(operation, { token: someone.token, input: { limit: 1, cursor } }, "with another person's cursor");
    }
  });
});

describe("a list", () => {
  it("a list refuses an invalid limit, an unknown order and an unknown filter", async () => {
    for (const operation of lists) {
      const sample = await requestFor(operation, world.own);
      for (const limit of ["0", "-1", "201", "1.5", "abc", "1e3", "", "9".repeat(30)]) {
        await expectRefused(operation, { ...sample, input: { ...sample.input, limit } }, `?limit=${limit}`);
      }
      for (const unknown of ["sort", "order", "filter", "q", "offset", "fields"]) {
        await expectRefused(operation, { ...sample, input: { ...sample.input, [unknown]: "id" } }, `?${unknown}=id`);
      }
      if (!operation.http.startsWith("GET ")) continue;
      const [route] = [operation.http.replace("GET ", "").replace(/:organizationId/, world.own.id)];
      const twice = await server.call(`GET ${route}?limit=1&limit=2`, { token: sample.token as string });
      expect(twice.status, `${route}?limit=1&limit=2`).toBe(400);
    }
  });

  it("a tenant's list contains nothing of another tenant, with any filter on any page", async () => {
    const theirs = JSON.stringify([
      world.other.id,
      world.other.roles,
      world.other.customRoleId,
      world.other.grantId,
      world.other.serviceAccountId,
      world.other.apiKeyId,
      world.other.clientId,
      world.other.membershipIds,
      world.other.invitation,
      world.other.owner,
      world.other.admin,
      world.other.member,
    ]).match(/[\da-f-]{36}|[\w-]+@example\.com/g) as string[];
    const filters = [{}, { limit: 1 }, { status: "Pending" }, { status: "Expired" }, { status: "Accepted" }, { scope: "Organization" }];
    for (const operation of lists) {
      const sample = await sampleOf(world, operation.name);
      if (!isOfTenant(sample)) continue;
      const { status: _, ...input } = sample.input as Record<string, unknown>;
      for (const filter of filters.filter((one) => Object.keys(one).every((name) => name in operation.input.properties))) {
        for (const token of [world.own.owner.token, world.own.member.token, world.both.sessionForOwn]) {
          const { body } = await sendRequest(server, operation, { token, input: { ...input, ...filter } });
          const shown = JSON.stringify(body);
          expect(theirs.filter((id) => shown.includes(id))).toEqual([]);
        }
      }
    }
  });

  it("a list shows each item once over its pages, with names of any length", async () => {
    for (const letter of ["x", "ế", "语", "👍"]) {
      const name = `${unique()} ${letter.repeat(240)}`;
      await expectOk(
        server.call("POST /api/v1/iam/roles", {
          token: world.own.owner.token,
          body: { name, scope: "Organization", organizationId: world.own.id },
        }),
      );
    }
    await newRole(server, world.organization);
    for (const operation of lists) {
      const sample = await requestFor(operation, world.own);
      const whole = await expectOk(sendRequest(server, operation, { ...sample, input: { ...sample.input, limit: 200 } }));
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page: AnyBody = await expectOk(sendRequest(server, operation, cursor === null ? sample : withCursor(sample, cursor)));
        seen.push(...page.items.map((item: AnyBody) => item.id));
        cursor = page.nextCursor;
      } while (cursor !== null && seen.length < 500);
      const expected = whole.items.map((item: AnyBody) => item.id);
      // Earlier requests, this one included, are appended to the audit log meanwhile, before the newest entry of the first page.
      const arrived = operation.name === "audit.listLogs" ? seen.indexOf(expected[0]) : 0;
      expect(seen.slice(arrived), operation.http).toEqual(expected);
    }
  });

  it("the list of organizations shows the session's own one on any page", async () => {
    const owner = await newPerson(server, "owner");
    const ids: string[] = [];
    for (const _ of times(4)) ids.push((await newOrganization(server, owner)).id);
    for (const id of ids) {
      const token = await signIn(server, owner.email, id);
      for (const limit of [1, 2, 200]) {
        const { items, nextCursor } = await expectOk(server.call(`GET /api/v1/iam/organizations?limit=${limit}`, { token }));
        expect(items.map((item: AnyBody) => item.id)).toEqual([id]);
        expect(nextCursor).toBeNull();
      }
    }
  });

  it("lists of users and of every organization are for internal administrators", async () => {
    for (const route of ["GET /api/v1/users", `GET /api/v1/users?email=${world.own.owner.email}`, "GET /api/v1/iam/organizations?of=all"]) {
      for (const token of [world.own.owner.token, world.both.sessionForOwn]) expect((await server.call(route, { token })).status).toBe(403);
    }
  });
});
