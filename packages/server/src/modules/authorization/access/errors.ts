import { defineError } from "#operation/declaration/errors.ts";

export const PermissionNotFound = defineError("access.permission_not_found", 404, "There is no such permission.");
export const PermissionTaken = defineError("access.permission_taken", 409, "A permission with this value is already defined.");
export const PermissionInUse = defineError(
  "access.permission_in_use",
  409,
  "A role has the permission, or another permission is below it.",
);
export const SystemPermission = defineError("access.system_permission", 409, "The product's own permissions cannot be changed.");
export const ParentNotFound = defineError("access.parent_not_found", 404, "There is no permission with the parent's value.");
export const ParentCycle = defineError("access.parent_cycle", 409, "A permission cannot be below itself.");
export const RoleNotFound = defineError("access.role_not_found", 404, "There is no such role.");
export const RoleNameTaken = defineError("access.role_name_taken", 409, "A role with this name exists in this scope.");
export const RoleInUse = defineError("access.role_in_use", 409, "A user has the role, or an open invitation offers it.");
export const SystemRole = defineError("access.system_role", 409, "System roles cannot be changed or deleted.");
export const ScopeMismatch = defineError("access.scope_mismatch", 409, "The scopes do not match.");
export const PermissionNotHeld = defineError("access.permission_not_held", 403, "You can only grant permissions that you hold yourself.");
export const UnknownPermission = defineError("access.unknown_permission", 400, "The action is not a defined permission.");
export const UnknownResourceType = defineError("access.unknown_resource_type", 400, "The resource type is not defined.");
export const UnknownRelation = defineError("access.unknown_relation", 400, "The resource type has no such relation.");
export const EvaluationLimit = defineError(
  "access.evaluation_limit",
  409,
  "The relationships or values are too deep, too long or too many to decide in bounded time.",
);
export const GrantNotFound = defineError("access.grant_not_found", 404, "There is no such grant.");
export const GrantTaken = defineError("access.grant_taken", 409, "The subject already has this relation to the resource.");
export const ModelInUse = defineError("access.model_in_use", 409, "Existing grants or conditions use something that the model leaves out.");
export const MemberNotFound = defineError("access.member_not_found", 404, "There is no such organization, or no such member in it.");
export const HoldersAbove = defineError(
  "access.holders_above",
  403,
  "You can only restrict users who hold no more permissions than you do.",
);
export const LastHolder = defineError(
  "access.last_holder",
  409,
  "At least one active owner, or administrator, must retain every permission of the product.",
);
