import { expectOk, expectRead, expectWritten } from "./answers.ts";
import {
  joinAs,
  type Member,
  newAdministrator,
  newInternalRole,
  newPerson,
  newRole,
  type OrganizationOf,
  type Person,
  signIn,
} from "./people.ts";
import { on, refOf, subjectOf } from "./references.ts";
import { type Answer, type AnyBody, startTestServer, type TestServer } from "./server.ts";
import { ofSuite, serverOfSuite } from "./suite.ts";
import { type Feature, newTenant, requested, schoolModel, type Tenant } from "./tenant.ts";

export type { Feature, Tenant } from "./tenant.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Two tenants with one of each thing, for tests of isolation between them. */
export const twoTenants: readonly Feature[] = ["both", "oneOfEach"];

const implied: Readonly<Partial<Record<Feature, readonly Feature[]>>> = { both: ["other"], oneOfEach: ["admin", "member"] };

const withoutLimits = { GATEHOUSE_SIGN_IN_LIMIT: "off", GATEHOUSE_DECISION_STEPS: "1000000000" };

/** An owner of both tenants, with a session for the first. */
interface OwnerOfBoth {
  readonly person: Person;
  readonly sessionForOwn: string;
}

interface InternalRoles {
  /** The system role of the internal scope, and one that was made there. */
  readonly administratorRoleId: string;
  readonly internalRoleId: string;
}

interface Contents {
  readonly administrator: Person;
  readonly own: Tenant;
  readonly other: Tenant | undefined;
  readonly nonMember: Person | undefined;
  readonly both: OwnerOfBoth | undefined;
  readonly internal: InternalRoles | undefined;
}

/** A server with an administrator, an organization with its owner, and what a test requests in addition ({@link Feature}). */
export class World {
  readonly server: TestServer;
  readonly #contents: () => Contents;

  private constructor(server: TestServer, contents: () => Contents) {
    this.server = server;
    this.#contents = contents;
  }

  /** Starts a server, by default without rate limits. {@link close} closes it. */
  static async open(features?: readonly Feature[], ...[environment, ...more]: Parameters<typeof startTestServer>): Promise<World> {
    return World.on(await startTestServer({ ...withoutLimits, ...environment }, ...more), features);
  }

  /** Makes the world on a server that runs already. */
  static async on(server: TestServer, features?: readonly Feature[]): Promise<World> {
    const contents = await make(server, features);
    return new World(server, () => contents);
  }

  /** A world of the suite that calls this: opened before its first test, closed after its last. Until then, only `server` is set. */
  static ofSuite(features?: readonly Feature[], ...[environment, ...more]: Parameters<typeof startTestServer>): World {
    const server = serverOfSuite({ ...withoutLimits, ...environment }, ...more);
    return new World(
      server,
      ofSuite(() => make(server, features)),
    );
  }

