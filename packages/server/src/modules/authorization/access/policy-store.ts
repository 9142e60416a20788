import type { AuthorizationModel, Condition, PermissionNode } from "@gatehouse/policy";
import { sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { firstRow, rowsOf } from "#platform/database/rows.ts";
import { equalOrNull, ofTenant } from "#platform/database/tenant-predicate.ts";
import type { HolderKind } from "./model.ts";

export interface ModelVersion {
  readonly version: number;
  readonly document: AuthorizationModel;
}

/** The input from which a policy is compiled. */
export interface PolicyDefinition {
  readonly fingerprint: string;
  readonly permissions: readonly PermissionNode[];
  readonly model: AuthorizationModel;
}

/** Hashes what decisions depend on: the parent of every permission, and the version of the model. */
const policyFingerprint = sql`(
  select concat_ws('/', count(*), coalesce(sum(hashtextextended(concat_ws('/', id, value, parent_permission_id), 0)), 0),
    (select max(version) from authorization_models)) from permission_definitions)`;

export interface AttributesRow {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly version: number;
}

/** The bytes that attributes count for in the quota. */
export const bytesOf = (attributes: object): number => Buffer.byteLength(JSON.stringify(attributes));

export const policyReads = (db: ReadHandle) => ({
  /** Changes with every change of the permission tree or of the model. */
  async policyFingerprint(): Promise<string> {
    const row = await firstRow(db, sql<{ fingerprint: string }>`select ${policyFingerprint} as fingerprint`);
    return row?.fingerprint ?? "";
  },
  /** The permission tree and the newest model, with the fingerprint of the same moment. */
  async policyDefinition(): Promise<PolicyDefinition> {
    const rows = await rowsOf(
      db,
      sql<PolicyDefinition>`select ${policyFingerprint} as fingerprint,
      coalesce((
        select jsonb_agg(jsonb_build_object('value', d.value, 'parent', above.value) order by d.value)
        from permission_definitions d left join permission_definitions above on above.id = d.parent_permission_id), '[]'::jsonb) as permissions,
      coalesce((select document from authorization_models order by version desc limit 1), '{}'::jsonb) as model`,
    );
    return rows[0] as PolicyDefinition;
  },
  /** The newest model; version 0 and empty before there is one. */
  async currentModel(): Promise<ModelVersion> {
    const newest = await firstRow(db, sql<ModelVersion>`select version, document from authorization_models order by version desc limit 1`);
    return newest ?? { version: 0, document: {} };
  },
  async attributes(organizationId: string, userId: string | null): Promise<AttributesRow | undefined> {
    return firstRow(
      db,
      sql<AttributesRow>`
      select attributes, version from access_attributes
      where organization_id = ${organizationId} and ${equalOrNull("user_id", userId)}`,
    );
  },
  async conditionsOfRoles(): Promise<readonly Condition[]> {
    const rows = await rowsOf(
      db,
      sql<{
        condition: Condition;
      }>`select distinct condition from role_permissions where condition is not null`,
    );
    return rows.map(({ condition }) => condition);
  },
  /** Users and service accounts with a role in the organization, in the order of their ids. */
  async memberIds(organizationId: string | null, after: string | undefined, limit: number): Promise<readonly string[]> {
    const rest = after === undefined ? sql`true` : sql`user_id > ${after}::uuid`;
    const rows = await rowsOf(
      db,
      sql<{ user_id: string }>`
      select distinct user_id from role_assignments where ${ofTenant(organizationId)} and ${rest} order by user_id limit ${limit}`,
    );
    return rows.map(({ user_id }) => user_id);
  },
  /** Roles of the organization that deny a permission. */
  async rolesWithDenials(organizationId: string): Promise<readonly string[]> {
    const rows = await rowsOf(
      db,
      sql<{ role_id: string }>`
      select distinct role_id from role_permissions where ${ofTenant(organizationId)} and effect = 'deny'`,
    );
    return rows.map(({ role_id }) => role_id);
  },
  async roleIdsOf(organizationId: string | null): Promise<readonly string[]> {
    const rows = await rowsOf(
      db,
      sql<{
        id: string;
      }>`select id from roles where ${ofTenant(organizationId)} order by is_system_role desc, name limit 200`,
    );
    return rows.map(({ id }) => id);
  },
});

export const policyWrites = (tx: WriteHandle) => ({
  async lockModel(): Promise<void> {
    await sql`select pg_advisory_xact_lock(hashtext('access.authorization_model'))`.execute(tx);
  },
  /** Locks the model against replacement until the transaction ends. The lock is shared. */
  async lockModelShared(): Promise<void> {
    await sql`select pg_advisory_xact_lock_shared(hashtext('access.authorization_model'))`.execute(tx);
  },
  /** Locks a member or a service account against removal until the transaction ends; false if there is none of this kind with the id. */
  async lockHolder(holder: HolderKind, id: string, organizationId: string | null): Promise<boolean> {
    const isService = sql`exists (select from access_services s where s.service_id = ${id}::uuid)`;
    const { rows } = await sql`select user_id from role_assignments
      where user_id = ${id}::uuid and ${ofTenant(organizationId)} and ${holder === "service" ? isService : sql`not ${isService}`}
      for share`.execute(tx);
    return rows.length > 0;
  },
  async insertModel({ version, document }: ModelVersion, now: Date): Promise<void> {
    await sql`insert into authorization_models (version, document, created_at)
      values (${version}, ${JSON.stringify(document)}::jsonb, ${now})`.execute(tx);
  },
  async setAttributes(organizationId: string, userId: string | null, attributes: object, now: Date): Promise<number> {
    const { rows } = await sql<{ version: number }>`
      insert into access_attributes (organization_id, user_id, attributes, bytes, updated_at)
      values (${organizationId}, ${userId}, ${JSON.stringify(attributes)}::jsonb, ${bytesOf(attributes)}, ${now})
      on conflict (organization_id, user_id) do update
        set attributes = excluded.attributes, bytes = excluded.bytes, updated_at = excluded.updated_at,
          version = access_attributes.version + 1
      returning version`.execute(tx);
    return rows[0]?.version as number;
  },
  async deleteMemberAttributes(organizationId: string, userId: string): Promise<boolean> {
    const { rows } =
      await sql`delete from access_attributes where organization_id = ${organizationId} and user_id = ${userId} returning user_id`.execute(
        tx,
      );
    return rows.length > 0;
  },
  async setEntitlements(organizationId: string, entitlements: object): Promise<boolean> {
    const { rows } = await sql`update access_tenants set entitlements = ${JSON.stringify(entitlements)}::jsonb
      where organization_id = ${organizationId} returning organization_id`.execute(tx);
    return rows.length > 0;
  },
  /** Sets the role's rule for one permission. */
  async setRule(
    roleId: string,
    organizationId: string | null,
    permissionId: string,
    effect: string,
    condition: Condition | null,
  ): Promise<void> {
    const json = condition === null ? null : JSON.stringify(condition);
    await sql`insert into role_permissions (role_id, permission_definition_id, organization_id, effect, condition)
      values (${roleId}, ${permissionId}, ${organizationId}, ${effect}, ${json}::jsonb)
      on conflict (role_id, permission_definition_id) do update set effect = excluded.effect, condition = excluded.condition`.execute(tx);
  },
  async copyRules(from: string, to: string, organizationId: string | null): Promise<void> {
    await sql`insert into role_permissions (role_id, permission_definition_id, organization_id, effect, condition)
      select ${to}, permission_definition_id, ${organizationId}, effect, condition from role_permissions where role_id = ${from}`.execute(
      tx,
    );
  },
});
