import { createHash } from "node:crypto";
import pg from "pg";

/** The rows in addition to those of the suite. Each role has one holder. */
export interface Size {
  /** Permissions of the tree: one root for each {@link permissionsPerRoot}. */
  readonly permissions: number;
  /** Custom roles, {@link rolesPerOrganization} an organization. */
  readonly roles: number;
}

export const rolesPerOrganization = 10;
/** A root, ten groups below it, and leaves below each group: three levels, as in products (`Area3.Group1.Action7`). */
export const permissionsPerRoot = 111;
const groupsPerRoot = 10;
const leavesPerGroup = 10;

/** Equals PostgreSQL's `md5(…)::uuid`. */
export function idOf(what: "user" | "organization" | "role", index: number): string {
  const hash = createHash("md5").update(`scale ${what} ${index}`).digest("hex");
  return [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20)].join("-");
}

const sqlId = (what: string, index: string): string => `md5('scale ${what} ' || ${index})::uuid`;

export const rootOf = (root: number): string => `Scale${root}`;
export const groupOf = (root: number, group: number): string => `${rootOf(root)}.Group${group}`;
export const leafOf = (root: number, group: number, leaf: number): string => `${groupOf(root, group)}.Action${leaf}`;
export const rootsOf = ({ permissions }: Size): number => Math.floor(permissions / permissionsPerRoot);

/** The holder of a role, and the permission of the role: the group of its number, which includes the group's leaves. */
export function holderOf(size: Size, role: number): { userId: string; organizationId: string; root: number; group: number } {
  const organization = Math.floor(role / rolesPerOrganization);
  return {
    userId: idOf("user", role),
    organizationId: idOf("organization", organization),
    root: role % rootsOf(size),
    group: role % groupsPerRoot,
  };
}

/**
 * Fills a migrated database by SQL with organizations, permissions, roles, their permissions and their holders. Nothing is projected yet.
 * `url` is a login that bypasses row-level security.
 */
export async function populate(url: string, size: Size): Promise<void> {
  const roots = rootsOf(size);
  const organizations = Math.ceil(size.roles / rolesPerOrganization);
  const permission = (value: string, parent: string, from: string) => `
    insert into permission_definitions (id, value, description, scope, parent_permission_id, is_system_permission, created_at, updated_at)
    select md5(value)::uuid, value, null, 'Organization', md5(parent)::uuid, false, now(), now()
    from (select ${value} as value, ${parent} as parent from ${from}) made`;
  const root = `'Scale' || r`;
  const group = `${root} || '.Group' || g`;
  const roleIndex = (n: string) => `(${n}) % ${roots}`;
  const organizationOfRole = sqlId("organization", `(n / ${rolesPerOrganization})`);
  const statements = [
    permission(root, "null::text", `generate_series(0, ${roots - 1}) r`),
    permission(group, root, `generate_series(0, ${roots - 1}) r, generate_series(0, ${groupsPerRoot - 1}) g`),
    permission(
      `${group} || '.Action' || l`,
      group,
      `generate_series(0, ${roots - 1}) r, generate_series(0, ${groupsPerRoot - 1}) g, generate_series(0, ${leavesPerGroup - 1}) l`,
    ),
    `insert into organizations (id, name, slug, status, country, created_at, updated_at)
      select ${sqlId("organization", "n")}, 'Scale ' || n, 'scale-' || n, 'Active', 'VN', now(), now()
      from generate_series(0, ${organizations - 1}) n`,
    `insert into access_tenants (organization_id, status, entitlements)
      select ${sqlId("organization", "n")}, 'Active', '{}' from generate_series(0, ${organizations - 1}) n`,
    `insert into users (id, email, status, first_name, last_name, locale, email_verified_at, created_at, updated_at)
      select ${sqlId("user", "n")}, 'scale-' || n || '@example.com', 'Active', 'Scale', 'User', 'en', now(), now(), now()
      from generate_series(0, ${size.roles - 1}) n`,
    `insert into roles (id, name, scope, organization_id, is_system_role, created_at, updated_at)
      select ${sqlId("role", "n")}, 'Scale ' || n, 'Organization', ${organizationOfRole}, false, now(), now()
      from generate_series(0, ${size.roles - 1}) n`,
    `insert into role_permissions (role_id, permission_definition_id, organization_id, effect)
      select ${sqlId("role", "n")}, md5('Scale' || ${roleIndex("n")} || '.Group' || n % ${groupsPerRoot})::uuid, ${organizationOfRole}, 'allow'
      from generate_series(0, ${size.roles - 1}) n`,
    `insert into role_assignments (user_id, organization_id, role_id, assigned_at)
      select ${sqlId("user", "n")}, ${organizationOfRole}, ${sqlId("role", "n")}, now() from generate_series(0, ${size.roles - 1}) n`,
    `insert into memberships (id, user_id, organization_id, role_id, joined_at)
      select md5('scale membership ' || n)::uuid, ${sqlId("user", "n")}, ${organizationOfRole}, ${sqlId("role", "n")}, now()
      from generate_series(0, ${size.roles - 1}) n`,
    "vacuum analyze",
  ];
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    // Row-level security applies to a plain owner; this scope has every tenant.
    await client.query("select set_config('app.tenant', '*', false)");
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
