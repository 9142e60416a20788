import type { ConditionTrace } from "../condition/compile.ts";
import type { DecidingPart, Decision } from "../decision/decision.ts";
import type { EntitlementRule, SessionRule } from "../model/model.ts";
import type { Relationship, ResourceRef, SubjectRef } from "../relation/relationship.ts";
import type { RelationTrace } from "./trace.ts";

/** `cut_short`: the evaluation exceeded an explanation's limit. */
export type Outcome = "passed" | "failed" | "invalid" | "cut_short";

/** One step of the evaluation and its outcome, in evaluation order. */
export type Step =
  | { readonly part: "membership"; readonly outcome: Outcome; readonly roles: readonly { readonly id: string; readonly name: string }[] }
  | { readonly part: "status"; readonly outcome: Outcome; readonly user: string | null; readonly tenant: string | null }
  | { readonly part: "key_scope"; readonly outcome: Outcome; readonly scopes: readonly string[] }
  | { readonly part: "session_strength"; readonly outcome: Outcome; readonly rule: SessionRule }
  | {
      /** A role's rule about the action. It passes when it applies, whether it allows or denies. */
      readonly part: "role";
      readonly outcome: Outcome;
      readonly effect: "allow" | "deny";
      readonly role: { readonly id: string; readonly name: string };
      readonly condition?: ConditionTrace;
    }
  | {
      readonly part: "grant";
      readonly outcome: Outcome;
      readonly effect: "allow" | "deny";
      readonly resource: ResourceRef;
      readonly trace: RelationTrace;
    }
  | { readonly part: "entitlement"; readonly outcome: Outcome; readonly rule: EntitlementRule; readonly value: unknown };

/** One change that could change the decision. */
export type Change =
  | { readonly kind: "give_role"; readonly roleId: string; readonly roleName: string }
  | { readonly kind: "take_role"; readonly roleId: string; readonly roleName: string }
  | { readonly kind: "add_permission"; readonly roleId: string; readonly roleName: string; readonly permission: string }
  | { readonly kind: "add_relationship"; readonly resource: ResourceRef; readonly relation: string; readonly subject: SubjectRef }
  | { readonly kind: "remove_relationship"; readonly relationship: Relationship }
  | { readonly kind: "activate_user" }
  | { readonly kind: "activate_tenant" }
  | { readonly kind: "widen_scopes"; readonly permission: string }
  | { readonly kind: "stronger_session"; readonly rules: readonly SessionRule[] }
  | { readonly kind: "entitlement"; readonly name: string; readonly needs: "feature" | "limit"; readonly above?: number }
  /** The condition of a role's rule or a relationship would have to hold: its trace has the compared values. */
  | { readonly kind: "meet_condition"; readonly roleId: string; readonly roleName: string; readonly condition: ConditionTrace }
  | { readonly kind: "meet_condition"; readonly relationship: Relationship; readonly condition: ConditionTrace };

export interface Explanation {
  readonly decision: Decision;
  readonly part: DecidingPart;
  readonly steps: readonly Step[];
  /**
   * For a denial: sets of changes that would allow it, each sufficient and minimal. Those that change least
   * come first: a relationship of this user, one of others, a role, a system role, a condition that would have to hold.
   */
  readonly changes: readonly (readonly Change[])[];
}
