import { compileRules, View } from "@gatehouse/policy";

const nothing = compileRules([]);

/**
 * The view without what the roles of the system give (Owner, Admin, Member, Administrator): what is left are the roles that the product
 * or the organization made, and relationships. The membership and relationships to the roles themselves stay.
 */
export const withoutSystemRoles = ({ policy, facts }: View): View =>
  new View(policy, { ...facts, roles: facts.roles?.map((role) => (role?.isSystem ? { ...role, rules: nothing } : role)) });