  /** The same people and tenants, on another server of the same database. */
  onServer(server: TestServer): World {
    return new World(server, this.#contents);
  }

  close(): Promise<void> {
    return this.server.close();
  }

  get administrator(): Person {
    return this.#contents().administrator;
  }

  get own(): Tenant {
    return this.#contents().own;
  }

  get organization(): OrganizationOf {
    return this.own.organization;
  }

  get roles(): Readonly<Record<string, string>> {
    return this.own.roles;
  }

  get owner(): Person {
    return this.own.owner;
  }

  get admin(): Person {
    return this.own.admin;
  }

  get member(): Person {
    return this.own.member;
  }

  get nonMember(): Person {
    return requested(this.#contents().nonMember, "nonMember");
  }

  get other(): Tenant {
    return requested(this.#contents().other, "other");
  }

  get both(): OwnerOfBoth {
    return requested(this.#contents().both, "both");
  }

  get administratorRoleId(): string {
    return requested(this.#contents().internal, "oneOfEach").administratorRoleId;
  }

  get internalRoleId(): string {
    return requested(this.#contents().internal, "oneOfEach").internalRoleId;
  }

  /** Calls `"POST roles"`, whose path is relative to `/api/v1/iam/`. */
  send(route: string, token: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer<AnyBody>> {
    return this.server.call(route.replace(" ", " /api/v1/iam/"), { token, headers, ...(body === undefined ? {} : { body }) });
  }

  /** Defines permissions. The one whose name another continues is its parent. */
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
  async role(permissions: readonly string[] = [], organization = this.organization): Promise<string> {
    return (await newRole(this.server, organization, permissions)).id;
  }

  /** Sets the rule by which a role allows or denies a permission. */
  rule(role: string, permission: string, rule: Fields = {}, token = this.owner.token, headers = {}): Promise<Answer<AnyBody>> {
    return this.send(`PUT roles/${role}/permissions/${permission}`, token, rule, headers);
  }

  /** A role with one rule. */
  async roleWith(permission: string, rule: Fields): Promise<string> {
    const role = await this.role();
    expectWritten(await this.rule(role, permission, rule), 200);
    return role;
  }

  /** A new member with these roles, by default with a role that gives nothing. */
  async person(...roles: readonly string[]): Promise<Member> {
    const person = await newPerson(this.server);
    const [first = await this.role(), ...more] = roles;
    const { id } = await joinAs(this.server, this.organization, person, first);
    if (more.length > 0) {
      const route = `PUT organizations/${this.organization.id}/memberships/${id}`;
      expectWritten(await this.send(route, this.owner.token, { roleIds: [first, ...more] }), 200);
    }
    return { ...person, membershipId: id };
  }

  /** The id of a member's membership. */
  async membershipOf(person: Person): Promise<string> {
    const { body } = await this.send(`GET organizations/${this.organization.id}/memberships?limit=100`, this.owner.token);
    return body.items.find(({ userId }: AnyBody) => userId === person.id).id;
  }

  /** `grant("Room:1", "viewer", "user:…")`; a set of subjects is `Group:1#member`. */
  grant(resource: string, relation: string, subject: string, more: Fields = {}, token = this.owner.token): Promise<Answer<AnyBody>> {
    const body = { organizationId: this.organization.id, resource: refOf(resource), relation, subject: subjectOf(subject), ...more };
    return this.send("POST grants", token, body);
  }

  async granted(resource: string, relation: string, subject: string, more: Fields = {}, token = this.owner.token): Promise<AnyBody> {
    const answer = await this.grant(resource, relation, subject, more, token);
    expectWritten(answer, 201);
    return answer.body;
  }

  /** Sends the check of a person's permission in the organization, as that person. */
  check(person: Person, actionType: string, more: Fields = {}): Promise<Answer<AnyBody>> {
    const body = { userId: person.id, tenantId: this.organization.id, actionType, ...more };
    return this.send("POST authorization/check", person.token, body);
  }

  /** The decision about a person. */
  async decide(person: Person, actionType: string, more: Fields = {}): Promise<AnyBody> {
    const answer = await this.check(person, actionType, more);
    expectRead(answer);
    return answer.body;
  }

  async may(person: Person, actionType: string, more: Fields = {}): Promise<boolean> {
    return (await this.decide(person, actionType, more)).isAuthorized;
  }

  async mayOn(person: Person, actionType: string, resource: string, more: Fields = {}): Promise<boolean> {
    return this.may(person, actionType, { ...on(resource), ...more });
  }

  async setAttributes(person: Person, attributes: Fields): Promise<void> {
    const route = `PUT organizations/${this.organization.id}/members/${person.id}/attributes`;
    expectWritten(await this.send(route, this.owner.token, { attributes }), 200);
  }

  async setEntitlements(entitlements: Fields, organization = this.organization): Promise<void> {
    const route = `PUT organizations/${organization.id}/entitlements`;
    expectWritten(await this.send(route, this.administrator.token, { entitlements }), 200);
  }
}

async function make(server: TestServer, features: readonly Feature[] = []): Promise<Contents> {
  const wanted = features.flatMap((feature) => [feature, ...(implied[feature] ?? [])]);
  const administrator = await newAdministrator(server);
  const { token } = administrator;
  if (wanted.includes("oneOfEach"))
    await expectOk(server.call("PUT /api/v1/iam/authorization/model", { token, body: { model: schoolModel } }));
  const own = await newTenant(server, wanted);
  const other = wanted.includes("other") ? await newTenant(server, wanted) : undefined;
  return {
    administrator,
    own,
    other,
    nonMember: wanted.includes("nonMember") ? await newPerson(server, "non-member") : undefined,
    both: wanted.includes("both") ? await ownerOf(server, own, requested(other, "other")) : undefined,
    internal: wanted.includes("oneOfEach") ? await internalRoles(server, administrator) : undefined,
  };
}

async function ownerOf(server: TestServer, own: Tenant, other: Tenant): Promise<OwnerOfBoth> {
  const person = await newPerson(server, "both");
  for (const { organization, roles } of [own, other]) await joinAs(server, organization, person, roles["Owner"] as string);
  return { person, sessionForOwn: await signIn(server, person.email, own.id) };
}

async function internalRoles(server: TestServer, administrator: Person): Promise<InternalRoles> {
  const { items } = await expectOk(server.call("GET /api/v1/iam/roles", { token: administrator.token }));
  return {
    administratorRoleId: items.find((role: AnyBody) => role.name === "Administrator").id,
    internalRoleId: await newInternalRole(server, administrator),
  };
}
