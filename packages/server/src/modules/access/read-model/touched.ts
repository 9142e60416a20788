import type { LoggedEvent } from "../../../platform/log/event.ts";
import type { Endings } from "../../../platform/log/follower.ts";
import { EmailVerified, UserRegistered, UserStatusChanged } from "../../identity/index.ts";
import {
  AttributesSet,
  EntitlementsSet,
  ModelReplaced,
  PermissionAddedToRole,
  PermissionDefined,
  PermissionDeleted,
  PermissionRemovedFromRole,
  PermissionUpdated,
  RoleCreated,
  RoleDeleted,
  RoleRuleSet,
  RolesAssigned,
  RoleUpdated,
  TenantStatusChanged,
} from "../events.ts";
import { effectiveKey, entitlementsKey, everyEffectiveList, membershipKey, policyKey, roleKey, tenantStatusKey, userKey } from "./keys.ts";

type Data = Record<string, unknown>;

/** Which parts an event changes, and the fields of its data that say so. */
interface Touch {
  readonly by: readonly string[];
  keys(data: Data): readonly string[];
}

const text = (data: Data, name: string): string => String(data[name]);
const aboutUser: Touch = { by: ["userId"], keys: (data) => [userKey(text(data, "userId"))] };
const aboutRole: Touch = { by: ["roleId"], keys: (data) => [roleKey(text(data, "roleId")), effectiveKey(text(data, "roleId"))] };
const aboutPermission: Touch = { by: [], keys: () => [policyKey, everyEffectiveList] };

const touches: Readonly<Record<string, Touch>> = {
  [UserRegistered.type]: aboutUser,
  [EmailVerified.type]: aboutUser,
  [UserStatusChanged.type]: aboutUser,
  [PermissionDefined.type]: aboutPermission,
  [PermissionUpdated.type]: aboutPermission,
  [PermissionDeleted.type]: aboutPermission,
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
  [TenantStatusChanged.type]: {
    by: ["organizationId"],
    keys: (data) => [tenantStatusKey(text(data, "organizationId")), entitlementsKey(text(data, "organizationId"))],
  },
};

/** The events that the read model depends on. */
export const projectedTypes: readonly string[] = Object.keys(touches);

/** The same, with the fields by which the parts are found that they change. */
export const projectedEndings: Endings = Object.fromEntries(Object.entries(touches).map(([type, { by }]) => [type, by]));

export const keysTouchedBy = (event: Pick<LoggedEvent, "type" | "data">): readonly string[] => touches[event.type]?.keys(event.data) ?? [];
