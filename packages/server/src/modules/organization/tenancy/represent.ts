import type { access } from "#modules/authorization/access/index.ts";
import type { ReadApisOf } from "#operation/declaration/module.ts";
import type { Invitation, Membership } from "./model.ts";
import type { InvitationRow, MembershipRow } from "./store.ts";

type AccessApi = ReadApisOf<{ readonly access: typeof access }>["access"];

/** Memberships of one scope with the names of their roles. */
export async function representMembers(
  accessApi: AccessApi,
  organizationId: string | null,
  rows: readonly MembershipRow[],
): Promise<Membership[]> {
  const roleIdsByUser = await accessApi.rolesOf(
    rows.map((row) => row.user_id),
    organizationId,
  );
  const roles = new Map((await accessApi.rolesByIds([...new Set([...roleIdsByUser.values()].flat())])).map((role) => [role.id, role]));
  return rows.map((row) => ({
    id: row.id,
    userId: row.user_id,
    organizationId: row.organization_id,
    roleId: row.role_id,
    roles: (roleIdsByUser.get(row.user_id) ?? []).flatMap((id) => {
      const role = roles.get(id);
      return role ? [{ id, name: role.name }] : [];
    }),
    joinedAt: row.joined_at.toISOString(),
    version: row.version,
  }));
}

export async function representMember(accessApi: AccessApi, row: MembershipRow): Promise<Membership> {
  return (await representMembers(accessApi, row.organization_id, [row]))[0] as Membership;
}

/** Represents a pending invitation past its expiry time as expired, also before the job has updated its status. */
export const representInvitation = (row: InvitationRow, roleIds: readonly string[], now: Date): Invitation => ({
  id: row.id,
  organizationId: row.organization_id,
  email: row.invitee_email,
  roleIds: [...roleIds],
  status: row.status === "Pending" && row.expires_at <= now ? "Expired" : row.status,
  expiresAt: row.expires_at.toISOString(),
  createdAt: row.created_at.toISOString(),
});
