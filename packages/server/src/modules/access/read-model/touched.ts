import type { LoggedEvent } from "../../../platform/log/event.ts";
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

const text = (data: Data, name: string): string => String(data[name]);
const aboutUser = (data: Data) => [userKey(text(data, "userId"))];
const aboutRole = (data: Data) => [roleKey(text(data, "roleId")), effectiveKey(text(data, "roleId"))];
const aboutPermission = () => [policyKey, everyEffectiveList];

/** Which parts each event changes. */
const touches: Readonly<Record<string, (data: Data) => readonly string[]>> = {
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
  [RolesAssigned.type]: (data) => [membershipKey(text(data, "userId"), (data["organizationId"] as string | null) ?? null)],
  [AttributesSet.type]: (data) => [
    data["userId"] === null
      ? tenantStatusKey(text(data, "organizationId"))
      : membershipKey(text(data, "userId"), text(data, "organizationId")),
  ],
  [EntitlementsSet.type]: (data) => [entitlementsKey(text(data, "organizationId"))],
  [ModelReplaced.type]: () => [policyKey],
  [TenantStatusChanged.type]: (data) => [tenantStatusKey(text(data, "organizationId")), entitlementsKey(text(data, "organizationId"))],
};

/** The events that the read model depends on. */
export const projectedTypes: readonly string[] = Object.keys(touches);

export const keysTouchedBy = (event: Pick<LoggedEvent, "type" | "data">): readonly string[] => touches[event.type]?.(event.data) ?? [];
