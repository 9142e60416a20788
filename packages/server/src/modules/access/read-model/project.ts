import { effectiveRules, PermissionTree, type RoleRule } from "@gatehouse/policy";
import { type Kysely, sql } from "kysely";
import type { AnyTables, ReadHandle, WriteHandle } from "../../../platform/database/database.ts";
import { isolateFailures } from "../../../platform/database/isolated.ts";
import { equalOrNull, ofTenant } from "../../../platform/database/tenant-predicate.ts";
import { deadLetterRecords, resolveRecords } from "../../../platform/dead-letters.ts";
import { revisionOf } from "../../../platform/log/log.ts";
import type { UserStatus } from "../../identity/index.ts";
import { systemRoleNamed, systemRoles } from "../system.ts";
import { effectiveKey, entriesConsumer, everyEffectiveList, policyKey, roleKey, systemEffectiveKey } from "./keys.ts";

/** What the projection needs of people: their status, by id. */
export type UserStatuses = (ids: readonly string[]) => Promise<ReadonlyMap<string, UserStatus>>;

export interface Computed {
  readonly key: string;
  readonly organizationId: string | null;
  /** Null leaves a marker: the part was there and is no longer. */
  readonly value: unknown;
}

/** What was written, the version that it was written under (the id of the transaction), and the number of the write. */
export interface Projected {
  readonly parts: readonly Computed[];
  /** Keys whose entries could not be computed. They are deleted, so that checks that need them are denied. */
  readonly failed: readonly string[];
  readonly version: bigint;
  readonly number: number;
}

/**
 * Computes each part under `keys` from the tables and writes it, with the lists that a change of the tree touches. An
 * entry that cannot be computed becomes a dead letter and does not hold up the others (decision 0029).
 */
export async function projectKeys(tx: WriteHandle, keys: readonly string[], statuses: UserStatuses): Promise<Projected> {
  const wanted = keys.includes(everyEffectiveList)
    ? [...new Set([...keys.filter((key) => key !== everyEffectiveList), ...(await everyList(tx))])]
    : keys;
  const { done, failed } = await isolateFailures(tx, wanted, (some) => projectParts(tx, some, statuses));
  const failedKeys = failed.map(({ item }) => item);
  if (failed.length > 0) {
    await sql`delete from access_read_model where key = any(${failedKeys}::text[])`.execute(tx);
    const letters = failed.map(({ item: key, error }) => ({ id: key, topic: "projection entry", body: key, error }));
    await deadLetterRecords(tx, entriesConsumer, letters);
  }
  await resolveRecords(
    tx,
    entriesConsumer,
    done.map(({ key }) => key),
  );
  return { parts: done, failed: failedKeys, version: BigInt(await revisionOf(tx)), number: await nextNumber(tx) };
}

async function projectParts(tx: WriteHandle, keys: readonly string[], statuses: UserStatuses): Promise<readonly Computed[]> {
  const computed = await computeParts(tx as unknown as ReadHandle, keys, statuses);
  for (const { key, organizationId, value } of computed) {
    await sql`insert into access_read_model (key, organization_id, value, version)
      values (${key}, ${organizationId}, ${JSON.stringify(value)}::jsonb, pg_current_xact_id()::text::bigint)
      on conflict (key) do update set value = excluded.value, organization_id = excluded.organization_id, version = excluded.version
      where access_read_model.version <= excluded.version`.execute(tx);
  }
  return computed;
}

/** Counts a write of the read model, in its transaction; whoever writes next waits until that has ended. */
async function nextNumber(tx: WriteHandle): Promise<number> {
  const { rows } = await sql<{ number: string }>`
    update access_read_model_marks set number = number + 1 returning number::text`.execute(tx);
  return Number((rows[0] as { number: string }).number);
}

/** What the tables say about each part. */
export async function computeParts(db: ReadHandle, keys: readonly string[], statuses: UserStatuses): Promise<readonly Computed[]> {
  const tables = db as unknown as Kysely<AnyTables>;
  const definitions = new Definitions(tables);
  const computed: Computed[] = [];
  for (const key of keys) computed.push(await compute(tables, key, statuses, definitions));
  return computed;
}

