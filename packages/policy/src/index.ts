export { type Decision, type DecisionReason, decide, type RoleFacts, type SubjectFacts } from "./decide.ts";
export { effectivePermissions, type PermissionNode } from "./tree.ts";
