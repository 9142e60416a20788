import { type Envelope, topicOf } from "./cloud-event.ts";

/** The alias topic of an event type, or a function of its data. */
type Rule = string | ((data: Readonly<Record<string, unknown>>) => readonly string[]);

const some = (value: unknown): boolean => Array.isArray(value) && value.length > 0;

/**
 * The alias topics of events (`beauth.…`, docs/contract.md). Two of these topics have no event: users are not deleted
 * yet (`beauth.user.deleted`), and checks are too many for an event each (`beauth.audit.permission`); metrics count them.
 */
const rules: Readonly<Record<string, Rule>> = {
  "user.registered": "beauth.user.created",
  "user.profile_updated": "beauth.user.updated",
  "user.status_changed": "beauth.user.status.changed",
  "session.started": "beauth.session.created",
  "session.ended": "beauth.session.revoked",
  "session.expired": "beauth.session.expired",
  "grant.created": "beauth.permission.granted",
  "grant.revoked": "beauth.permission.revoked",
  // One event has a person's current roles; there is one topic for added and one for removed roles.
  "assignment.changed": ({ addedRoleIds, removedRoleIds }) => [
    ...(some(addedRoleIds) ? ["beauth.role.assigned"] : []),
    ...(some(removedRoleIds) ? ["beauth.role.removed"] : []),
  ],
  "audit-log.requested": ({ actionType, category }) => {
    if (actionType === "User.Login") return ["beauth.audit.login"];
    if (actionType === "User.Logout") return ["beauth.audit.logout"];
    return category === "Security" ? ["beauth.audit.security"] : [];
  },
};

export function aliasesOf(event: Envelope): readonly string[] {
  const topic = topicOf(event.type);
  const rule = Object.hasOwn(rules, topic) ? rules[topic] : undefined;
  if (rule === undefined || typeof rule === "string") return rule === undefined ? [] : [rule];
  return rule((event.data ?? {}) as Record<string, unknown>);
}
