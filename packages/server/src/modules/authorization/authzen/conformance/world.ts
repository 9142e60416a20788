import {
  expectStatus,
  joinAs,
  newAdministrator,
  newOrganization,
  newPerson,
  type OrganizationOf,
  type Person,
  signIn,
  unique,
} from "@gatehouse/testing/people.ts";
import { type Answer, type AnyBody, type CallOptions, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { expect } from "vitest";
import { issues } from "./schemas.ts";

/** The fixture of the standard's and the certification's examples: users and their permissions. */
export interface World {
  readonly server: TestServer;
  readonly administrator: Person;
  readonly organization: OrganizationOf;
  readonly alice: Person;
  readonly bob: Person;
  /** A session of the owner for the organization: the default caller. */
  readonly token: string;
  /** The user id for a name in the examples. */
  readonly idOf: (name: string) => string;
  /** Sends a request and expects every successful response to conform to the standard. */
  post(path: string, body: unknown, options?: CallOptions): Promise<Answer<AnyBody>>;
  decide(evaluation: object, token?: string): Promise<AnyBody>;
  grant(resource: string, relation: string, subject: object, condition?: object): Promise<void>;
}

const users = ["user"];
/** True unless the resource has the status `archived`. */
const notArchived = {
  any: [{ not: { operator: "exists", left: "$resource.status" } }, { operator: "not_equals", left: "$resource.status", right: "archived" }],
};

const model = {
  resourceTypes: {
    account: {
      relations: { reader: { subjects: users }, writer: { subjects: users } },
      permissions: { can_read: { allow: "reader" }, can_write: { allow: "writer" } },
    },
    todo: { relations: { reader: { subjects: users } }, permissions: { can_read: { allow: "reader" } } },
    group: { relations: { member: { subjects: users } } },
    document: {
      relations: { viewer: { subjects: ["user", "group#member"] }, editor: { subjects: users } },
      permissions: { can_read: { allow: "viewer" }, can_edit: { allow: "editor" }, read: { allow: "viewer" } },
    },
    record: {
      relations: { reader: { subjects: users }, writer: { subjects: users }, deleter: { subjects: users } },
      permissions: { read: { allow: "reader" }, write: { allow: "writer" }, delete: { allow: "deleter" } },
    },
  },
};

export async function makeWorld(): Promise<World> {
  const server = await startTestServer({ GATEHOUSE_SIGN_IN_LIMIT: "off", GATEHOUSE_DECISION_STEPS: "1000000000" });
  const administrator = await newAdministrator(server);
  for (const value of ["can_read", "can_write", "can_edit", "read", "write", "delete"])
    await expectStatus(
      201,
      server.call("POST /api/v1/iam/permissions", { token: administrator.token, body: { value, scope: "Organization" } }),
    );
  await expectStatus(200, server.call("PUT /api/v1/iam/authorization/model", { token: administrator.token, body: { model } }));
  const organization = await newOrganization(server);
  const [alice, bob] = [await newPerson(server, "alice"), await newPerson(server, "bob")];
  const role = await expectStatus(
    201,
    server.call("POST /api/v1/iam/roles", {
      token: organization.owner.token,
      body: { name: `Plain ${unique()}`, scope: "Organization", organizationId: organization.id },
    }),
  );
  for (const person of [alice, bob]) await joinAs(server, organization, person, (role.body as AnyBody).id);
  const token = await signIn(server, organization.owner.email, organization.id);

  const post: World["post"] = async (path, body, options = {}) => {
    const answer = await server.call(`POST ${path}`, { token, body, ...options });
    if (answer.status === 200) {
      expect(issues[path]?.(answer.body), JSON.stringify(answer.body)).toEqual([]);
      expect(answer.headers["content-type"]).toMatch(/^application\/json/);
    }
    return answer;
  };
  const grant: World["grant"] = async (resource, relation, subject, condition) => {
    const [type, id] = resource.split("/");
    await expectStatus(
      201,
      server.call("POST /api/v1/iam/grants", {
        token: organization.owner.token,
        body: { organizationId: organization.id, resource: { type, id }, relation, subject, ...(condition ? { condition } : {}) },
      }),
    );
  };
  const names: Readonly<Record<string, string>> = {
    alice: alice.id,
    "alice@example.com": alice.id,
    bob: bob.id,
    "bob@example.com": bob.id,
  };
  const world: World = {
    server,
    administrator,
    organization,
    alice,
    bob,
    token,
    idOf: (name) => names[name] ?? name,
    post,
    grant,
    async decide(evaluation, by) {
      const answer = await post("/access/v1/evaluation", evaluation, by === undefined ? {} : { token: by });
      expect(answer.status, JSON.stringify(answer.body)).toBe(200);
      return answer.body;
    },
  };
  await grantAll(world);
  return world;
}

async function grantAll({ server, organization, alice, bob, grant }: World): Promise<void> {
  const asUser = ({ id }: Person) => ({ type: "user", id });
  for (const id of ["123", "456", "789"]) await grant(`account/${id}`, "reader", asUser(alice));
  await grant("account/123", "reader", asUser(bob));
  await grant("account/123", "writer", asUser(alice));
  await grant("todo/1", "reader", asUser(alice));
  for (const id of ["boxcarring.md", "1", "3"]) await grant(`document/${id}`, "viewer", asUser(alice));
  for (const id of ["record-1", "record-2"]) {
    await grant(`record/${id}`, "reader", asUser(alice));
    await grant(`record/${id}`, "writer", asUser(alice), notArchived);
  }
  await grant("record/record-1", "deleter", asUser(alice), { operator: "equals", left: "$request.action.soft", right: true });
  await grant("record/record-1", "reader", asUser(bob));
  await grant("record/record-2", "writer", asUser(bob), { operator: "equals", left: "$user.role", right: "admin" });
  await expectStatus(
    200,
    server.call(`PUT /api/v1/iam/organizations/${organization.id}/members/${bob.id}/attributes`, {
      token: organization.owner.token,
      body: { attributes: { role: "admin" } },
    }),
  );
}
