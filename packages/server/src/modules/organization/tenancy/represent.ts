import type { QueryContextOf } from "#operation/contexts-of.ts";
import type { Invitation, Membership } from "./model.ts";
import type { tenancy } from "./module.ts";
import type { InvitationRow, MembershipRow } from "./store.ts";

type AccessApi = QueryContextOf<typeof tenancy>["uses"]["access"];

/** Memberships of one scope with the names of their roles. */
export async function representMembers(
  access: AccessApi,
  organizationId: string | null,
  rows: readonly MembershipRow[],
): Promise<Membership[]> {
  const held = await access.rolesOf(
    rows.map((row) => row.user_id),
    organizationId,
  );
  const roles = new Map((await access.rolesByIds([...new Set([...held.values()].flat())])).map((role) => [role.id, role]));
  return rows.map((row) => ({
    id: row.id,
    userId: row.user_id,
    organizationId: row.organization_id,
    roleId: row.role_id,
    roles: (held.get(row.user_id) ?? []).flatMap((id) => {
      const role = roles.get(id);
      return role ? [{ id, name: role.name }] : [];
    }),
    joinedAt: row.joined_at.toISOString(),
    version: row.version,
  }));
}

export async function representMember(access: AccessApi, row: MembershipRow): Promise<Membership> {
  return (await representMembers(access, row.organization_id, [row]))[0] as Membership;
}

/** A pending invitation whose time is over is shown as expired, whether or not it was marked so. */
export const representInvitation = (row: InvitationRow, roleIds: readonly string[], now: Date): Invitation => ({
  id: row.id,
  organizationId: row.organization_id,
  email: row.invitee_email,
  roleIds: [...roleIds],
  status: row.status === "Pending" && row.expires_at <= now ? "Expired" : row.status,
  expiresAt: row.expires_at.toISOString(),
  createdAt: row.created_at.toISOString(),
});
