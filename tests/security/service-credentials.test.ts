import { randomUUID } from "node:crypto";
import { expectOk, issueOf } from "@gatehouse/testing/answers.ts";
import { routesOf, type Sample, sendRequest } from "@gatehouse/testing/requests.ts";
import { sampleOf } from "@gatehouse/testing/samples.ts";
import { type Answer, type AnyBody, backend } from "@gatehouse/testing/server.ts";
import { newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { leavesNoTrace } from "@gatehouse/testing/stored-rows.ts";
import { TokenAuthenticator } from "@gatehouse/testing/token-authenticator.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { describe, expect, it } from "vitest";
import type { Rule } from "../../packages/server/src/operation/declaration/authorization.ts";
import type { Operation } from "../../packages/server/src/operation/declaration/operation.ts";

const tokens = new TokenAuthenticator();
const world = World.ofSuite(twoTenants, {}, backend, { modules: [tokens.module] });
const { server } = world;

/** One permission of organizations and one of the internal scope. */
const twoScopes = ["Organization.ReadRoles", "User.Read"];

/** An API key of a service. */
const apiKeyOf = (id: string, scopes?: readonly string[]): string =>
  tokens.issue({
    kind: "service",
    id,
    organizationId: null,
    credential: { kind: "apiKey", id: randomUUID(), authenticatedAt: Date.now(), methods: [], ...(scopes ? { scopes } : {}) },
  });

const servicesByUser = new Map<string, string>();
/** A service account with the roles of the administrator or the owner; for every other user, with the role Member. */
async function serviceOf(userId: string): Promise<string> {
  const known = servicesByUser.get(userId);
  if (known !== undefined) return known;
  const { own, administrator, administratorRoleId } = world;
  const { id } =
    userId === administrator.id
      ? await newServiceAccount(server, administrator.token, null, [administratorRoleId])
      : await newServiceAccount(server, own.owner.token, own.id, [own.roles[userId === own.owner.id ? "Owner" : "Member"] as string]);
  servicesByUser.set(userId, id);
  return id;
}

const serviceToken = async (userId: string, scopes?: readonly string[]): Promise<string> => apiKeyOf(await serviceOf(userId), scopes);

/** Operations whose handlers authorize requests about other users; the samples are about a user. */
const asksAboutUsers = (operation: Operation): boolean =>
  operation.allow.kind === "identified" && operation.allow.appliesScopes && operation.name !== "decisions.getMyPermissions";

/** Whether a service with every permission of the rule is allowed, within its scopes. */
function lets(rule: Rule, input: Sample["input"], scopes: readonly string[] | undefined): boolean {
  const covers = (permission: string) => scopes === undefined || scopes.includes(permission);
  switch (rule.kind) {
    case "anyone":
      return true;
    case "identified":
      return rule.appliesScopes || scopes === undefined;
    case "permission":
      return covers(rule.permission);
    case "scoped":
      return covers(input["organizationId"] === null ? rule.internal : rule.tenant);
    case "byInput":
      return lets(rule.cases[String(input[rule.field])] ?? rule.otherwise, input, scopes);
    case "either":
      return rule.rules.some((each) => lets(each, input, scopes));
    case "signedIn":
    case "subject":
    case "own":
    case "operator":
      return false;
  }
}

/** Operations that refuse every principal but a service account: their samples have the API key of one. */
const onlyForServices: ReadonlySet<string> = new Set(["tokens.issueTokens", "tokens.exchangeToken"]);
/** Operations with a permission that only users may call: they need a session. */
const onlyForUsers: ReadonlySet<string> = new Set(["tokens.impersonateUser"]);

const userIds = new Map<string, string>();
/** The user whose session a sample is sent with. */
async function userOf(token: string): Promise<string> {
  const known = userIds.get(token) ?? (await expectOk(server.call("GET /api/v1/iam/users/me", { token }))).id;
  userIds.set(token, known);
  return known;
}

const isRefusal = ({ status }: Answer<AnyBody>): boolean => status === 403 || status === 404;

describe("a service with a credential of its own", () => {
  const restricted = () => routesOf(server).filter(({ name, allow }) => allow.kind !== "anyone" && !onlyForServices.has(name));

  it("a service is refused on every route that no scope covers, and leaves no trace", { timeout: 300_000 }, async () => {
    const wrong: string[] = [];
    for (const operation of restricted()) {
      const sample = await sampleOf(world, operation.name);
      const userId = await userOf(sample.token as string);
      // Created before the comparison of stored rows.
      await serviceOf(userId);
      await leavesNoTrace(server, operation.name, async () => {
        for (const scopes of [[], twoScopes]) {
          const isRefused = asksAboutUsers(operation) || !lets(operation.allow, sample.input, scopes);
          if (!isRefused) continue;
          const answer = await sendRequest(server, operation, { ...sample, token: await serviceToken(userId, scopes) });
          const issue = issueOf(answer);
          if (issue !== undefined || !isRefusal(answer))
            wrong.push(`${operation.name} with [${scopes}]: ${issue ?? answer.status} ${JSON.stringify(answer.body)}`);
        }
      });
    }
    expect(wrong.join("\n")).toBe("");
  });

  it("a service does what its two scopes cover as a member with its roles does", { timeout: 120_000 }, async () => {
    const covered: string[] = [];
    for (const operation of restricted()) {
      const sample = await sampleOf(world, operation.name);
      if (asksAboutUsers(operation) || !lets(operation.allow, sample.input, twoScopes)) continue;
      const userId = await userOf(sample.token as string);
      const answer = await sendRequest(server, operation, { ...sample, token: await serviceToken(userId, twoScopes) });
      expect({ operation: operation.name, body: answer.body, ok: answer.status < 300 }).toMatchObject({ ok: true });
      covered.push(operation.name);
    }
    expect(covered.toSorted()).toEqual([
      "access.getRole",
      "access.listRoles",
      "decisions.getMyPermissions",
      "identity.getUser",
      "identity.listUsers",
    ]);
  });

  it("a service without scopes does what its roles allow, and nothing that only users may", { timeout: 300_000 }, async () => {
    const wrong: string[] = [];
    for (const operation of restricted()) {
      const sample = await sampleOf(world, operation.name);
      const token = await serviceToken(await userOf(sample.token as string));
      const answer = await sendRequest(server, operation, { ...sample, token });
      const isAllowed = lets(operation.allow, sample.input, undefined) && !onlyForUsers.has(operation.name);
      const isExpected = isAllowed ? answer.status < 300 : isRefusal(answer);
      const issue = issueOf(answer);
      if (issue !== undefined || !isExpected) wrong.push(`${operation.name}: ${issue ?? answer.status} ${JSON.stringify(answer.body)}`);
    }
    expect(wrong.join("\n")).toBe("");
  });

  it("a service receives the rule `principal` where only a user may call", async () => {
    const token = await serviceToken(world.own.owner.id);
    for (const operation of restricted().filter(({ allow }) => allow.kind === "signedIn")) {
      const sample = await sampleOf(world, operation.name);
      const answer = await sendRequest(server, operation, { ...sample, token });
      expect({ operation: operation.name, status: answer.status, details: answer.body.error.details }).toEqual({
        operation: operation.name,
        status: 403,
        details: [{ rule: "principal", principal: "user" }],
      });
    }
  });

  it("a service with the id of a user has none of the user's rights", async () => {
    const { id, member, membershipIds } = world.own;
    for (const user of [member, world.own.owner]) {
      const token = apiKeyOf(user.id);
      const membership = `DELETE /api/v1/iam/organizations/${id}/memberships/${membershipIds.member}`;
      expect((await server.call(membership, { token })).status).toBe(404);
      const check = { userId: user.id, tenantId: id, actionType: "Organization.Read" };
      const decision = await server.call("POST /api/v1/iam/authorization/check", { token, body: check });
      expect(decision.body).toMatchObject({ isAuthorized: false, reasonCode: "not_a_member", applicableEntitlements: {} });
      const batch = await server.call("POST /api/v1/iam/authorization/check-batch", { token, body: { checks: [check] } });
      expect(batch.body.results).toMatchObject([{ isAuthorized: false, reasonCode: "not_a_member" }]);
      expect((await server.call("POST /api/v1/iam/authorization/explain", { token, body: check })).status).toBe(404);
    }
  });

  it("a service cannot leave or check itself as a user with the same roles", async () => {
    const { id, member, membershipIds } = world.own;
    const token = await serviceToken(member.id);
    expect((await server.call(`DELETE /api/v1/iam/organizations/${id}/memberships/${membershipIds.member}`, { token })).status).toBe(403);
    const check = { userId: member.id, tenantId: id, actionType: "Organization.Read" };
    for (const route of ["check", "explain"]) {
      const { status } = await server.call(`POST /api/v1/iam/authorization/${route}`, { token, body: check });
      expect([route, status]).toEqual([route, 403]);
    }
  });
});
