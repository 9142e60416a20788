import { createHash } from "node:crypto";
import { newAdministrator, unique } from "@gatehouse/testing/people.ts";
import { type Answer, type AnyBody, asOperator, type TestServer } from "@gatehouse/testing/server.ts";
import { sql } from "kysely";
import type { Relationship } from "../../../packages/policy/src/index.ts";
import {
  entitlementsKey,
  membershipKey,
  policyKey,
  roleKey,
  tenantStatusKey,
  userKey,
} from "../../../packages/server/src/modules/authorization/access/entries/entry-key.ts";
import { PermissionValue } from "../../../packages/server/src/modules/authorization/access/model.ts";
import type { Case, CorpusFile } from "./corpus.ts";
import type { Attributes, Role, Subject } from "./world.ts";

type Tenant = Subject["tenant"];
type Member = Subject & { readonly roles: NonNullable<Subject["roles"]> };
type Row = Readonly<Record<string, unknown>>;

/** More relationships than this are inserted by SQL. */
const grantsMax = 200;
/** The maximum of keys in one repair of the projection. */
const repairMax = 1_000;
/** The key of the internal scope in maps, because it has no id. */
const internalScope = "";

/** Tables whose rows come from the corpus, in an order that foreign keys allow. */
const emptied: readonly string[] = [
  ...["role_assignments", "memberships", "relationships", "access_attributes", "access_services", "organizations", "users"],
  "authorization_models",
];

const permissionPattern = new RegExp((PermissionValue as { readonly pattern?: string }).pattern as string);

/** Why a server cannot evaluate the case; undefined if it can. */
export function unsupportedReason(question: Case, file: CorpusFile): string | undefined {
  const { tenant, roles } = question.subject;
  const isNonMember = "reason" in question.expect && question.expect.reason === "not_a_member";
  if (tenant.id === null && tenant.entitlements !== undefined && !isNonMember) return "the internal scope has no plan";
  const defined = new Set(file.permissions.map(({ value }) => value));
  if (roles?.some((role) => role?.rules.some(({ permission }) => !defined.has(permission)))) return "roles name only defined permissions";
  if (relationshipsTwice(file).some(({ resource: { type, id } }) => type === question.resource?.type && id === question.resource.id))
    return "a relationship is there once";
  return [question.resource?.attributes, question.request, question.session].every(fitsIntoJson) ? undefined : "JSON has no such number";
}

const fitsIntoJson = (value: unknown): boolean =>
  typeof value === "object" && value !== null
    ? Object.values(value).every(fitsIntoJson)
    : typeof value !== "number" || Number.isFinite(value);

/** Relationships whose resource, relation and subject are duplicates. */
function relationshipsTwice({ relationships }: CorpusFile): readonly Relationship[] {
  const seen = new Set<string>();
  return relationships.filter(({ resource, relation, subject }) => {
    const key = JSON.stringify([resource, relation, subject]);
    const isThere = seen.has(key);
    seen.add(key);
    return isThere;
  });
}

/** The field of a question that the contract refuses, although the engine would decide. */
export function refusedByServer({ action, resource, scopes }: Case): string | undefined {
  const isPermission = (value: string): boolean => permissionPattern.test(value);
  if (!isPermission(action)) return "actionType";
  if (scopes?.some((scope) => !isPermission(scope))) return "scopes";
  if (resource?.type === "") return "resourceType";
  return resource?.id === "" || resource?.id?.includes("\0") ? "resourceId" : undefined;
}

/**
 * A world of the corpus on a server, created through the API after the world before it was deleted. Data that the API refuses on purpose, or is too slow for, is
 * written to the tables and the projection; the projector computes the rest.
 */
export class HttpWorld {
  readonly #file: CorpusFile;
  readonly #server: TestServer;
  readonly #tenants: ReadonlyMap<string, Tenant>;
  /** The ids of users and organizations by those of the corpus. */
  readonly #ids = new Map<string, string>();
  /** A role has one rule for each permission: further rules are in a second role of the same people. */
  readonly #roles = new Map<string, readonly string[]>();
  /** The number of refusals by the API, by error. */
  readonly refused = new Map<string, number>();
  #token = "";

