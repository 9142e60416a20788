import { compileRules, View } from "@gatehouse/policy";

const nothing = compileRules([]);

/**
 * The view without the rules of system roles (Owner, Admin, Member, Administrator). Custom roles and relationships stay, as do the
 * membership and relationships to the system roles themselves.
 */
export const withoutSystemRoles = ({ policy, facts }: View): View =>
  new View(policy, { ...facts, roles: facts.roles?.map((role) => (role?.isSystem ? { ...role, rules: nothing } : role)) });
