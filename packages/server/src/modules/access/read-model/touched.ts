import type { LoggedEvent } from "../../../platform/log/event.ts";
import { EmailVerified, UserRegistered, UserStatusChanged } from "../../identity/index.ts";
import {
  PermissionAddedToRole,
  PermissionDefined,
  PermissionDeleted,
  PermissionRemovedFromRole,
  PermissionUpdated,
  RoleCreated,
  RoleDeleted,
  RolesAssigned,
  RoleUpdated,
  TenantStatusChanged,
} from "../events.ts";
import { effectiveKey, everyEffectiveList, membershipKey, permissionKey, roleKey, tenantStatusKey, userKey } from "./keys.ts";

type Data = Record<string, unknown>;

const text = (data: Data, name: string): string => String(data[name]);
const aboutUser = (data: Data) => [userKey(text(data, "userId"))];
const aboutRole = (data: Data) => [roleKey(text(data, "roleId")), effectiveKey(text(data, "roleId"))];
const aboutPermission = (data: Data) => [permissionKey(text(data, "value")), everyEffectiveList];

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
  [RolesAssigned.type]: (data) => [membershipKey(text(data, "userId"), (data["organizationId"] as string | null) ?? null)],
  [TenantStatusChanged.type]: (data) => [tenantStatusKey(text(data, "organizationId"))],
};

/** The events that the read model depends on. */
export const projectedTypes: readonly string[] = Object.keys(touches);

export const keysTouchedBy = (event: Pick<LoggedEvent, "type" | "data">): readonly string[] => touches[event.type]?.(event.data) ?? [];