  private constructor(file: CorpusFile, server: TestServer) {
    this.#file = file;
    this.#server = server;
    this.#tenants = new Map(this.#subjects.map(({ tenant }) => [tenant.id ?? internalScope, tenant]));
    for (const { user } of this.#subjects) if (user.id !== "") this.#ids.set(user.id, idOf("user", user.id));
  }

  static async open(file: CorpusFile, server: TestServer): Promise<HttpWorld> {
    const world = new HttpWorld(file, server);
    await world.#clear();
    await world.#build();
    return world;
  }

  /** The body of a check of the question. */
  checkOf({ subject, action, resource, request, session, scopes }: Case): Row {
    return {
      userId: idOf("user", subject.user.id),
      tenantId: this.#tenantId(subject.tenant),
      actionType: action,
      resourceType: resource?.type,
      resourceId: resource?.id,
      resourceData: this.#withIds(resource?.attributes),
      contextData: this.#withIds(request),
      sessionData: session,
      scopes,
    };
  }

  /** Sends the request as an internal administrator, with the clock at `now`. */
  ask(what: string, body: unknown, now: number): Promise<Answer<AnyBody>> {
    this.#stopClock(now);
    return this.#call(`POST authorization/${what}`, body);
  }

  /** Invalidates every view, as a change of the policy does. */
  async cool(): Promise<void> {
    await this.#repair([policyKey]);
  }

  /** Deletes what another file has created, with its entries of the projection. Files use the same names and ids. */
  async #clear(): Promise<void> {
    const { rows } = await sql<{ key: string }>`select key from projection_entries`.execute(
      this.#server.application.platform.database.owner,
    );
    for (const table of emptied) await this.#run(sql`delete from ${sql.table(table)}`);
    await this.#run(sql`delete from roles where not is_system_role`);
    await this.#run(sql`update permission_definitions set parent_permission_id = null where not is_system_permission`);
    await this.#run(sql`delete from permission_definitions where not is_system_permission`);
    await this.#repair(rows.map(({ key }) => key));
  }

