import { expectOk } from "@gatehouse/testing/answers.ts";
import { joinAs, newPerson, newRole, type Person, unique } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody, TestServer } from "@gatehouse/testing/server.ts";
import { schoolModel } from "@gatehouse/testing/tenant.ts";
import type { World } from "@gatehouse/testing/world.ts";

const iam = "/api/v1/iam";

/** A user, an action, a resource, and how to allow and deny it. Probes share nothing but the model. */
export interface Probe {
  readonly person: Person;
  readonly question: Readonly<Record<string, unknown>>;
  /** Both answers have the revision of the write in a header. */
  allow(server: TestServer): Promise<Answer<AnyBody>>;
  deny(server: TestServer): Promise<Answer<AnyBody>>;
}

/** The kinds of policy data that can allow an action. */
export const kinds = [
  "a grant",
  "a group's grant",
  "a role's rule",
  "a role's denial",
  "an attribute",
  "an entitlement",
  "the model",
] as const;
export type Kind = (typeof kinds)[number];

const modelWith = (action: string, featured: string, allows: boolean) => ({
  resourceTypes: {
    ...schoolModel.resourceTypes,
    probe: {
      relations: { user: { subjects: ["user", "group#member"] } },
      ...(allows ? { permissions: { [action]: { allow: "user" } } } : {}),
    },
  },
  requirements: { [featured]: { entitlements: [{ feature: "probe" }] } },
});

/** The permissions of probes: one that is given in many ways, and one that needs an entitlement. */
export interface ProbeNames {
  readonly action: string;
  readonly featured: string;
}

export async function installProbes(server: TestServer, { administrator }: World): Promise<ProbeNames> {
  const names = { action: `Probe${unique()}`, featured: `Featured${unique()}` };
  for (const value of Object.values(names)) {
    const body = { value, scope: "Organization", parent: null };
    await expectOk(server.call(`POST ${iam}/permissions`, { token: administrator.token, body }));
  }
  await installModel(server, { administrator }, names);
  return names;
}

/** Installs the model that allows the probes. */
export function installModel(server: TestServer, { administrator }: Pick<World, "administrator">, names: ProbeNames): Promise<AnyBody> {
  const body = { model: modelWith(names.action, names.featured, true) };
  return expectOk(server.call(`PUT ${iam}/authorization/model`, { token: administrator.token, body }));
}

export async function newProbe(server: TestServer, world: World, names: ProbeNames, kind: Kind): Promise<Probe> {
  const { own, administrator } = world;
  const { action, featured } = names;
  const owner = own.owner.token;
  const condition = { operator: "equals", left: "$user.team", right: "red" };
  const role = (await newRole(server, own.organization)).id;
  const person = await newPerson(server, "probed");
  await joinAs(server, own.organization, person, role);
  const id = `probe ${unique()}`;
  const grant = (resource: object, relation: string, subject: object) => ({ organizationId: own.id, resource, relation, subject });
  const user = { type: "user", id: person.id };
  const ofGroup = { type: "group", id };
  const direct = grant({ type: "probe", id }, "user", user);
  const rule = (value: string, body: object) => (at: TestServer) =>
    at.call(`PUT ${iam}/roles/${role}/permissions/${value}`, { token: owner, body });
  const question = {
    userId: person.id,
    tenantId: own.id,
    actionType: kind === "an entitlement" ? featured : action,
    resourceType: "probe",
    resourceId: id,
  };
  /** Makes a grant, and revokes that one. */
  const byGrant = (body: object): Pick<Probe, "allow" | "deny"> => {
    let grantId = "";
    return {
      async allow(at) {
        const answer = await at.call(`POST ${iam}/grants`, { token: owner, body });
        grantId = answer.body.id;
        return answer;
      },
      deny: (at) => at.call(`DELETE ${iam}/grants/${grantId}`, { token: owner }),
    };
  };
  const between = (put: (at: TestServer, allowed: boolean) => Promise<Answer<AnyBody>>): Pick<Probe, "allow" | "deny"> => ({
    allow: (at) => put(at, true),
    deny: (at) => put(at, false),
  });
  const make = async (): Promise<Pick<Probe, "allow" | "deny">> => {
    switch (kind) {
      case "a grant":
        return byGrant(direct);
      case "a group's grant":
        await expectOk(
          server.call(`POST ${iam}/grants`, {
            token: owner,
            body: grant({ type: "probe", id }, "user", { ...ofGroup, relation: "member" }),
          }),
        );
        return byGrant(grant(ofGroup, "member", user));
      case "a role's rule":
        await expectOk(
          server.call(`PUT ${iam}/organizations/${own.id}/members/${person.id}/attributes`, {
            token: owner,
            body: { attributes: { team: "red" } },
          }),
        );
        return { allow: rule(action, { condition }), deny: rule(action, { condition: { not: condition } }) };
      case "a role's denial":
        await expectOk(server.call(`POST ${iam}/grants`, { token: owner, body: direct }));
        return { allow: rule(action, { effect: "allow" }), deny: rule(action, { effect: "deny" }) };
      case "an attribute":
        await expectOk(rule(action, { condition })(server));
        return between((at, allowed) =>
          at.call(`PUT ${iam}/organizations/${own.id}/members/${person.id}/attributes`, {
            token: owner,
            body: { attributes: { team: allowed ? "red" : "blue" } },
          }),
        );
      case "an entitlement":
        await expectOk(rule(featured, {})(server));
        return between((at, allowed) =>
          at.call(`PUT ${iam}/organizations/${own.id}/entitlements`, {
            token: administrator.token,
            body: { entitlements: { probe: allowed } },
          }),
        );
      case "the model":
        await expectOk(server.call(`POST ${iam}/grants`, { token: owner, body: direct }));
        return between((at, allowed) =>
          at.call(`PUT ${iam}/authorization/model`, {
            token: administrator.token,
            body: { model: modelWith(action, featured, allowed) },
          }),
        );
    }
  };
  return { person, question, ...(await make()) };
}

/** Kinds that the whole installation or the tenant shares: their probes cannot run concurrently. */
export const isShared = (kind: Kind): boolean => kind === "the model" || kind === "an entitlement";