/** The lists of every role that was given anything, and those of the system roles. */
async function everyList(tx: WriteHandle): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    select distinct role_id as id from role_permissions join roles on roles.id = role_id where not roles.is_system_role`.execute(tx);
  return [...rows.map(({ id }) => effectiveKey(id)), ...systemRoles.map((role) => systemEffectiveKey(role.scope, role.name))];
}

interface Definition {
  readonly value: string;
  readonly parent: string | null;
  readonly scope: string;
}

/** The permission tree, read once a projection. */
class Definitions {
  readonly #db: Kysely<AnyTables>;
  #all: Promise<readonly Definition[]> | undefined;
  constructor(db: Kysely<AnyTables>) {
    this.#db = db;
  }
  all(): Promise<readonly Definition[]> {
    this.#all ??= sql<Definition>`
      select child.value, parent.value as parent, child.scope
      from permission_definitions child left join permission_definitions parent on parent.id = child.parent_permission_id
      order by child.value`
      .execute(this.#db)
      .then(({ rows }) => rows);
    return this.#all;
  }
}

const id = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const patterns = {
  user: new RegExp(`^iam:user:id:(${id})$`),
  tenant: new RegExp(`^iam:org:(${id}):status$`),
  membership: new RegExp(`^iam:membership:user:(${id}):(?:org:(${id})|internal)$`),
  systemList: /^iam:role:system:(\w+):(\w+):effective_permissions$/,
  list: new RegExp(`^iam:role:(${id}):effective_permissions$`),
  role: new RegExp(`^iam:role:id:(${id})$`),
  entitlements: new RegExp(`^iam:org:(${id}):entitlements$`),
} as const;

/** Whether a part may lie under the key: one of a kind that is known, about something that has an id. */
export const isPartKey = (key: string): boolean => key === policyKey || Object.values(patterns).some((pattern) => pattern.test(key));

async function compute(db: Kysely<AnyTables>, key: string, statuses: UserStatuses, definitions: Definitions): Promise<Computed> {
  const user = patterns.user.exec(key);
  if (user) {
    const status = (await statuses([user[1] as string])).get(user[1] as string);
    return { key, organizationId: null, value: status ? { status } : null };
  }
  const tenant = patterns.tenant.exec(key);
  if (tenant) {
    const row = await db.selectFrom("access_tenants").select("status").where("organization_id", "=", tenant[1]).executeTakeFirst();
    const attributes = row && (await attributesOf(db, tenant[1] as string, null));
    return { key, organizationId: row ? (tenant[1] as string) : null, value: row ? { status: row["status"], attributes } : null };
  }
  const membership = patterns.membership.exec(key);
  if (membership) return computeMembership(db, key, membership[1] as string, membership[2] ?? null);
  const systemList = patterns.systemList.exec(key);
  if (systemList)
    return { key, organizationId: null, value: await systemListOf(systemList[2] as string, systemList[1] as string, definitions) };
  const list = patterns.list.exec(key);
  if (list) return computeList(db, key, list[1] as string, definitions);
  const role = patterns.role.exec(key);
  if (role) return computeRole(db, role[1] as string);
  const entitlements = patterns.entitlements.exec(key);
  if (entitlements) {
    const organizationId = entitlements[1] as string;
    const row = await db
      .selectFrom("access_tenants")
      .select("entitlements")
      .where("organization_id", "=", organizationId)
      .executeTakeFirst();
    return { key, organizationId: row ? organizationId : null, value: row?.["entitlements"] ?? null };
  }
  if (key === policyKey) return computePolicy(db, definitions);
  throw new Error(`the read model has no part under ${key}`);
}

async function computePolicy(db: Kysely<AnyTables>, definitions: Definitions): Promise<Computed> {
  const row = await db.selectFrom("authorization_models").select("document").orderBy("version", "desc").executeTakeFirst();
  const permissions = (await definitions.all()).map(({ value, parent }) => ({ value, parent }));
  return { key: policyKey, organizationId: null, value: { permissions, model: row?.["document"] ?? {} } };
}

/** What is noted about a member, or about the organization itself; undefined where nothing is. */
async function attributesOf(db: Kysely<AnyTables>, organizationId: string | null, userId: string | null): Promise<unknown> {
  if (organizationId === null) return undefined;
  const row = await db
    .selectFrom("access_attributes")
    .select("attributes")
    .where("organization_id", "=", organizationId)
    .where(equalOrNull("user_id", userId))
    .executeTakeFirst();
  return row?.["attributes"];
}

async function computeMembership(db: Kysely<AnyTables>, key: string, userId: string, organizationId: string | null): Promise<Computed> {
  const rows = await db
    .selectFrom("role_assignments")
    .select("role_id")
    .where("user_id", "=", userId)
    .where(ofTenant(organizationId))
    .orderBy("assigned_at")
    .orderBy("role_id")
    .execute();
  if (rows.length === 0) return { key, organizationId, value: null };
  const attributes = await attributesOf(db, organizationId, userId);
  return { key, organizationId, value: { roleIds: rows.map((row) => row["role_id"]), attributes } };
}

async function computeRole(db: Kysely<AnyTables>, id: string): Promise<Computed> {
  const key = roleKey(id);
  const row = await db
    .selectFrom("roles")
    .select(["name", "scope", "organization_id", "is_system_role"])
    .where("id", "=", id)
    .executeTakeFirst();
  if (!row) return { key, organizationId: null, value: null };
  const { name, scope, organization_id: organizationId, is_system_role: isSystem } = row as Record<string, string>;
  const effective = isSystem ? systemEffectiveKey(scope as string, name as string) : effectiveKey(id);
  return { key, organizationId: organizationId ?? null, value: { id, name, scope, organizationId: organizationId ?? null, effective } };
}

async function computeList(db: Kysely<AnyTables>, key: string, roleId: string, definitions: Definitions): Promise<Computed> {
  const role = await db.selectFrom("roles").select("organization_id").where("id", "=", roleId).executeTakeFirst();
  if (!role) return { key, organizationId: null, value: null };
  const given = await db
    .selectFrom("role_permissions")
    .innerJoin("permission_definitions", "permission_definitions.id", "permission_definition_id")
    .select(["value as permission", "effect", "condition"])
    .where("role_id", "=", roleId)
    .orderBy("value")
    .execute();
  const tree = new PermissionTree(await definitions.all());
  return { key, organizationId: role["organization_id"] as string | null, value: effectiveRules(tree, given as unknown as RoleRule[]) };
}

async function systemListOf(name: string, scope: string, definitions: Definitions): Promise<readonly string[]> {
  const role = systemRoleNamed(name, scope as never);
  if (!role) return [];
  return (await definitions.all())
    .filter((definition) => definition.scope === scope && role.gives(definition.value))
    .map(({ value }) => value)
    .sort();
}
