import { type Envelope, topicOf } from "./cloud-event.ts";

/** Where S0 has a topic for an event; for some of a type it depends on what happened. */
type Rule = string | ((data: Readonly<Record<string, unknown>>) => readonly string[]);

const some = (value: unknown): boolean => Array.isArray(value) && value.length > 0;

/**
 * The topics that S0 ("Message Queue Configuration", topics) knows these events by. Two of S0's have no event: a user is not deleted
 * yet (`beauth.user.deleted`), and checks are too many to be told one by one (`beauth.audit.permission`); the metrics count them.
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
  // One event says how a person's roles are now; S0 has a topic for what came and one for what went.
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
