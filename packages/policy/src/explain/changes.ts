import { currentOfLimit, nameOf } from "../decision/entitlements.ts";
import { environmentOf, type RequestContext } from "../decision/request-context.ts";
import type { View } from "../decision/view.ts";
import type { EntitlementRule } from "../model/model.ts";
import type { RoleFacts } from "../model/role.ts";
import type { Change, Step } from "./explanation.ts";
import { type RelationshipChanges, relationshipChanges } from "./relationship-changes.ts";
import { conditionChanges, roleChanges } from "./role-changes.ts";
import { wouldAllow } from "./what-if.ts";

/** The maximum number of alternatives, and of one kind, so that others are also listed. */
const alternativesMax = 24;
const ofOneKindMax = 12;
/** The maximum number of sets with several changes. */
const combinedMax = 4;
/** The candidates for pairs: 300 pairs. */
const pairedMax = 25;

type ChangeSet = readonly Change[];
type Allows = (changes: ChangeSet) => boolean;

/**
 * Sets of changes that would allow the denied action, smallest change first. Each set was verified: with it, and with its
 * conditions met, the engine decides "allowed", and without any one of its changes it does not.
 */
export function changesThatAllow(
  view: View,
  action: string,
  context: RequestContext,
  steps: readonly Step[],
  otherRoles: readonly RoleFacts[],
  isComplete: () => boolean,
): readonly ChangeSet[] {
  const held = view.facts.roles ?? [];
  const rolesById = new Map([...otherRoles, ...held.filter((role) => role !== undefined)].map((role) => [role.id, role]));
  const allows: Allows = (changes) => wouldAllow(view, action, context, changes, rolesById);
  const required = requiredChanges(view, action, context, steps);
  if (allows(required)) return [minimal(required, allows)];
  const ofRelationships = relationshipChanges(view, action, context);
  const { narrow } = ofRelationships;
  // While relationships are pending, the evaluation is repeated later, so nothing is tried now.
  if (!isComplete()) return [];
  const withRequired: Allows = (changes) => allows([...required, ...changes]);
  const isNonMember = held.length === 0;
  const ofRoles = roleChanges(view, action, otherRoles, isNonMember || ofRelationships.takesRoles);
  const bans = () => [...narrow, ...ofRelationships.wide()].filter(isLift);
  const bySubject = byRelationships(ofRelationships, withRequired).slice(0, ofOneKindMax);
  // If only a ban denies, a role that bypasses it would defeat the rule.
  const isBanned = bySubject.some((changes) => changes.every(isLift));
  const found = [
    ...bySubject,
    ...(isBanned ? [] : oneOf(ofRoles, bans, withRequired).slice(0, ofOneKindMax)),
    ...oneOf([...conditionChanges(steps), ...ofRelationships.conditional], bans, withRequired),
  ];
  return found.slice(0, alternativesMax).map((changes) => minimal([...required, ...changes], allows));
}

const isLift = ({ kind }: Change): boolean => kind === "remove_relationship";

/** Single relationships of the user, otherwise single ones of others, otherwise pairs, otherwise as many as needed. */
function byRelationships(changes: RelationshipChanges, allows: Allows): readonly ChangeSet[] {
  const { narrow } = changes;
  const single = singles(narrow, allows);
  if (single.length > 0) return single;
  const wide = changes.wide();
  const singleWide = singles(wide, allows);
  if (singleWide.length > 0) return singleWide;
  const all = [...narrow, ...wide];
  const pairs = pairsOf(all.slice(0, pairedMax), allows);
  if (pairs.length > 0) return pairs;
  return [narrow, all]
    .filter(allows)
    .slice(0, 1)
    .map((changes) => narrowest(changes, allows));
}

/** Each sufficient change, if necessary together with lifting the bans that block it. */
function oneOf(changes: ChangeSet, bans: () => ChangeSet, allows: Allows): readonly ChangeSet[] {
  const single = singles(changes, allows);
  if (single.length > 0 || changes.length === 0) return single;
  const lifted = bans();
  if (lifted.length === 0 || allows(lifted)) return [];
  return changes
    .filter((change) => allows([...lifted, change]))
    .slice(0, combinedMax)
    .map((change) => [...narrowest(lifted, (fewer) => allows([...fewer, change])), change]);
}

const singles = (changes: ChangeSet, allows: Allows): readonly ChangeSet[] =>
  changes.map((change) => [change]).filter((change) => allows(change));

function pairsOf(changes: ChangeSet, allows: Allows): readonly ChangeSet[] {
  const found: ChangeSet[] = [];
  for (const [index, one] of changes.entries()) {
    for (const other of changes.slice(index + 1)) {
      if (allows([one, other])) found.push([one, other]);
      if (found.length === combinedMax) return found;
    }
  }
  return found;
}

/** Removes unnecessary changes: of three bans, one may not matter. */
function minimal(changes: ChangeSet, allows: Allows): ChangeSet {
  let needed = changes;
  for (const change of changes) {
    const fewer = needed.filter((each) => each !== change);
    if (allows(fewer)) needed = fewer;
  }
  return needed;
}

/** The same; the largest changes are removed first. */
const narrowest = (changes: ChangeSet, allows: Allows): ChangeSet => minimal(changes.toReversed(), allows).toReversed();

/** Blockers of any permission: status, credential, denials of roles, the plan. */
function requiredChanges(view: View, action: string, context: RequestContext, steps: readonly Step[]): Change[] {
  const { user, tenant } = view.facts;
  const changes: Change[] = [];
  if (user.status !== undefined && user.status !== "Active") changes.push({ kind: "activate_user" });
  if (tenant.status !== undefined && tenant.status !== "Active") changes.push({ kind: "activate_tenant" });
  const weak = steps.flatMap((step) => (step.part === "session_strength" && step.outcome === "failed" ? [step.rule] : []));
  if (weak.length > 0) changes.push({ kind: "stronger_session", rules: weak });
  if (steps.some((step) => step.part === "key_scope" && step.outcome === "failed"))
    changes.push({ kind: "widen_scopes", permission: action });
  for (const step of steps) {
    if (step.part === "role" && step.effect === "deny" && step.outcome === "passed") {
      changes.push({ kind: "take_role", roleId: step.role.id, roleName: step.role.name });
    }
    if (step.part === "entitlement" && step.outcome === "failed") changes.push(entitlementChange(view, step.rule, context));
  }
  return changes;
}

function entitlementChange(view: View, rule: EntitlementRule, context: RequestContext): Change {
  if ("feature" in rule) return { kind: "entitlement", name: nameOf(rule), needs: "feature" };
  const current = currentOfLimit(rule, environmentOf(view, context));
  return { kind: "entitlement", name: nameOf(rule), needs: "limit", ...(typeof current === "number" ? { above: current } : {}) };
}
