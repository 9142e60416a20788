import { expectWritten } from "@gatehouse/testing/answers.ts";
import { joinAs, newPerson, type Person, signIn } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody, CallOptions } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { expect } from "vitest";
import { issues } from "./schemas.ts";

/** The people and the relationships that the examples of the standard and of its certification assume. */
export interface AuthzenWorld extends Pick<World, "server" | "administrator" | "organization"> {
  readonly alice: Person;
  readonly bob: Person;
  /** A session of the owner for the organization. */
  readonly token: string;
  /** The id of the person whom the examples call by a name. */
  readonly idOf: (name: string) => string;
  /** Sends a request, and expects every success to match the schemas of the standard. */
  post(path: string, body: unknown, options?: CallOptions): Promise<Answer<AnyBody>>;
  decide(evaluation: object, token?: string): Promise<AnyBody>;
  grant(resource: string, relation: string, subject: object, condition?: object): Promise<void>;
}

const users = ["user"];
/** True unless the status is known to be `archived`. */
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

export async function openAuthzenWorld(): Promise<AuthzenWorld> {
  const base = await World.open();
  const { server, administrator, organization, owner } = base;
  await base.define("can_read", "can_write", "can_edit", "read", "write", "delete");
  await base.model(model);
  const [alice, bob] = [await newPerson(server, "alice"), await newPerson(server, "bob")];
  const role = await base.role();
  for (const person of [alice, bob]) await joinAs(server, organization, person, role);
  const token = await signIn(server, owner.email, organization.id);

  const post: AuthzenWorld["post"] = async (path, body, options = {}) => {
    const answer = await server.call(`POST ${path}`, { token, body, ...options });
    if (answer.status === 200) {
      expect(issues[path]?.(answer.body), JSON.stringify(answer.body)).toEqual([]);
      expect(answer.headers["content-type"]).toMatch(/^application\/json/);
    }
    return answer;
  };
  const grant: AuthzenWorld["grant"] = async (resource, relation, subject, condition) => {
    const [type, id] = resource.split("/");
    const body = { organizationId: organization.id, resource: { type, id }, relation, subject, ...(condition ? { condition } : {}) };
    expectWritten(await base.send("POST grants", owner.token, body), 201);
  };
  const names: Readonly<Record<string, string>> = {
    alice: alice.id,
    "alice@example.com": alice.id,
    bob: bob.id,
    "bob@example.com": bob.id,
  };
  const world: AuthzenWorld = {
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
  await base.setAttributes(bob, { role: "admin" });
  return world;
}

async function grantAll({ alice, bob, grant }: AuthzenWorld): Promise<void> {
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
}
