import {
  AttributesSet,
  EntitlementsSet,
  entitlementsKey,
  ModelReplaced,
  membershipKey,
  PermissionAddedToRole,
  PermissionDefined,
  PermissionDeleted,
  PermissionRemovedFromRole,
  PermissionUpdated,
  policyKey,
  RoleCreated,
  RoleDeleted,
  RoleRuleSet,
  RolesAssigned,
  RoleUpdated,
  roleKey,
  ServiceStatusChanged,
  TenantStatusChanged,
  tenantStatusKey,
  userKey,
} from "#modules/authorization/access/index.ts";
import { EmailVerified, ProfileUpdated, UserRegistered, UserStatusChanged } from "#modules/foundation/identity/index.ts";
import type { LoggedEvent } from "#platform/log/event.ts";
import type { RevokingEvents } from "#platform/log/follower.ts";

type Data = Record<string, unknown>;

/** The entries that an event changes, and the fields of its data that identify them. */
interface Touch {
  readonly by: readonly string[];
  keys(data: Data): readonly string[];
}

const text = (data: Data, name: string): string => String(data[name]);
const aboutUser: Touch = { by: ["userId"], keys: (data) => [userKey(text(data, "userId"))] };
const aboutRole: Touch = { by: ["roleId"], keys: (data) => [roleKey(text(data, "roleId"))] };
const aboutTree: Touch = { by: ["value", "parent", "previousParent"], keys: (data) => (isMove(data) ? [policyKey] : []) };

/** Whether a permission's parent changed. An update of the description does not affect decisions. */
const isMove = ({ previousParent, parent }: Data): boolean => previousParent === undefined || previousParent !== parent;

const touches: Readonly<Record<string, Touch>> = {
  [UserRegistered.type]: aboutUser,
  [EmailVerified.type]: aboutUser,
  [ProfileUpdated.type]: aboutUser,
  [UserStatusChanged.type]: aboutUser,
  [PermissionDefined.type]: aboutTree,
  [PermissionUpdated.type]: aboutTree,
  [PermissionDeleted.type]: aboutTree,
  [RoleCreated.type]: aboutRole,
  [RoleUpdated.type]: aboutRole,
  [RoleDeleted.type]: aboutRole,
  [PermissionAddedToRole.type]: aboutRole,
  [PermissionRemovedFromRole.type]: aboutRole,
  [RoleRuleSet.type]: aboutRole,
  [RolesAssigned.type]: {
    by: ["userId", "organizationId"],
    keys: (data) => [membershipKey(text(data, "userId"), (data["organizationId"] as string | null) ?? null)],
  },
  [AttributesSet.type]: {
    by: ["userId", "organizationId"],
    keys: (data) => [
      data["userId"] === null
        ? tenantStatusKey(text(data, "organizationId"))
        : membershipKey(text(data, "userId"), text(data, "organizationId")),
    ],
  },
  [EntitlementsSet.type]: { by: ["organizationId"], keys: (data) => [entitlementsKey(text(data, "organizationId"))] },
  [ModelReplaced.type]: { by: [], keys: () => [policyKey] },
  [ServiceStatusChanged.type]: { by: ["serviceId"], keys: (data) => [userKey(text(data, "serviceId"))] },
  [TenantStatusChanged.type]: {
    by: ["organizationId"],
    keys: (data) => [tenantStatusKey(text(data, "organizationId")), entitlementsKey(text(data, "organizationId"))],
  },
};

/** The events that the projection depends on. */
export const projectedTypes: readonly string[] = Object.keys(touches);

/** The same events, with the fields that identify the changed entries. */
export const revokingEvents: RevokingEvents = Object.fromEntries(Object.entries(touches).map(([type, { by }]) => [type, by]));

export const keysTouchedBy = (event: Pick<LoggedEvent, "type" | "data">): readonly string[] => touches[event.type]?.keys(event.data) ?? [];

const treeTypes: ReadonlySet<string> = new Set([PermissionDefined.type, PermissionUpdated.type, PermissionDeleted.type]);

/**
 * The change of the policy by an event: the permission whose position in the tree changes, so that decisions about others are unaffected; null
 * if it may affect every decision; undefined if it changes nothing.
 */
export function policyChangeOf(event: Pick<LoggedEvent, "type" | "data">): string | null | undefined {
  if (!keysTouchedBy(event).includes(policyKey)) return undefined;
  const { value } = event.data;
  // Events of the previous release lack the permission's name.
  return treeTypes.has(event.type) && typeof value === "string" ? value : null;
}
