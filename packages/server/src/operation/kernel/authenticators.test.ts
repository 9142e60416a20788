import { randomUUID } from "node:crypto";
import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { type Person, unique } from "@gatehouse/testing/people.ts";
import { type AnyBody, backend, distributed, startTestServer } from "@gatehouse/testing/server.ts";
import { newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { TokenAuthenticator } from "@gatehouse/testing/token-authenticator.ts";
import { World } from "@gatehouse/testing/world.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Credential, IdentifiedPrincipal } from "../declaration/principal.ts";
import { authenticateWith } from "./authenticators.ts";

const tokens = new TokenAuthenticator();
let world: World;
/** A service account with the role Owner. */
let owningService: { readonly id: string };
beforeAll(async () => {
  const server = await startTestServer({ GATEHOUSE_SIGN_IN_LIMIT: "off" }, backend, { modules: [tokens.module] });
  world = await World.on(server, ["member", "nonMember"]);
  await world.define("Ward", "Ward.Read", "Ward.Close");
  owningService = await newServiceAccount(server, world.owner.token, world.organization.id, [world.roles["Owner"] as string]);
});
afterAll(() => world.close());

const credential = (more: Partial<Credential> = {}): Credential => ({
  kind: "accessToken",
  id: randomUUID(),
  authenticatedAt: Date.now(),
  methods: ["pwd"],
  ...more,
});
const principal = (kind: "user" | "service", { id }: { id: string }, more: Partial<Credential> = {}): IdentifiedPrincipal => ({
  kind,
  id,
  organizationId: null,
  credential: credential(more),
});
/** An access token of the user, limited to the scopes where they are given. */
const userToken = (person: { id: string }, scopes?: readonly string[]): string =>
  tokens.issue(principal("user", person, scopes === undefined ? {} : { scopes }));
const serviceToken = (service: { id: string } = owningService): string => tokens.issue(principal("service", service, { kind: "apiKey" }));

const get = (path: string, token: string) => world.send(`GET ${path}`, token);
const memberships = () => `organizations/${world.organization.id}/memberships`;

describe("authenticators", () => {
  const answering = (prefix: string, answer: IdentifiedPrincipal | null) => ({
    accepts: (token: string) => token.startsWith(prefix),
    authenticate: () => answer,
  });
  const [ada, bob] = [principal("user", { id: "ada" }), principal("service", { id: "bob" })];

  it("are chosen by the form of the token, and a token that none accepts is no credential", () => {
    const authenticate = authenticateWith([answering("a_", ada), answering("b_", bob), answering("c_", null)]);
    expect(["a_1", "b_1", "c_1", "d_1", ""].map((token) => authenticate(token))).toEqual([ada, bob, null, null, null]);
  });

  it("of several modules coexist: sessions still work, and a revoked or unknown token is refused with 401", async () => {
    expectRead(await get("users/me", world.member.token));
    const token = userToken(world.member);
    expectRead(await get("users/me", token));
    tokens.revoke(token);
    for (const refused of [token, "ght_", "ghs_short", "other_1"])
      expectError(await get("users/me", refused), 401, "auth.credential_invalid");
  });
});

describe("an access token of a user", () => {
  it("authenticates the user, cannot end sessions and is not listed as one", async () => {
    const token = userToken(world.member);
    expectError(await world.send("POST auth/logout", token, {}), 403, "auth.permission_denied");
    expectError(await world.send("DELETE auth/sessions", token), 403, "auth.permission_denied");
    expect((await get("auth/sessions", token)).body.items.map(({ current }: AnyBody) => current)).not.toContain(true);
    expectRead(await get("users/me", world.member.token));
  });
});

describe("the scopes of a credential", () => {
  let nurse: Person;
  const limited = (...scopes: string[]) => userToken(nurse, scopes);
  const about = (actionType: string, more: object = {}) => ({ userId: nurse.id, tenantId: world.organization.id, actionType, ...more });
  const check = async (token: string, actionType: string, more: object = {}): Promise<AnyBody> => {
    const answer = await world.send("POST authorization/check", token, about(actionType, more));
    expectRead(answer);
    return answer.body;
  };
  beforeAll(async () => {
    nurse = await world.person(
      await world.role(["Ward", "Organization.ReadMembers", "Organization.ManageRoles", "Organization.InviteMember"]),
    );
  });

  it("limit the permissions of a call, also by an ancestor of the permission", async () => {
    expectRead(await get(memberships(), limited("Organization.ReadMembers")));
    for (const scopes of [[], ["Organization.Read"], ["Ward"]]) {
      const answer = await get(memberships(), limited(...scopes));
      expectError(answer, 403, "auth.permission_denied");
      expect(answer.body.error.details).toEqual([{ rule: "credential_scope", permission: "Organization.ReadMembers" }]);
    }
    // To a non-member the organization does not exist, whatever the scopes.
    expectError(await get(memberships(), userToken(world.nonMember, [])), 404, "tenancy.organization_not_found");
  });

  it("deny access to the user's own resources, which no scope covers", async () => {
    const token = limited("Organization.ReadMembers");
    const routes = ["users/me", "auth/session", "auth/sessions", "organizations", "authorization/model"];
    for (const route of routes) {
      const answer = await get(route, token);
      expectError(answer, 403, "auth.permission_denied");
      expect(answer.body.error.details).toEqual([{ rule: "credential_scope" }]);
      expectRead(await get(route, route.startsWith("auth/session") ? nurse.token : userToken(nurse)));
    }
    const own = `DELETE ${memberships()}/${await world.membershipOf(nurse)}`;
    expectError(await world.send(own, token), 403, "auth.permission_denied");
  });

  it("limit a check about the caller, and a request cannot widen them", async () => {
    const token = limited("Ward.Read");
    expect(await check(token, "Ward.Read")).toMatchObject({ isAuthorized: true });
    expect(await check(token, "Ward.Close")).toMatchObject({ isAuthorized: false, reasonCode: "key_scope" });
    expect(await check(token, "Ward.Close", { scopes: ["Ward"] })).toMatchObject({ isAuthorized: false, reasonCode: "key_scope" });
    expect(await check(token, "Ward.Read", { scopes: ["Ward"] })).toMatchObject({ isAuthorized: true });
    expect(await check(token, "Ward.Read", { scopes: ["Ward.Close"] })).toMatchObject({ isAuthorized: false, reasonCode: "key_scope" });
    expect(await check(limited(), "Ward.Read")).toMatchObject({ isAuthorized: false, reasonCode: "key_scope" });
    expect(await check(userToken(nurse), "Ward.Close")).toMatchObject({ isAuthorized: true });
  });

  it("apply to batches, AuthZEN, explanations and lists as to a check", async () => {
    const token = limited("Ward.Read");
    const batch = await world.send("POST authorization/check-batch", token, { checks: [about("Ward.Read"), about("Ward.Close")] });
    expect(batch.body.results.map(({ isAuthorized }: AnyBody) => isAuthorized)).toEqual([true, false]);
    const subject = { type: "user", id: nurse.id, properties: { tenantId: world.organization.id } };
    const evaluated = await world.server.call("POST /access/v1/evaluations", {
      token,
      body: {
        subject,
        resource: { type: "Ward", id: "1" },
        evaluations: [{ action: { name: "Ward.Read" } }, { action: { name: "Ward.Close" } }],
      },
    });
    expect(evaluated.body.evaluations.map(({ decision }: AnyBody) => decision)).toEqual([true, false]);
    const why = await world.send("POST authorization/explain", token, about("Ward.Close", { scopes: ["Ward.Close"] }));
    expect(why.body.steps.filter(({ part }: AnyBody) => part === "key_scope")).toEqual([
      { part: "key_scope", outcome: "passed", scopes: ["Ward.Close"] },
      { part: "key_scope", outcome: "failed", scopes: ["Ward.Read"] },
    ]);
    expect(why.body.changes.map((set: AnyBody[]) => set.map(({ kind }) => kind))).toEqual([["widen_scopes"]]);
    const { body } = await get(`users/me/permissions?organizationId=${world.organization.id}`, token);
    expect([...body.permissions, ...body.conditionalPermissions]).toEqual(["Ward.Read"]);
    const none = await get(`users/me/permissions?organizationId=${world.organization.id}`, limited());
    expect(none.body).toMatchObject({ permissions: [], conditionalPermissions: [] });
  });

  it("limit who may check another user, and not the answer about that user", async () => {
    const asOwner = (scopes: readonly string[]) =>
      world.send("POST authorization/check", userToken(world.owner, scopes), about("Organization.ReadMembers"));
    expect((await asOwner(["Organization.CheckAccess"])).body).toMatchObject({ isAuthorized: true });
    expectError(await asOwner(["Organization.ReadMembers"]), 403, "auth.permission_denied");
  });

  it("limit delegation: a credential cannot grant permissions outside its scopes", async () => {
    const roleId = await world.role();
    const give = (token: string, permission: string) =>
      world.send(`POST roles/${roleId}/permissions`, token, { permissions: [permission] });
    const token = limited("Organization.ManageRoles", "Ward.Read");
    expectError(await give(token, "Ward.Close"), 403, "access.permission_not_held");
    expectWritten(await give(token, "Ward.Read"), 200);
    expectWritten(await give(userToken(nurse), "Ward.Close"), 200);
  });
});

describe("state that belongs to a principal", () => {
  const invitation = () => ({ email: `${unique()}@example.com`, roleId: world.roles["Member"] });

  it("includes its Idempotency-Keys: a service with a user's key, or also the user's id, gets no answer of the user", async () => {
    const body = { name: `Keys ${unique()}`, scope: "Organization", organizationId: world.organization.id };
    const create = (token: string) => world.send("POST roles", token, body, { "idempotency-key": "the same" });
    const first = await create(world.owner.token);
    expectWritten(first, 201);
    // Another credential of the same user is the same principal.
    expect((await create(userToken(world.owner))).body).toEqual(first.body);
    expectError(await create(serviceToken()), 409, "access.role_name_taken");
    expectError(await create(serviceToken(world.owner)), 404, "access.role_not_found");
  });

  it("includes a service's idempotent answers, for all of its credentials", async () => {
    const body = invitation();
    const key = { "idempotency-key": unique() };
    const invite = (token: string) => world.send(`POST organizations/${world.organization.id}/invitations`, token, body, key);
    const first = await invite(serviceToken());
    expectWritten(first, 201);
    expect((await invite(serviceToken())).body).toEqual(first.body);
  });

  it("includes its cursors", async () => {
    const page = (token: string, cursor?: string) =>
      get(`${memberships()}?limit=1${cursor === undefined ? "" : `&cursor=${cursor}`}`, token);
    const { body } = await page(world.owner.token);
    expectRead(await page(userToken(world.owner), body.nextCursor));
    expectError(await page(serviceToken(), body.nextCursor), 400, "common.validation_failed");
    const service = serviceToken();
    expectRead(await page(service, (await page(service)).body.nextCursor));
  });
});

describe("the log line of a call", () => {
  // Reads the log of the serving process, which is another one if the roles run in separate processes.
  it.skipIf(distributed)("names the principal, its credential and the actor", async () => {
    const actor = { kind: "service", id: randomUUID() } as const;
    const delegated: IdentifiedPrincipal = { ...principal("service", owningService, { kind: "apiKey" }), actor };
    expectRead(await get(memberships(), tokens.issue(delegated)));
    const line = world.server.logged.findLast(({ operation }) => operation === "tenancy.listMemberships");
    expect(line).toMatchObject({
      principal: "service",
      serviceId: owningService.id,
      apiKeyId: delegated.credential.id,
      organizationId: null,
      actor: `service:${actor.id}`,
    });
    expect(line).not.toHaveProperty("userId");
  });
});