  async #build(): Promise<void> {
    // Starts at the latest time: the administrator's session may begin after a question's time, but must not have expired.
    this.#stopClock(Math.max(...this.#file.cases.map(({ now }) => now)));
    this.#token = (await newAdministrator(this.#server)).token;
    await this.#policy();
    for (const tenant of this.#tenants.values()) if (tenant.id !== null) await this.#organization(tenant);
    for (const tenant of this.#tenants.values()) await this.#rolesOf(tenant);
    await this.#people();
    for (const tenant of this.#tenants.values()) await this.#relationships(tenant);
    for (const tenant of this.#tenants.values()) await this.#state(tenant);
    await this.#server.application.settled();
    await this.#repair(this.#keys());
    await this.#unusualEntries();
  }

  async #policy(): Promise<void> {
    for (const { value, parent } of this.#file.permissions)
      await this.#expect("POST permissions", { value, parent, scope: "Organization" }, 201);
    const { model } = this.#file;
    await this.#byApi("PUT authorization/model", { model }, "model", () =>
      this.#insert("authorization_models", [{ version: 1_000, document: model, created_at: this.#now }]),
    );
  }

  /** The administrator owns each organization, so that they may grant every permission in it. */
  async #organization(tenant: Tenant): Promise<void> {
    const slug = `corpus-${unique()}`;
    const { id } = await this.#expect("POST organizations", { name: slug, slug, country: "VN" }, 201);
    if (this.#ids.has(tenant.id as string)) throw new Error(`a user and a tenant are both called ${tenant.id}`);
    this.#ids.set(tenant.id as string, id);
    const { attributes } = tenant;
    if (Object.keys(attributes).length > 0) await this.#attributes(`organizations/${id}/attributes`, attributes, { organization_id: id });
    if (tenant.entitlements === undefined) return;
    const { entitlements } = tenant;
    await this.#byApi(`PUT organizations/${id}/entitlements`, { entitlements }, "entitlements", () =>
      this.#run(sql`update access_tenants set entitlements = ${JSON.stringify(entitlements)}::jsonb where organization_id = ${id}::uuid`),
    );
  }

  async #attributes(at: string, given: Attributes, row: Row): Promise<void> {
    const attributes = this.#withIds(given);
    await this.#byApi(`PUT ${at}`, { attributes }, "attributes", () =>
      this.#insert("access_attributes", [{ ...row, attributes, version: 1, updated_at: this.#now }]),
    );
  }

  async #rolesOf(tenant: Tenant): Promise<void> {
    const roles = new Set(this.#subjects.filter((each) => each.tenant.id === tenant.id).flatMap((each) => each.roles ?? []));
    for (const role of roles) {
      if (role === undefined) continue;
      const ids: string[] = [];
      for (const [index, rules] of inLayers(role.rules, this.#defined).entries())
        ids.push(
          await this.#role(tenant, { ...role, name: index === 0 ? `corpus ${role.name}` : `corpus ${role.name}, and ${index}`, rules }),
        );
      this.#roles.set(this.#roleName(tenant, role.id), ids);
    }
  }

  async #role(tenant: Tenant, role: Role): Promise<string> {
    const { name } = role;
    if (tenant.id === null) return this.#internalRole(role);
    const organizationId = this.#tenantId(tenant) as string;
    const { id } = await this.#expect("POST roles", { name, scope: "Organization", organizationId }, 201);
    for (const { permission, effect, condition } of role.rules) {
      const rule = { effect, condition: this.#withIds(condition ?? null) };
      await this.#byApi(`PUT roles/${id}/permissions/${permission}`, rule, "rule", () =>
        this.#insertRule(id, permission, { ...rule, organization_id: organizationId }),
      );
    }
    return id;
  }

  /** The API gives internal roles only permissions of the internal scope; decisions do not check that. */
  async #internalRole({ name, rules }: Role): Promise<string> {
    const id = crypto.randomUUID();
    await this.#insert("roles", [{ id, name, scope: "Internal", is_system_role: false, version: 1, ...this.#dates }]);
    for (const { permission, effect, condition } of rules)
      await this.#insertRule(id, permission, { effect, condition: this.#withIds(condition ?? null), organization_id: null });
    return id;
  }

  #insertRule(roleId: string, permission: string, { effect, condition, organization_id }: Row): Promise<void> {
    return this.#run(sql`insert into role_permissions (role_id, permission_definition_id, organization_id, effect, condition)
      select ${roleId}::uuid, id, ${organization_id}::uuid, ${effect}, nullif(${JSON.stringify(condition)}::jsonb, 'null')
      from permission_definitions where value = ${permission}`);
  }

  /** Users without passwords, because none signs in, and their roles. Unknown users have no row. */
  async #people(): Promise<void> {
    const users = new Map(this.#subjects.filter(({ user }) => user.status !== undefined).map(({ user }) => [user.id, user]));
    await this.#insert(
      "users",
      [...users.values()].filter(isUser).map(({ id, status }) => ({
        ...{ id: idOf("user", id), email: `${idOf("user", id)}@example.com`, email_verified_at: this.#now, status: storedStatus(status) },
        ...{ first_name: "Corpus", last_name: "Person", locale: "en", session_epoch: 1, version: 1, ...this.#dates },
      })),
    );
    const members = this.#members
      .filter(({ user }) => user.status !== undefined)
      .map((member) => ({ ...member.user, at: this.#keysOf(member), roles: this.#rolesOfMember(member) }))
      .filter(({ roles }) => roles.length > 0);
    // A service account belongs to one scope: the first in which it has roles.
    const services = new Map(
      this.#members
        .filter(({ user }) => !isUser(user))
        .toReversed()
        .map((member) => [member.user.id, member]),
    );
    await this.#insert(
      "access_services",
      [...services.values()].map((member) => {
        const { user_id, organization_id } = this.#keysOf(member);
        return { service_id: user_id, organization_id, status: storedStatus(member.user.status) };
      }),
    );
    await this.#insert(
      "memberships",
      members
        .filter(isUser)
        .map(({ at, roles }) => ({ id: crypto.randomUUID(), ...at, role_id: roles[0], version: 1, joined_at: this.#now })),
    );
    await this.#insert(
      "role_assignments",
      members.flatMap(({ at, roles }) => roles.map((role_id) => ({ ...at, role_id, assigned_at: this.#now }))),
    );
    for (const { at, attributes } of members) {
      // The internal scope has no attributes of users.
      if (at.organization_id === null || Object.keys(attributes).length === 0) continue;
      await this.#attributes(`organizations/${at.organization_id}/members/${at.user_id}/attributes`, attributes, at);
    }
  }

  /** The corpus's relationships apply in every tenant. */
  async #relationships(tenant: Tenant): Promise<void> {
    const organizationId = this.#tenantId(tenant);
    const written: Row[] = [];
    const twice = new Set(relationshipsTwice(this.#file));
    for (const relationship of this.#file.relationships) {
      const { resource, relation, subject, condition, expiresAt } = relationship;
      if (twice.has(relationship) || resource.id.includes("\0")) continue;
      const to = { ...subject, id: this.#subjectId(subject, tenant) };
      const row = {
        ...{ id: crypto.randomUUID(), organization_id: organizationId, resource_type: resource.type, resource_id: resource.id, relation },
        ...{ subject_type: to.type, subject_id: to.id, subject_relation: to.relation ?? "", condition: this.#withIds(condition ?? null) },
        ...{ expires_at: expiresAt == null ? null : new Date(expiresAt), granted_at: this.#now, version: 1 },
      };
      const isExpired = row.expires_at !== null && row.expires_at.getTime() <= this.#now.getTime();
      if (organizationId === null || isExpired || this.#file.relationships.length > grantsMax) written.push(row);
      else {
        const grant = { organizationId, resource, relation, subject: to, condition: row.condition, expiresAt: row.expires_at };
        await this.#byApi("POST grants", grant, "grant", () => void written.push(row));
      }
    }
    await this.#insert("relationships", written);
  }

  #subjectId({ type, id }: { readonly type: string; readonly id: string }, tenant: Tenant): string {
    if (type === "user" || type === "service") return id === "*" ? id : idOf("user", id);
    return type === "role" ? (this.#roles.get(this.#roleName(tenant, id))?.[0] ?? idOf("role", id)) : id;
  }

  /** Statuses that the API cannot set, or that forbid further changes. */
  async #state(tenant: Tenant): Promise<void> {
    const at = sql`organization_id = ${this.#tenantId(tenant)}::uuid`;
    if (tenant.id === null || tenant.status === "Active") return;
    if (tenant.status === undefined) await this.#run(sql`delete from access_tenants where ${at}`);
    else await this.#run(sql`update access_tenants set status = ${tenant.status} where ${at}`);
  }

  #keys(): string[] {
    const tenants = [...this.#tenants.values()].flatMap((tenant) => this.#tenantId(tenant) ?? []);
    const people = this.#subjects.flatMap(({ user, tenant }) => [
      userKey(idOf("user", user.id)),
      membershipKey(idOf("user", user.id), this.#tenantId(tenant)),
    ]);
    const roles = [...this.#roles.values()].flat().map((id) => roleKey(id));
    return [...new Set([policyKey, ...tenants.flatMap((id) => [tenantStatusKey(id), entitlementsKey(id)]), ...people, ...roles])];
  }

  /** Entries that the tables cannot have but the projection might: unknown statuses, roles and users. */
  async #unusualEntries(): Promise<void> {
    for (const member of this.#members) {
      const { user_id, organization_id } = this.#keysOf(member);
      const isUnknown = member.user.status === undefined || member.roles.includes(undefined);
      const roleIds = [...this.#rolesOfMember(member), ...(member.roles.includes(undefined) ? [idOf("role", "unknown")] : [])];
      if (isUnknown) await this.#writeEntry(membershipKey(user_id, organization_id), organization_id, { roleIds });
      const { status } = member.user;
      if (status !== undefined && !knownStatuses.has(status))
        await this.#writeEntry(userKey(user_id), null, { status, kind: member.user.kind });
    }
  }

  #writeEntry(key: string, organizationId: string | null, value: Row): Promise<void> {
    return this.#run(sql`insert into projection_entries (key, organization_id, value, version)
      values (${key}, ${organizationId}::uuid, ${JSON.stringify(value)}::jsonb, pg_current_xact_id()::text::bigint)
      on conflict (key) do update set value = excluded.value, version = excluded.version`);
  }

  async #repair(keys: readonly string[]): Promise<void> {
    for (let from = 0; from < keys.length; from += repairMax)
      await asOperator(this.#server, "decisions.repairProjection", { keys: keys.slice(from, from + repairMax) });
  }

  get #subjects(): readonly Subject[] {
    return [...this.#file.subjects.values()];
  }

  get #members(): readonly Member[] {
    return this.#subjects.filter((subject): subject is Member => subject.roles !== undefined);
  }

  get #defined(): ReadonlySet<string> {
    return new Set(this.#file.permissions.map(({ value }) => value));
  }

  get #now(): Date {
    return new Date(this.#server.clock.now());
  }

  get #dates(): { readonly created_at: Date; readonly updated_at: Date } {
    return { created_at: this.#now, updated_at: this.#now };
  }

  #keysOf({ user, tenant }: Subject): { readonly user_id: string; readonly organization_id: string | null } {
    return { user_id: idOf("user", user.id), organization_id: this.#tenantId(tenant) };
  }

  #rolesOfMember({ tenant, roles }: Member): readonly string[] {
    return roles.flatMap((role) => (role ? (this.#roles.get(this.#roleName(tenant, role.id)) as readonly string[]) : []));
  }

  #roleName = (tenant: Tenant, roleId: string): string => JSON.stringify([tenant.id, roleId]);
  #tenantId = ({ id }: Tenant): string | null => (id === null ? null : (this.#ids.get(id) as string));

  /** The value with the corpus's ids replaced by those of the server, because conditions compare them. */
  #withIds<Value>(value: Value): Value {
    if (typeof value === "string") return (this.#ids.get(value) ?? value) as Value;
    if (Array.isArray(value)) return value.map((each) => this.#withIds(each)) as Value;
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, this.#withIds(each)])) as Value;
  }

  /** Stops the server's clock at the millisecond of a case. */
  #stopClock(now: number): void {
    this.#server.clock.now = () => now;
  }

  #call(route: string, body: unknown): Promise<Answer<AnyBody>> {
    return this.#server.call(route.replace(" ", " /api/v1/iam/"), { token: this.#token, body });
  }

  async #expect(route: string, body: unknown, status: number): Promise<AnyBody> {
    const answer = await this.#call(route, body);
    if (answer.status !== status) throw new Error(`${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Writes through the API, or by `otherwise` if the API refuses, and counts the refusal. */
  async #byApi(route: string, body: unknown, what: string, otherwise: () => Promise<void> | void): Promise<void> {
    const { status, body: answer } = await this.#call(route, body);
    if (status < 300) return;
    if (status >= 500) throw new Error(`${route}: ${status} ${JSON.stringify(answer)}`);
    const reason = `${what}: ${answer.error.code}`;
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
    await otherwise();
  }

  async #insert(table: string, rows: readonly Row[]): Promise<void> {
    const [first] = rows;
    if (first === undefined) return;
    const columns = sql.join(Object.keys(first).map((name) => sql.ref(name)));
    await this.#run(sql`insert into ${sql.table(table)} (${columns})
      select ${columns} from jsonb_populate_recordset(null::${sql.table(table)}, ${JSON.stringify(rows)}::jsonb)`);
  }

  async #run(statement: ReturnType<typeof sql>): Promise<void> {
    await statement.execute(this.#server.application.platform.database.owner);
  }
}

/** Statuses of users that the projection reads from the table. */
const knownStatuses: ReadonlySet<string> = new Set(["Active", "PendingConfirmation", "Suspended", "Inactive"]);

/** An inactive user is Suspended here; impossible statuses are written to the projection only. */
const storedStatus = (status: string | undefined): string =>
  status === "Inactive" ? "Suspended" : status !== undefined && knownStatuses.has(status) ? status : "Active";

/**
 * A deterministic UUID of a name. It begins with the name's first letter if possible, because conditions of the corpus compare the
 * beginnings of ids.
 */
function idOf(kind: "user" | "role", name: string): string {
  const hash = createHash("sha256").update(`${kind} ${name}`).digest("hex");
  const first = /^[a-f]/.exec(name)?.[0] ?? String(Number.parseInt(hash.slice(0, 1), 16) % 10);
  return `${first}${hash.slice(1, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-a${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

const isUser = ({ kind }: Pick<Subject["user"], "kind">): boolean => kind === undefined;

/** The rules of defined permissions, in lists that have each permission once; at least one list. */
function inLayers(rules: Role["rules"], defined: ReadonlySet<string>): readonly Role["rules"][] {
  const layers: Role["rules"][number][][] = [[]];
  for (const rule of rules.filter(({ permission }) => defined.has(permission))) {
    const free = layers.find((layer) => !layer.some(({ permission }) => permission === rule.permission));
    if (free) free.push(rule);
    else layers.push([rule]);
  }
  return layers;
}
