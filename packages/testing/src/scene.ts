import { expectRead, expectWritten } from "./answers.ts";
import { joinAs, newAdministrator, newOrganization, newPerson, type OrganizationOf, type Person, rolesOf, unique } from "./people.ts";
import { type Answer, type AnyBody, startTestServer, type TestServer } from "./server.ts";

type Fields = Readonly<Record<string, unknown>>;

export const nowhere = "0198c0de-0000-7000-8000-000000000000";

/** An installation with an administrator, an organization with one of each system role, and somebody who has no part in it. */
export class Scene {
  readonly server: TestServer;
  readonly administrator: Person;
  readonly organization: OrganizationOf;
  readonly roles: Readonly<Record<string, string>>;
  readonly admin: Person;
  readonly member: Person;
  readonly nonMember: Person;

  private constructor(parts: Pick<Scene, "server" | "administrator" | "organization" | "roles" | "admin" | "member" | "nonMember">) {
    this.server = parts.server;
    this.administrator = parts.administrator;
    this.organization = parts.organization;
    this.roles = parts.roles;
    this.admin = parts.admin;
    this.member = parts.member;
    this.nonMember = parts.nonMember;
  }

  static async open(environment: Readonly<Record<string, string>> = {}): Promise<Scene> {
    return Scene.on(await startTestServer({ GATEHOUSE_SIGN_IN_LIMIT: "off", GATEHOUSE_DECISION_STEPS: "1000000000", ...environment }));
  }

  /** The same on a server that runs already, whose limits on calls are off. */
  static async on(server: TestServer): Promise<Scene> {
    const administrator = await newAdministrator(server);
    const organization = await newOrganization(server);
    const roles = await rolesOf(server, organization);
    const [admin, member, nonMember] = [await newPerson(server), await newPerson(server), await newPerson(server)];
    await joinAs(server, organization, admin, roles["Admin"] as string);
    await joinAs(server, organization, member, roles["Member"] as string);
    return new Scene({ server, administrator, organization, roles, admin, member, nonMember });
  }

  get owner(): Person {
    return this.organization.owner;
  }

  close(): Promise<void> {
    return this.server.close();
  }

  send(route: string, token: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer<AnyBody>> {
    return this.server.call(route.replace(" ", " /api/v1/iam/"), { token, headers, ...(body === undefined ? {} : { body }) });
  }

  /** Defines permissions, each below the one that its name continues. */
  async define(...values: readonly string[]): Promise<void> {
    for (const value of values)
      expectWritten(await this.send("POST permissions", this.administrator.token, { value, scope: "Organization" }), 201);
  }

  putModel(model: unknown, headers: Readonly<Record<string, string>> = {}, token = this.administrator.token): Promise<Answer<AnyBody>> {
    return this.send("PUT authorization/model", token, { model }, headers);
  }

  async model(model: unknown): Promise<void> {
    expectWritten(await this.putModel(model), 200);
  }

  /** A role of the organization that gives `permissions`. */
  async role(permissions: readonly string[] = [], at = this.organization): Promise<string> {
    const body = { name: `Role ${unique()}`, scope: "Organization", organizationId: at.id };
    const made = await this.send("POST roles", at.owner.token, body);
    expectWritten(made, 201);
    if (permissions.length > 0)
      expectWritten(await this.send(`POST roles/${made.body.id}/permissions`, at.owner.token, { permissions }), 200);
    return made.body.id;
  }

  /** Sets how a role gives or takes a permission. */
  rule(role: string, permission: string, rule: Fields = {}, token = this.owner.token, headers = {}): Promise<Answer<AnyBody>> {
    return this.send(`PUT roles/${role}/permissions/${permission}`, token, rule, headers);
  }

  /** A role with one rule. */
  async roleWith(permission: string, rule: Fields): Promise<string> {
    const role = await this.role();
    expectWritten(await this.rule(role, permission, rule), 200);
    return role;
  }

  /** A new person with these roles, by default a member with a role that gives nothing. */
  async person(...roles: readonly string[]): Promise<Person> {
    const person = await newPerson(this.server);
    const [first = await this.role(), ...more] = roles;
    const { id } = await joinAs(this.server, this.organization, person, first);
    if (more.length > 0) {
      const at = `PUT organizations/${this.organization.id}/memberships/${id}`;
      expectWritten(await this.send(at, this.owner.token, { roleIds: [first, ...more] }), 200);
    }
    return person;
  }

  /** The membership of somebody in the organization. */
  async membershipOf(person: Person): Promise<string> {
    const { body } = await this.send(`GET organizations/${this.organization.id}/memberships?limit=100`, this.owner.token);
    return body.items.find(({ userId }: AnyBody) => userId === person.id).id;
  }

  /** `grant("Room:1", "viewer", "user:…")`; a set is `Group:1#member`. Only the first colon separates. */
  grant(resource: string, relation: string, subject: string, more: Fields = {}, token = this.owner.token): Promise<Answer<AnyBody>> {
    const body = { organizationId: this.organization.id, resource: refOf(resource), relation, subject: subjectOf(subject), ...more };
    return this.send("POST grants", token, body);
  }

  async granted(resource: string, relation: string, subject: string, more: Fields = {}, token = this.owner.token): Promise<AnyBody> {
    const answer = await this.grant(resource, relation, subject, more, token);
    expectWritten(answer, 201);
    return answer.body;
  }

  /** Checks what a person may do in the organization, as that person. */
  asks(person: Person, actionType: string, more: Fields = {}): Promise<Answer<AnyBody>> {
    const body = { userId: person.id, tenantId: this.organization.id, actionType, ...more };
    return this.send("POST authorization/check", person.token, body);
  }

  async decides(person: Person, actionType: string, more: Fields = {}): Promise<AnyBody> {
    const answer = await this.asks(person, actionType, more);
    expectRead(answer);
    return answer.body;
  }

  async may(person: Person, actionType: string, more: Fields = {}): Promise<boolean> {
    return (await this.decides(person, actionType, more)).isAuthorized;
  }

  async mayOn(person: Person, actionType: string, resource: string, more: Fields = {}): Promise<boolean> {
    return this.may(person, actionType, { ...on(resource), ...more });
  }

  async setAttributes(person: Person, attributes: Fields): Promise<void> {
    const at = `PUT organizations/${this.organization.id}/members/${person.id}/attributes`;
    expectWritten(await this.send(at, this.owner.token, { attributes }), 200);
  }

  async setEntitlements(entitlements: Fields, organization = this.organization): Promise<void> {
    const at = `PUT organizations/${organization.id}/entitlements`;
    expectWritten(await this.send(at, this.administrator.token, { entitlements }), 200);
  }
}

/** A comparison, as rules and grants take it. */
export const compare = (left: unknown, operator: string, right: unknown) => ({ left, operator, right });

export function refOf(text: string): { type: string; id: string } {
  const colon = text.indexOf(":");
  return { type: text.slice(0, colon), id: text.slice(colon + 1) };
}

export function subjectOf(text: string): { type: string; id: string; relation?: string } {
  const hash = text.lastIndexOf("#");
  return hash < 0 ? refOf(text) : { ...refOf(text.slice(0, hash)), relation: text.slice(hash + 1) };
}

/** A resource as a check names it. */
export function on(resource: string): { resourceType: string; resourceId: string } {
  const { type, id } = refOf(resource);
  return { resourceType: type, resourceId: id };
}
